-- Events, the outbox of callbacks, polls and webhook registrations.

-- poll_at: when the payment is looked at next, or until when somebody looks at it; null: never (again).
-- heard: the event that told the final state. callback_id: the one callback it ever has; stays when that is pruned.
ALTER TABLE payments ADD COLUMN poll_at BIGINT;
ALTER TABLE payments ADD COLUMN end_at BIGINT;
ALTER TABLE payments ADD COLUMN looks BIGINT NOT NULL DEFAULT 0 CHECK (looks >= 0);
ALTER TABLE payments ADD COLUMN poll_lease BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN heard TEXT;
ALTER TABLE payments ADD COLUMN callback_id BIGINT;
ALTER TABLE payments ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
UPDATE payments SET changed_at = greatest(created_at, coalesce(
    (SELECT max(greatest(a.changed_at, coalesce(a.closed_at, a.changed_at))) FROM adjustments a
     WHERE a.scope = payments.scope AND a.order_id = payments.order_id), created_at));
CREATE INDEX payments_poll ON payments (poll_at, id) WHERE poll_at IS NOT NULL;
CREATE INDEX payments_changed ON payments (changed_at);

ALTER TABLE attempts ADD COLUMN poll_at BIGINT;
ALTER TABLE attempts ADD COLUMN end_at BIGINT;

-- What ePayment said. status and stage are the callback that follows, kept for the time when the payment is known.
CREATE TABLE events (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    msn           TEXT COLLATE "C" NOT NULL,
    reference     TEXT COLLATE "C" NOT NULL,
    name          TEXT NOT NULL,
    success       BOOLEAN NOT NULL,
    psp_reference TEXT COLLATE "C" NOT NULL,
    amount        BIGINT NOT NULL CHECK (amount >= 0),
    at            BIGINT NOT NULL,
    key           TEXT,
    source        TEXT NOT NULL CHECK (source IN ('webhook', 'poll')),
    status        TEXT,
    stage         TEXT CHECK (stage IN ('capture', 'deliver')),
    matched       BOOLEAN NOT NULL,
    received_at   BIGINT NOT NULL,
    CHECK ((status IS NULL) = (stage IS NULL)),
    UNIQUE (msn, reference, name, success, psp_reference)
);
CREATE INDEX events_unmatched ON events (received_at) WHERE NOT matched;

-- The outbox. An operator's number never names another one.
-- due_at: when it is tried next, or until when it is leased. lease: one more with each claim.
CREATE TABLE callbacks (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope          TEXT COLLATE "C" NOT NULL,
    order_id       TEXT COLLATE "C" NOT NULL,
    msn            TEXT COLLATE "C" NOT NULL,
    reference      TEXT COLLATE "C" NOT NULL,
    status         TEXT NOT NULL,
    amount         BIGINT NOT NULL CHECK (amount >= 0),
    at             BIGINT NOT NULL,
    transaction_id TEXT NOT NULL,
    host           TEXT NOT NULL,
    stage          TEXT COLLATE "C" NOT NULL CHECK (stage IN ('capture', 'deliver')),
    attempts       BIGINT NOT NULL CHECK (attempts >= 0),
    queued_at      BIGINT NOT NULL,
    due_at         BIGINT NOT NULL,
    lease          BIGINT NOT NULL,
    leased         BOOLEAN NOT NULL,
    ended          TEXT CHECK (ended IN ('delivered', 'dead', 'dropped')),
    ended_at       BIGINT,
    note           TEXT,
    CHECK ((ended IS NULL) = (ended_at IS NULL)),
    CHECK (ended IS NULL OR NOT leased),
    UNIQUE (order_id, scope)
);
-- What has ended is in none of the first three, so claims cost the same with any history.
CREATE INDEX callbacks_due ON callbacks (stage, msn, due_at, id) WHERE ended_at IS NULL;
CREATE INDEX callbacks_next ON callbacks (stage, due_at) WHERE ended_at IS NULL;
CREATE INDEX callbacks_leased ON callbacks (stage, msn, due_at) WHERE leased;
CREATE INDEX callbacks_dead ON callbacks (id) WHERE ended = 'dead';
CREATE INDEX callbacks_over ON callbacks (ended_at) WHERE ended IN ('delivered', 'dropped');

CREATE TABLE strays (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    msn      TEXT COLLATE "C" NOT NULL,
    why      TEXT NOT NULL,
    redacted TEXT NOT NULL,
    kept_at  BIGINT NOT NULL
);
CREATE INDEX strays_kept ON strays (kept_at);

CREATE TABLE webhooks (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    msn        TEXT COLLATE "C" NOT NULL,
    webhook    TEXT COLLATE "C" NOT NULL,
    url        TEXT NOT NULL,
    secret     BYTEA NOT NULL,
    sealed     BOOLEAN NOT NULL,
    made_at    BIGINT NOT NULL,
    retired_at BIGINT,
    UNIQUE (msn, webhook)
);

-- next_at: when it is looked at next, or until when it is leased (then it equals lease_until).
CREATE TABLE registrations (
    msn         TEXT COLLATE "C" PRIMARY KEY,
    good_at     BIGINT,
    next_at     BIGINT NOT NULL,
    failures    BIGINT NOT NULL CHECK (failures >= 0),
    why         TEXT,
    lease       BIGINT NOT NULL,
    lease_until BIGINT
);
