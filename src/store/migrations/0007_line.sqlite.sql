-- What a delivery writes no longer depends on how long the line is: a claim and its settlement used to write a page of
-- its own for each sales unit's place in an index over all that waits.

-- The line of each sales unit and stage: what waits and nobody has claimed. A claim leaves its entry behind; those that
-- were passed go many at a time, from one page. So an entry counts only from where waiting says that the line begins,
-- and only while its callback waits and is due then. Kept by the triggers below.
CREATE TABLE line (
    stage  TEXT NOT NULL,
    msn    TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    id     INTEGER NOT NULL,
    PRIMARY KEY (stage, msn, due_at, id)
) STRICT, WITHOUT ROWID;
INSERT INTO line (stage, msn, due_at, id)
    SELECT stage, msn, due_at, id FROM callbacks WHERE ended_at IS NULL AND leased = 0 ORDER BY stage, msn, due_at, id;

DROP TRIGGER callbacks_queued;
DROP TRIGGER callbacks_changed;
DROP TRIGGER callbacks_deleted;
DROP TABLE waiting;
-- Where the line of a sales unit begins: there is a row while it has an entry that counts. passed: how many have been
-- taken from its beginning since the passed ones went. Null only inside a trigger.
CREATE TABLE waiting (
    stage    TEXT NOT NULL,
    msn      TEXT NOT NULL,
    first_at INTEGER,
    first_id INTEGER,
    passed   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (stage, msn)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_first ON waiting (stage, first_at);
INSERT INTO waiting (stage, msn, first_at, first_id)
    SELECT stage, msn, due_at, id FROM (SELECT stage, msn, due_at, id,
        row_number() OVER (PARTITION BY stage, msn ORDER BY due_at, id) AS place FROM line) WHERE place = 1;

-- Its order changed with each claim. What waits, claimed or not, is in the order of its numbers now, as it came.
DROP INDEX callbacks_due;
CREATE INDEX callbacks_open ON callbacks (stage, id, msn, ended_at) WHERE ended_at IS NULL;
-- With leased itself, what is in flight is told from the index alone.
DROP INDEX callbacks_leased;
CREATE INDEX callbacks_leased ON callbacks (stage, msn, due_at, leased) WHERE leased = 1;

CREATE TRIGGER callbacks_queued AFTER INSERT ON callbacks WHEN NEW.leased = 0 AND NEW.ended_at IS NULL
BEGIN
    INSERT INTO line (stage, msn, due_at, id) VALUES (NEW.stage, NEW.msn, NEW.due_at, NEW.id) ON CONFLICT DO NOTHING;
    INSERT INTO waiting (stage, msn, first_at, first_id) VALUES (NEW.stage, NEW.msn, NEW.due_at, NEW.id)
        ON CONFLICT (stage, msn) DO UPDATE SET first_at = excluded.first_at, first_id = excluded.first_id
        WHERE (excluded.first_at, excluded.first_id) < (first_at, first_id);
END;

-- It waits (again), or at another place.
CREATE TRIGGER callbacks_joined AFTER UPDATE OF stage, due_at, leased, ended_at ON callbacks
WHEN NEW.leased = 0 AND NEW.ended_at IS NULL
    AND NOT (OLD.leased = 0 AND OLD.ended_at IS NULL AND OLD.stage = NEW.stage AND OLD.due_at = NEW.due_at)
BEGIN
    INSERT INTO line (stage, msn, due_at, id) VALUES (NEW.stage, NEW.msn, NEW.due_at, NEW.id) ON CONFLICT DO NOTHING;
    INSERT INTO waiting (stage, msn, first_at, first_id) VALUES (NEW.stage, NEW.msn, NEW.due_at, NEW.id)
        ON CONFLICT (stage, msn) DO UPDATE SET first_at = excluded.first_at, first_id = excluded.first_id
        WHERE (excluded.first_at, excluded.first_id) < (first_at, first_id);
END;

-- It waits no more, or not there. Only where it was the first the line begins elsewhere: at the next one that counts.
CREATE TRIGGER callbacks_left AFTER UPDATE OF stage, due_at, leased, ended_at ON callbacks
WHEN OLD.leased = 0 AND OLD.ended_at IS NULL
    AND NOT (NEW.leased = 0 AND NEW.ended_at IS NULL AND OLD.stage = NEW.stage AND OLD.due_at = NEW.due_at)
BEGIN
    -- What was not claimed leaves nothing behind: it may stand far from the beginning.
    DELETE FROM line WHERE NEW.leased = 0
        AND stage = OLD.stage AND msn = OLD.msn AND due_at = OLD.due_at AND id = OLD.id;
    UPDATE waiting SET passed = passed + 1, (first_at, first_id) = (SELECT l.due_at, l.id
            FROM line l CROSS JOIN callbacks c ON c.id = l.id
            WHERE l.stage = OLD.stage AND l.msn = OLD.msn AND (l.due_at, l.id) > (OLD.due_at, OLD.id)
                AND c.leased = 0 AND c.ended_at IS NULL AND c.stage = l.stage AND c.due_at = l.due_at
            ORDER BY l.due_at, l.id LIMIT 1)
        WHERE stage = OLD.stage AND msn = OLD.msn AND first_at = OLD.due_at AND first_id = OLD.id;
END;

CREATE TRIGGER callbacks_deleted AFTER DELETE ON callbacks WHEN OLD.leased = 0 AND OLD.ended_at IS NULL
BEGIN
    DELETE FROM line WHERE stage = OLD.stage AND msn = OLD.msn AND due_at = OLD.due_at AND id = OLD.id;
    UPDATE waiting SET passed = passed + 1, (first_at, first_id) = (SELECT l.due_at, l.id
            FROM line l CROSS JOIN callbacks c ON c.id = l.id
            WHERE l.stage = OLD.stage AND l.msn = OLD.msn AND (l.due_at, l.id) > (OLD.due_at, OLD.id)
                AND c.leased = 0 AND c.ended_at IS NULL AND c.stage = l.stage AND c.due_at = l.due_at
            ORDER BY l.due_at, l.id LIMIT 1)
        WHERE stage = OLD.stage AND msn = OLD.msn AND first_at = OLD.due_at AND first_id = OLD.id;
END;

-- The last one to leave takes the unit with it, and all that was left behind.
CREATE TRIGGER waiting_over AFTER UPDATE OF first_at ON waiting WHEN NEW.first_at IS NULL
BEGIN
    DELETE FROM line WHERE stage = NEW.stage AND msn = NEW.msn;
    DELETE FROM waiting WHERE stage = NEW.stage AND msn = NEW.msn;
END;

CREATE TRIGGER waiting_passed AFTER UPDATE OF first_at ON waiting WHEN NEW.first_at IS NOT NULL AND NEW.passed >= 32
BEGIN
    DELETE FROM line WHERE stage = NEW.stage AND msn = NEW.msn AND (due_at, id) < (NEW.first_at, NEW.first_id);
    UPDATE waiting SET passed = 0 WHERE stage = NEW.stage AND msn = NEW.msn;
END;
