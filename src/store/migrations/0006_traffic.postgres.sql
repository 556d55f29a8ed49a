-- What was counted of the traffic, and how far the machine lets a sales unit's new payments go.

-- msn: '' where it was not known. hour: since 1970. counts: lines of word=number.
CREATE TABLE observations (
    msn       TEXT COLLATE "C" NOT NULL,
    hour      BIGINT NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    side      TEXT COLLATE "C" NOT NULL,
    last_at   BIGINT NOT NULL,
    counts    TEXT NOT NULL,
    PRIMARY KEY (msn, hour, operation, side)
);
CREATE INDEX observations_by_hour ON observations (hour);

CREATE TABLE automatic (
    msn      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    percent  BIGINT,
    state    TEXT NOT NULL,
    saved_at BIGINT NOT NULL
);
