-- The ledger: what is known of each payment's sums, when it is looked at, what does not fit together.

-- origin and msn: '' where not known. class: how it may still change, '' where it can't any more.
-- capture_day, refund_day: days since 1970 from which its time runs, -1 for none. news: one more with each piece of it.
-- due_at: when it is read next, or until when somebody reads it; null: not by itself.
CREATE TABLE ledger (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    scope            TEXT NOT NULL,
    order_id         TEXT NOT NULL,
    msn              TEXT NOT NULL,
    reference        TEXT,
    origin           TEXT NOT NULL CHECK (origin IN ('', 'ecom', 'epayment')),
    kind             TEXT NOT NULL CHECK (kind IN ('regular', 'express', 'unproven')),
    amount           INTEGER CHECK (amount >= 0),
    currency         TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    state            TEXT NOT NULL,
    authorized       INTEGER NOT NULL DEFAULT 0 CHECK (authorized >= 0),
    captured         INTEGER NOT NULL DEFAULT 0 CHECK (captured >= 0),
    refunded         INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    cancelled        INTEGER NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    reserved_at      INTEGER,
    captured_at      INTEGER,
    guaranteed_until INTEGER,
    learnt_at        INTEGER NOT NULL,
    learnt           TEXT NOT NULL,
    class            TEXT NOT NULL,
    capture_day      INTEGER NOT NULL,
    refund_day       INTEGER NOT NULL,
    to_capture       INTEGER NOT NULL DEFAULT 0,
    to_refund        INTEGER NOT NULL DEFAULT 0,
    news             INTEGER NOT NULL DEFAULT 0,
    checked_at       INTEGER,
    due_at           INTEGER,
    lease            INTEGER NOT NULL DEFAULT 0,
    looks            INTEGER NOT NULL DEFAULT 0,
    trouble          TEXT,
    UNIQUE (order_id, scope)
) STRICT;
CREATE INDEX ledger_due ON ledger (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ledger_of_unit ON ledger (msn, id);
CREATE INDEX ledger_guaranteed ON ledger (guaranteed_until)
    WHERE guaranteed_until IS NOT NULL AND class IN ('reserved', 'partly_captured');

-- Those that may still change, counted by what ages them. Kept by the triggers below, whoever changes the ledger.
CREATE TABLE open_days (
    msn         TEXT NOT NULL,
    origin      TEXT NOT NULL,
    class       TEXT NOT NULL,
    currency    TEXT NOT NULL,
    capture_day INTEGER NOT NULL,
    refund_day  INTEGER NOT NULL,
    payments    INTEGER NOT NULL,
    to_capture  INTEGER NOT NULL,
    to_refund   INTEGER NOT NULL,
    PRIMARY KEY (msn, origin, class, currency, capture_day, refund_day)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER ledger_counts_new AFTER INSERT ON ledger WHEN NEW.class <> '' BEGIN
    INSERT INTO open_days VALUES (NEW.msn, NEW.origin, NEW.class, NEW.currency, NEW.capture_day, NEW.refund_day,
        1, NEW.to_capture, NEW.to_refund)
    ON CONFLICT (msn, origin, class, currency, capture_day, refund_day) DO UPDATE SET payments = payments + 1,
        to_capture = to_capture + excluded.to_capture, to_refund = to_refund + excluded.to_refund;
END;

CREATE TRIGGER ledger_counts_gone AFTER DELETE ON ledger WHEN OLD.class <> '' BEGIN
    UPDATE open_days SET payments = payments - 1, to_capture = to_capture - OLD.to_capture,
        to_refund = to_refund - OLD.to_refund
    WHERE msn = OLD.msn AND origin = OLD.origin AND class = OLD.class AND currency = OLD.currency
        AND capture_day = OLD.capture_day AND refund_day = OLD.refund_day;
    DELETE FROM open_days WHERE payments = 0 AND msn = OLD.msn AND origin = OLD.origin AND class = OLD.class
        AND currency = OLD.currency AND capture_day = OLD.capture_day AND refund_day = OLD.refund_day;
END;

CREATE TRIGGER ledger_counts_changed AFTER UPDATE ON ledger
WHEN (OLD.msn, OLD.origin, OLD.class, OLD.currency, OLD.capture_day, OLD.refund_day, OLD.to_capture, OLD.to_refund)
  <> (NEW.msn, NEW.origin, NEW.class, NEW.currency, NEW.capture_day, NEW.refund_day, NEW.to_capture, NEW.to_refund)
BEGIN
    UPDATE open_days SET payments = payments - 1, to_capture = to_capture - OLD.to_capture,
        to_refund = to_refund - OLD.to_refund
    WHERE msn = OLD.msn AND origin = OLD.origin AND class = OLD.class AND currency = OLD.currency
        AND capture_day = OLD.capture_day AND refund_day = OLD.refund_day;
    DELETE FROM open_days WHERE payments = 0 AND msn = OLD.msn AND origin = OLD.origin AND class = OLD.class
        AND currency = OLD.currency AND capture_day = OLD.capture_day AND refund_day = OLD.refund_day;
    INSERT INTO open_days SELECT NEW.msn, NEW.origin, NEW.class, NEW.currency, NEW.capture_day, NEW.refund_day,
        1, NEW.to_capture, NEW.to_refund WHERE NEW.class <> ''
    ON CONFLICT (msn, origin, class, currency, capture_day, refund_day) DO UPDATE SET payments = payments + 1,
        to_capture = to_capture + excluded.to_capture, to_refund = to_refund + excluded.to_refund;
END;

CREATE TABLE mismatches (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    scope       TEXT NOT NULL,
    order_id    TEXT NOT NULL,
    kind        TEXT NOT NULL,
    about       TEXT NOT NULL,
    found_at    INTEGER NOT NULL,
    told        INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),
    resolved_at INTEGER,
    UNIQUE (order_id, scope, kind, about)
) STRICT;
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
    WHEN order_id GLOB '*[^a-zA-Z0-9-]*' THEN NULL
    WHEN length(order_id) < 8 THEN 'ecom-id-' || order_id
    WHEN substr(order_id, 1, 8) = 'ecom-id-' AND length(order_id) BETWEEN 9 AND 15 THEN NULL
    ELSE order_id END;
