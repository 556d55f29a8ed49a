-- What shadowing found: what became of the calls, which fields differ, and what people say of that.

-- what: clean, differing, filtered, dropped, failed, noise-pairs, evicted, evicted-differing. reason: '' where there is none.
CREATE TABLE shadow_counts (
    operation TEXT COLLATE "C" NOT NULL,
    way       TEXT COLLATE "C" NOT NULL,
    what      TEXT COLLATE "C" NOT NULL,
    reason    TEXT COLLATE "C" NOT NULL,
    count     BIGINT NOT NULL,
    PRIMARY KEY (operation, way, what, reason)
);

CREATE TABLE shadow_since (
    operation TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    since     BIGINT NOT NULL
);

-- samples: JSON. judged: 1 where a person says something of it, so that it goes last.
CREATE TABLE shadow_fields (
    operation TEXT COLLATE "C" NOT NULL,
    way       TEXT COLLATE "C" NOT NULL,
    field     TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    differing BIGINT NOT NULL,
    noise     BIGINT NOT NULL,
    ignored   BIGINT NOT NULL,
    first_at  BIGINT NOT NULL,
    last_at   BIGINT NOT NULL,
    judged    BIGINT NOT NULL,
    samples   TEXT NOT NULL,
    PRIMARY KEY (operation, way, field, kind)
);
CREATE INDEX shadow_fields_by_age ON shadow_fields (judged, last_at);

CREATE TABLE shadow_judgements (
    operation TEXT COLLATE "C" NOT NULL,
    way       TEXT COLLATE "C" NOT NULL,
    field     TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    verdict   TEXT COLLATE "C" NOT NULL,
    who       TEXT NOT NULL,
    why       TEXT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (operation, way, field, kind)
);
