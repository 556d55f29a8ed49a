-- Events, the outbox of callbacks, polls and webhook registrations.

-- poll_at: when the payment is looked at next, or until when somebody looks at it; null: never (again).
-- heard: the event that told the final state. callback_id: the one callback it ever has; stays when that is pruned.
ALTER TABLE payments ADD COLUMN poll_at INTEGER;
ALTER TABLE payments ADD COLUMN end_at INTEGER;
ALTER TABLE payments ADD COLUMN looks INTEGER NOT NULL DEFAULT 0 CHECK (looks >= 0);
ALTER TABLE payments ADD COLUMN poll_lease INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN heard TEXT;
ALTER TABLE payments ADD COLUMN callback_id INTEGER;
ALTER TABLE payments ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
UPDATE payments SET changed_at = max(created_at, coalesce(
    (SELECT max(max(a.changed_at, coalesce(a.closed_at, a.changed_at))) FROM adjustments a
     WHERE a.scope = payments.scope AND a.order_id = payments.order_id), created_at));
CREATE INDEX payments_poll ON payments (poll_at) WHERE poll_at IS NOT NULL;
CREATE INDEX payments_changed ON payments (changed_at);

ALTER TABLE attempts ADD COLUMN poll_at INTEGER;
ALTER TABLE attempts ADD COLUMN end_at INTEGER;

-- What ePayment said. status and stage are the callback that follows, kept for the time when the payment is known.
CREATE TABLE events (
    id            INTEGER PRIMARY KEY,
    msn           TEXT NOT NULL,
    reference     TEXT NOT NULL,
    name          TEXT NOT NULL,
    success       INTEGER NOT NULL CHECK (success IN (0, 1)),
    psp_reference TEXT NOT NULL,
    amount        INTEGER NOT NULL CHECK (amount >= 0),
    at            INTEGER NOT NULL,
    key           TEXT,
    source        TEXT NOT NULL CHECK (source IN ('webhook', 'poll')),
    status        TEXT,
    stage         TEXT CHECK (stage IN ('capture', 'deliver')),
    matched       INTEGER NOT NULL CHECK (matched IN (0, 1)),
    received_at   INTEGER NOT NULL,
    CHECK ((status IS NULL) = (stage IS NULL)),
    UNIQUE (msn, reference, name, success, psp_reference)
) STRICT;
CREATE INDEX events_unmatched ON events (received_at) WHERE matched = 0;

-- The outbox. AUTOINCREMENT: an operator's number must never name another one.
-- due_at: when it is tried next, or until when it is leased. lease: one more with each claim.
CREATE TABLE callbacks (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    scope          TEXT NOT NULL,
    order_id       TEXT NOT NULL,
    msn            TEXT NOT NULL,
    reference      TEXT NOT NULL,
    status         TEXT NOT NULL,
    amount         INTEGER NOT NULL CHECK (amount >= 0),
    at             INTEGER NOT NULL,
    transaction_id TEXT NOT NULL,
    host           TEXT NOT NULL,
    stage          TEXT NOT NULL CHECK (stage IN ('capture', 'deliver')),
    attempts       INTEGER NOT NULL CHECK (attempts >= 0),
    queued_at      INTEGER NOT NULL,
    due_at         INTEGER NOT NULL,
    lease          INTEGER NOT NULL,
    leased         INTEGER NOT NULL CHECK (leased IN (0, 1)),
    ended          TEXT CHECK (ended IN ('delivered', 'dead', 'dropped')),
    ended_at       INTEGER,
    note           TEXT,
    CHECK ((ended IS NULL) = (ended_at IS NULL)),
    CHECK (ended IS NULL OR leased = 0),
    UNIQUE (order_id, scope)
) STRICT;
-- What has ended is in none of the first three, so claims cost the same with any history. ended_at makes them cover.
CREATE INDEX callbacks_due ON callbacks (stage, msn, due_at, ended_at) WHERE ended_at IS NULL;
CREATE INDEX callbacks_next ON callbacks (stage, due_at, ended_at) WHERE ended_at IS NULL;
CREATE INDEX callbacks_leased ON callbacks (stage, msn, due_at) WHERE leased = 1;
CREATE INDEX callbacks_dead ON callbacks (id) WHERE ended = 'dead';
CREATE INDEX callbacks_over ON callbacks (ended_at) WHERE ended IN ('delivered', 'dropped');

CREATE TABLE strays (
    id       INTEGER PRIMARY KEY,
    msn      TEXT NOT NULL,
    why      TEXT NOT NULL,
    redacted TEXT NOT NULL,
    kept_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX strays_kept ON strays (kept_at);

CREATE TABLE webhooks (
    id         INTEGER PRIMARY KEY,
    msn        TEXT NOT NULL,
    webhook    TEXT NOT NULL,
    url        TEXT NOT NULL,
    secret     BLOB NOT NULL,
    sealed     INTEGER NOT NULL CHECK (sealed IN (0, 1)),
    made_at    INTEGER NOT NULL,
    retired_at INTEGER,
    UNIQUE (msn, webhook)
) STRICT;

-- next_at: when it is looked at next, or until when it is leased (then it equals lease_until).
CREATE TABLE registrations (
    msn         TEXT PRIMARY KEY,
    good_at     INTEGER,
    next_at     INTEGER NOT NULL,
    failures    INTEGER NOT NULL CHECK (failures >= 0),
    why         TEXT,
    lease       INTEGER NOT NULL,
    lease_until INTEGER
) STRICT, WITHOUT ROWID;
