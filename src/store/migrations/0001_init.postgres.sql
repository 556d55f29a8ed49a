-- Payments, the attempts at one, and the money calls.
-- Times are milliseconds since 1970, amounts minor units, enums short words.
-- Subscription keys are never here, only a keyed hash of one (caller).
-- Free texts of merchants are written with \\ for a backslash and \0 for a NUL, which PostgreSQL has no place for.
-- Names and identifiers compare byte by byte, whatever the database's own collation.

CREATE TABLE schema_version (
    version BIGINT NOT NULL
);
INSERT INTO schema_version (version) VALUES (0);

-- The store's own secret, shared by all instances, and the counter that a readiness check moves.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE probe (
    id    BIGINT PRIMARY KEY CHECK (id = 1),
    count BIGINT NOT NULL
);
INSERT INTO probe (id, count) VALUES (1, 0);

CREATE TABLE payments (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope           TEXT COLLATE "C" NOT NULL,
    order_id        TEXT COLLATE "C" NOT NULL,
    caller          BYTEA NOT NULL CHECK (octet_length(caller) = 16),
    msn             TEXT COLLATE "C",
    origin          TEXT NOT NULL CHECK (origin IN ('ecom', 'epayment')),
    kind            TEXT NOT NULL CHECK (kind IN ('regular', 'express', 'unproven')),
    reference       TEXT COLLATE "C",
    amount          BIGINT CHECK (amount >= 0),
    currency        TEXT,
    text            TEXT,
    callback_prefix TEXT,
    auth_token      BYTEA,
    auth_sealed     BOOLEAN NOT NULL,
    scope_asked     TEXT,
    fall_back       TEXT,
    request_id      TEXT,
    create_key      TEXT,
    created_at      BIGINT NOT NULL,
    UNIQUE (scope, order_id)
);
CREATE INDEX payments_of_caller_by_order ON payments (caller, order_id, msn) WHERE msn IS NOT NULL;
CREATE INDEX payments_of_caller_by_unit ON payments (caller, msn) WHERE msn IS NOT NULL;

-- An attempt is deleted when it ends. A number is never given twice: a late finish must not meet another attempt.
CREATE TABLE attempts (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope           TEXT COLLATE "C" NOT NULL,
    order_id        TEXT COLLATE "C" NOT NULL,
    caller          BYTEA NOT NULL CHECK (octet_length(caller) = 16),
    msn             TEXT COLLATE "C",
    origin          TEXT NOT NULL CHECK (origin IN ('ecom', 'epayment')),
    kind            TEXT NOT NULL CHECK (kind IN ('regular', 'express', 'unproven')),
    reference       TEXT COLLATE "C",
    amount          BIGINT CHECK (amount >= 0),
    currency        TEXT,
    text            TEXT,
    callback_prefix TEXT,
    auth_token      BYTEA,
    auth_sealed     BOOLEAN NOT NULL,
    scope_asked     TEXT,
    fall_back       TEXT,
    request_id      TEXT,
    create_key      TEXT,
    fingerprint     BYTEA NOT NULL CHECK (octet_length(fingerprint) = 16),
    -- In flight until then; null: nobody knows what became of it.
    until           BIGINT,
    begun_at        BIGINT NOT NULL
);
CREATE INDEX attempts_by_order ON attempts (scope, order_id, caller);

CREATE TABLE adjustments (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope            TEXT COLLATE "C" NOT NULL,
    order_id         TEXT COLLATE "C" NOT NULL,
    op               TEXT NOT NULL CHECK (op IN ('capture', 'cancel', 'refund')),
    api              TEXT NOT NULL CHECK (api IN ('ecom', 'epayment')),
    request_id       TEXT,
    key              TEXT,
    attempt          BIGINT NOT NULL CHECK (attempt >= 0),
    amount           BIGINT CHECK (amount >= 0),
    computed         BOOLEAN NOT NULL,
    text             TEXT NOT NULL,
    cancelled_before BIGINT CHECK (cancelled_before >= 0),
    state            TEXT NOT NULL CHECK (state IN ('open', 'succeeded', 'refused', 'not_done')),
    -- Owned until then, while open.
    until            BIGINT NOT NULL,
    done_amount      BIGINT CHECK (done_amount >= 0),
    transaction_id   TEXT,
    done_at          BIGINT,
    begun_at         BIGINT NOT NULL,
    changed_at       BIGINT NOT NULL,
    closed_at        BIGINT,
    -- One more with each change of the row: the sum over a payment is its version.
    revision         BIGINT NOT NULL,
    CHECK ((state = 'open') = (closed_at IS NULL)),
    CHECK ((state = 'succeeded') = (done_amount IS NOT NULL AND done_at IS NOT NULL))
);
CREATE INDEX adjustments_by_order ON adjustments (scope, order_id);
-- One money call per payment at a time.
CREATE UNIQUE INDEX adjustments_open ON adjustments (scope, order_id) WHERE state = 'open';
CREATE INDEX adjustments_ambiguous ON adjustments (until) WHERE state = 'open';
