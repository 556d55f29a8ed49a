-- Overrides made at run time, and the list of everything that was changed.

-- msn: null means all sales units.
CREATE TABLE overrides (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lever    TEXT COLLATE "C" NOT NULL,
    msn      TEXT COLLATE "C",
    toggle   TEXT NOT NULL,
    who      TEXT NOT NULL,
    why      TEXT NOT NULL,
    made_at  BIGINT NOT NULL,
    until    BIGINT,
    ended_at BIGINT
);
CREATE UNIQUE INDEX overrides_in_force ON overrides (lever, coalesce(msn, '')) WHERE ended_at IS NULL;

CREATE TABLE changes (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at   BIGINT NOT NULL,
    what TEXT NOT NULL,
    key  TEXT NOT NULL,
    msn  TEXT COLLATE "C",
    old  TEXT NOT NULL,
    new  TEXT NOT NULL,
    who  TEXT NOT NULL,
    why  TEXT NOT NULL
);
