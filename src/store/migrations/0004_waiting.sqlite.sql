-- What a claim costs no longer depends on how many sales units have something waiting, and what a dead process had
-- claimed can be told from what is only due later.

-- The sales units with waiting callbacks of a stage, and when the first of them is due (or its lease ends). Kept by the
-- triggers below, so that no statement can forget it.
CREATE TABLE waiting (
    stage    TEXT NOT NULL,
    msn      TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    PRIMARY KEY (stage, msn)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_first ON waiting (stage, first_at);
INSERT INTO waiting (stage, msn, first_at)
    SELECT stage, msn, min(due_at) FROM callbacks WHERE ended_at IS NULL GROUP BY stage, msn;
-- Its questions are answered by waiting_first.
DROP INDEX callbacks_next;

CREATE TRIGGER callbacks_queued AFTER INSERT ON callbacks WHEN NEW.ended_at IS NULL
BEGIN
    INSERT INTO waiting (stage, msn, first_at) VALUES (NEW.stage, NEW.msn, NEW.due_at)
        ON CONFLICT (stage, msn) DO UPDATE SET first_at = excluded.first_at WHERE excluded.first_at < first_at;
END;

CREATE TRIGGER callbacks_changed AFTER UPDATE OF stage, msn, due_at, ended_at ON callbacks
BEGIN
    INSERT INTO waiting (stage, msn, first_at) SELECT NEW.stage, NEW.msn, NEW.due_at WHERE NEW.ended_at IS NULL
        ON CONFLICT (stage, msn) DO UPDATE SET first_at = excluded.first_at WHERE excluded.first_at < first_at;
    -- Only where it was the first: the last one to leave takes the unit with it, else the next one is the first.
    DELETE FROM waiting WHERE stage = OLD.stage AND msn = OLD.msn AND first_at = OLD.due_at AND NOT EXISTS
        (SELECT 1 FROM callbacks c WHERE c.ended_at IS NULL AND c.stage = OLD.stage AND c.msn = OLD.msn);
    UPDATE waiting SET first_at = (SELECT min(c.due_at) FROM callbacks c
        WHERE c.ended_at IS NULL AND c.stage = OLD.stage AND c.msn = OLD.msn)
        WHERE stage = OLD.stage AND msn = OLD.msn AND first_at = OLD.due_at;
END;

CREATE TRIGGER callbacks_deleted AFTER DELETE ON callbacks WHEN OLD.ended_at IS NULL
BEGIN
    DELETE FROM waiting WHERE stage = OLD.stage AND msn = OLD.msn AND first_at = OLD.due_at AND NOT EXISTS
        (SELECT 1 FROM callbacks c WHERE c.ended_at IS NULL AND c.stage = OLD.stage AND c.msn = OLD.msn);
    UPDATE waiting SET first_at = (SELECT min(c.due_at) FROM callbacks c
        WHERE c.ended_at IS NULL AND c.stage = OLD.stage AND c.msn = OLD.msn)
        WHERE stage = OLD.stage AND msn = OLD.msn AND first_at = OLD.due_at;
END;

-- Whether somebody looks at the payment until poll_at.
ALTER TABLE payments ADD COLUMN poll_leased INTEGER NOT NULL DEFAULT 0 CHECK (poll_leased IN (0, 1));
CREATE INDEX payments_polled ON payments (poll_leased) WHERE poll_leased = 1;
