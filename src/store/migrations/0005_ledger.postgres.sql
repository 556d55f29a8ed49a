-- The ledger: what is known of each payment's sums, when it is looked at, what does not fit together.

-- origin and msn: '' where not known. class: how it may still change, '' where it can't any more.
-- capture_day, refund_day: days since 1970 from which its time runs, -1 for none. news: one more with each piece of it.
-- due_at: when it is read next, or until when somebody reads it; null: not by itself.
CREATE TABLE ledger (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope            TEXT COLLATE "C" NOT NULL,
    order_id         TEXT COLLATE "C" NOT NULL,
    msn              TEXT COLLATE "C" NOT NULL,
    reference        TEXT COLLATE "C",
    origin           TEXT COLLATE "C" NOT NULL CHECK (origin IN ('', 'ecom', 'epayment')),
    kind             TEXT NOT NULL CHECK (kind IN ('regular', 'express', 'unproven')),
    amount           BIGINT CHECK (amount >= 0),
    currency         TEXT COLLATE "C" NOT NULL,
    created_at       BIGINT NOT NULL,
    state            TEXT NOT NULL,
    authorized       BIGINT NOT NULL DEFAULT 0 CHECK (authorized >= 0),
    captured         BIGINT NOT NULL DEFAULT 0 CHECK (captured >= 0),
    refunded         BIGINT NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    cancelled        BIGINT NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    reserved_at      BIGINT,
    captured_at      BIGINT,
    guaranteed_until BIGINT,
    learnt_at        BIGINT NOT NULL,
    learnt           TEXT NOT NULL,
    class            TEXT COLLATE "C" NOT NULL,
    capture_day      BIGINT NOT NULL,
    refund_day       BIGINT NOT NULL,
    to_capture       BIGINT NOT NULL DEFAULT 0,
    to_refund        BIGINT NOT NULL DEFAULT 0,
    news             BIGINT NOT NULL DEFAULT 0,
    checked_at       BIGINT,
    due_at           BIGINT,
    lease            BIGINT NOT NULL DEFAULT 0,
    looks            BIGINT NOT NULL DEFAULT 0,
    trouble          TEXT,
    UNIQUE (order_id, scope)
);
CREATE INDEX ledger_due ON ledger (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX ledger_of_unit ON ledger (msn, id);
CREATE INDEX ledger_guaranteed ON ledger (guaranteed_until)
    WHERE guaranteed_until IS NOT NULL AND class IN ('reserved', 'partly_captured');

-- Those that may still change, counted by what ages them. A change is a row of its own, so that payments of one unit never
-- wait for each other; the rows are added up in the background.
CREATE TABLE open_days (
    msn         TEXT COLLATE "C" NOT NULL,
    origin      TEXT COLLATE "C" NOT NULL,
    class       TEXT COLLATE "C" NOT NULL,
    currency    TEXT COLLATE "C" NOT NULL,
    capture_day BIGINT NOT NULL,
    refund_day  BIGINT NOT NULL,
    payments    BIGINT NOT NULL,
    to_capture  BIGINT NOT NULL,
    to_refund   BIGINT NOT NULL,
    PRIMARY KEY (msn, origin, class, currency, capture_day, refund_day)
);
CREATE INDEX open_days_empty ON open_days (msn) WHERE payments = 0;
CREATE TABLE open_changes (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    msn         TEXT COLLATE "C" NOT NULL,
    origin      TEXT COLLATE "C" NOT NULL,
    class       TEXT COLLATE "C" NOT NULL,
    currency    TEXT COLLATE "C" NOT NULL,
    capture_day BIGINT NOT NULL,
    refund_day  BIGINT NOT NULL,
    payments    BIGINT NOT NULL,
    to_capture  BIGINT NOT NULL,
    to_refund   BIGINT NOT NULL
);

CREATE FUNCTION ledger_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        IF OLD.class <> '' THEN
            INSERT INTO open_changes (msn, origin, class, currency, capture_day, refund_day, payments, to_capture, to_refund)
            VALUES (OLD.msn, OLD.origin, OLD.class, OLD.currency, OLD.capture_day, OLD.refund_day, -1, -OLD.to_capture,
                -OLD.to_refund);
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        IF NEW.class <> '' THEN
            INSERT INTO open_changes (msn, origin, class, currency, capture_day, refund_day, payments, to_capture, to_refund)
            VALUES (NEW.msn, NEW.origin, NEW.class, NEW.currency, NEW.capture_day, NEW.refund_day, 1, NEW.to_capture,
                NEW.to_refund);
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_counts_new AFTER INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_counts();
CREATE TRIGGER ledger_counts_gone AFTER DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_counts();
CREATE TRIGGER ledger_counts_changed AFTER UPDATE ON ledger FOR EACH ROW
WHEN ((OLD.msn, OLD.origin, OLD.class, OLD.currency, OLD.capture_day, OLD.refund_day, OLD.to_capture, OLD.to_refund)
    IS DISTINCT FROM
    (NEW.msn, NEW.origin, NEW.class, NEW.currency, NEW.capture_day, NEW.refund_day, NEW.to_capture, NEW.to_refund))
EXECUTE FUNCTION ledger_counts();

CREATE TABLE mismatches (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope       TEXT COLLATE "C" NOT NULL,
    order_id    TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    about       TEXT COLLATE "C" NOT NULL,
    found_at    BIGINT NOT NULL,
    told        BOOLEAN NOT NULL DEFAULT false,
    resolved_at BIGINT,
    UNIQUE (order_id, scope, kind, about)
);
CREATE INDEX mismatches_open ON mismatches (kind) WHERE resolved_at IS NULL;

-- What is there already: where it stands is not known until it is read, which begins at once.
INSERT INTO ledger (scope, order_id, msn, origin, kind, amount, currency, created_at, state, learnt_at, learnt, class,
    capture_day, refund_day, due_at)
SELECT scope, order_id, coalesce(msn, ''), origin, kind, amount, coalesce(currency, 'NOK'), created_at, 'unknown',
    created_at, 'record', 'unknown', created_at / 86400000, -1, created_at
FROM payments ORDER BY id;
INSERT INTO ledger (scope, order_id, msn, origin, kind, currency, created_at, state, learnt_at, learnt, class,
    capture_day, refund_day, due_at)
SELECT scope, order_id, CASE WHEN scope LIKE '~%' THEN '' ELSE scope END, '', 'unproven', 'NOK', min(begun_at),
    'unknown', min(begun_at), 'record', 'unknown', min(begun_at) / 86400000, -1, min(begun_at)
FROM adjustments GROUP BY scope, order_id
ON CONFLICT (order_id, scope) DO NOTHING;
UPDATE ledger SET reference = CASE
    WHEN order_id ~ '[^a-zA-Z0-9-]' THEN NULL
    WHEN length(order_id) < 8 THEN 'ecom-id-' || order_id
    WHEN substr(order_id, 1, 8) = 'ecom-id-' AND length(order_id) BETWEEN 9 AND 15 THEN NULL
    ELSE order_id END;
