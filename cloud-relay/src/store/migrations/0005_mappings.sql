-- Mappings that were put in force, whole; the newest row is in force. And which version of which store's mapping was
-- first used when: what a posting was made with can be told long after.

CREATE TABLE mappings (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,                   -- SHA-256 of the text
    text   TEXT NOT NULL,                   -- the mapping file
    by     TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX mappings_digest ON mappings (digest);

CREATE TABLE mapping_use (
    tenant    TEXT NOT NULL,
    store     TEXT NOT NULL,
    version   INTEGER NOT NULL,
    digest    BLOB NOT NULL,                -- of the store's rows under this version
    effective INTEGER,                      -- days since 1970-01-01; NULL from the beginning
    author    TEXT NOT NULL,
    first_day INTEGER NOT NULL,             -- the first day that was posted with it
    first_ms  INTEGER NOT NULL,
    PRIMARY KEY (tenant, store, version, digest)
) STRICT, WITHOUT ROWID;
