-- What was counted of the traffic, and how far the machine lets a sales unit's new payments go.

-- msn: '' where it was not known. hour: since 1970. counts: lines of word=number.
CREATE TABLE observations (
    msn       TEXT NOT NULL,
    hour      INTEGER NOT NULL,
    operation TEXT NOT NULL,
    side      TEXT NOT NULL,
    last_at   INTEGER NOT NULL,
    counts    TEXT NOT NULL,
    PRIMARY KEY (msn, hour, operation, side)
) STRICT;
CREATE INDEX observations_by_hour ON observations (hour);

CREATE TABLE automatic (
    msn      TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    percent  INTEGER,
    state    TEXT NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT;
