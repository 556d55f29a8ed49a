-- Payments, the attempts at one, and the money calls.
-- Times are milliseconds since 1970, amounts minor units, enums short words.
-- Subscription keys are never here, only a keyed hash of one (caller).

CREATE TABLE schema_version (
    version INTEGER NOT NULL
) STRICT;
INSERT INTO schema_version (version) VALUES (0);

-- The store's own secret, and the counter that a readiness check moves.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE probe (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;
INSERT INTO probe (id, count) VALUES (1, 0);

CREATE TABLE payments (
    id              INTEGER PRIMARY KEY,
    scope           TEXT NOT NULL,
    order_id        TEXT NOT NULL,
    caller          BLOB NOT NULL CHECK (length(caller) = 16),
    msn             TEXT,
    origin          TEXT NOT NULL CHECK (origin IN ('ecom', 'epayment')),
    kind            TEXT NOT NULL CHECK (kind IN ('regular', 'express', 'unproven')),
    reference       TEXT,
    amount          INTEGER CHECK (amount >= 0),
    currency        TEXT,
    text            TEXT,
    callback_prefix TEXT,
    auth_token      BLOB,
    auth_sealed     INTEGER NOT NULL CHECK (auth_sealed IN (0, 1)),
    scope_asked     TEXT,
    fall_back       TEXT,
    request_id      TEXT,
    create_key      TEXT,
    created_at      INTEGER NOT NULL,
    UNIQUE (scope, order_id)
) STRICT;
CREATE INDEX payments_of_caller_by_order ON payments (caller, order_id, msn) WHERE msn IS NOT NULL;
CREATE INDEX payments_of_caller_by_unit ON payments (caller, msn) WHERE msn IS NOT NULL;

-- An attempt is deleted when it ends. AUTOINCREMENT: a late finish must not meet another attempt of the same number.
CREATE TABLE attempts (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    scope           TEXT NOT NULL,
    order_id        TEXT NOT NULL,
    caller          BLOB NOT NULL CHECK (length(caller) = 16),
    msn             TEXT,
    origin          TEXT NOT NULL CHECK (origin IN ('ecom', 'epayment')),
    kind            TEXT NOT NULL CHECK (kind IN ('regular', 'express', 'unproven')),
    reference       TEXT,
    amount          INTEGER CHECK (amount >= 0),
    currency        TEXT,
    text            TEXT,
    callback_prefix TEXT,
    auth_token      BLOB,
    auth_sealed     INTEGER NOT NULL CHECK (auth_sealed IN (0, 1)),
    scope_asked     TEXT,
    fall_back       TEXT,
    request_id      TEXT,
    create_key      TEXT,
    fingerprint     BLOB NOT NULL CHECK (length(fingerprint) = 16),
    -- In flight until then; null: nobody knows what became of it.
    until           INTEGER,
    begun_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_by_order ON attempts (scope, order_id, caller);

CREATE TABLE adjustments (
    id               INTEGER PRIMARY KEY,
    scope            TEXT NOT NULL,
    order_id         TEXT NOT NULL,
    op               TEXT NOT NULL CHECK (op IN ('capture', 'cancel', 'refund')),
    api              TEXT NOT NULL CHECK (api IN ('ecom', 'epayment')),
    request_id       TEXT,
    key              TEXT,
    attempt          INTEGER NOT NULL CHECK (attempt >= 0),
    amount           INTEGER CHECK (amount >= 0),
    computed         INTEGER NOT NULL CHECK (computed IN (0, 1)),
    text             TEXT NOT NULL,
    cancelled_before INTEGER CHECK (cancelled_before >= 0),
    state            TEXT NOT NULL CHECK (state IN ('open', 'succeeded', 'refused', 'not_done')),
    -- Owned until then, while open.
    until            INTEGER NOT NULL,
    done_amount      INTEGER CHECK (done_amount >= 0),
    transaction_id   TEXT,
    done_at          INTEGER,
    begun_at         INTEGER NOT NULL,
    changed_at       INTEGER NOT NULL,
    closed_at        INTEGER,
    -- One more with each change of the row: the sum over a payment is its version.
    revision         INTEGER NOT NULL,
    CHECK ((state = 'open') = (closed_at IS NULL)),
    CHECK ((state = 'succeeded') = (done_amount IS NOT NULL AND done_at IS NOT NULL))
) STRICT;
CREATE INDEX adjustments_by_order ON adjustments (scope, order_id);
-- One money call per payment at a time.
CREATE UNIQUE INDEX adjustments_open ON adjustments (scope, order_id) WHERE state = 'open';
CREATE INDEX adjustments_ambiguous ON adjustments (until) WHERE state = 'open';
