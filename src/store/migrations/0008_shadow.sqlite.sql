-- What shadowing found: what became of the calls, which fields differ, and what people say of that.

-- what: clean, differing, filtered, dropped, failed, noise-pairs, evicted, evicted-differing. reason: '' where there is none.
CREATE TABLE shadow_counts (
    operation TEXT NOT NULL,
    way       TEXT NOT NULL,
    what      TEXT NOT NULL,
    reason    TEXT NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (operation, way, what, reason)
) STRICT;

CREATE TABLE shadow_since (
    operation TEXT NOT NULL PRIMARY KEY,
    since     INTEGER NOT NULL
) STRICT;

-- samples: JSON. judged: 1 where a person says something of it, so that it goes last.
CREATE TABLE shadow_fields (
    operation TEXT NOT NULL,
    way       TEXT NOT NULL,
    field     TEXT NOT NULL,
    kind      TEXT NOT NULL,
    differing INTEGER NOT NULL,
    noise     INTEGER NOT NULL,
    ignored   INTEGER NOT NULL,
    first_at  INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    judged    INTEGER NOT NULL,
    samples   TEXT NOT NULL,
    PRIMARY KEY (operation, way, field, kind)
) STRICT;
CREATE INDEX shadow_fields_by_age ON shadow_fields (judged, last_at);

CREATE TABLE shadow_judgements (
    operation TEXT NOT NULL,
    way       TEXT NOT NULL,
    field     TEXT NOT NULL,
    kind      TEXT NOT NULL,
    verdict   TEXT NOT NULL,
    who       TEXT NOT NULL,
    why       TEXT NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (operation, way, field, kind)
) STRICT;
