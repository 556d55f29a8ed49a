-- Overrides made at run time, and the list of everything that was changed.

-- AUTOINCREMENT: an operator's number must never name another one. msn: null means all sales units.
CREATE TABLE overrides (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    lever    TEXT NOT NULL,
    msn      TEXT,
    toggle   TEXT NOT NULL,
    who      TEXT NOT NULL,
    why      TEXT NOT NULL,
    made_at  INTEGER NOT NULL,
    until    INTEGER,
    ended_at INTEGER
) STRICT;
CREATE UNIQUE INDEX overrides_in_force ON overrides (lever, coalesce(msn, '')) WHERE ended_at IS NULL;

CREATE TABLE changes (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    at   INTEGER NOT NULL,
    what TEXT NOT NULL,
    key  TEXT NOT NULL,
    msn  TEXT,
    old  TEXT NOT NULL,
    new  TEXT NOT NULL,
    who  TEXT NOT NULL,
    why  TEXT NOT NULL
) STRICT;
