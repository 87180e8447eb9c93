-- Who may sign in to the pages.
CREATE TABLE people (
    login       TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    roles       TEXT NOT NULL,      -- with commas between
    scope       TEXT NOT NULL,      -- stores, with commas between; * is all
    password    TEXT,               -- Argon2id, PHC string; NULL until the person chose one
    created_ms  INTEGER NOT NULL,
    created_by  TEXT NOT NULL,
    disabled_ms INTEGER
) STRICT, WITHOUT ROWID;

-- One-time codes with which a person chooses a password. The code itself is not kept.
CREATE TABLE person_codes (
    digest     BLOB PRIMARY KEY,    -- SHA-256
    login      TEXT REFERENCES people,  -- NULL: the first person, who says their login then
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    digest     BLOB PRIMARY KEY,    -- SHA-256 of what the cookie holds
    login      TEXT NOT NULL REFERENCES people,
    created_ms INTEGER NOT NULL,
    seen_ms    INTEGER NOT NULL,
    ended_ms   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of ON sessions (login) WHERE ended_ms IS NULL;

-- What one person asks for and another must allow.
CREATE TABLE proposals (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    act         TEXT NOT NULL,      -- JSON
    tenant      TEXT NOT NULL,
    store       TEXT NOT NULL,
    day         INTEGER,
    title       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    by          TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    state       TEXT NOT NULL DEFAULT 'open',   -- open, allowed, refused, withdrawn
    decided_by  TEXT,
    decided_ms  INTEGER,
    words       TEXT
) STRICT;
CREATE INDEX proposals_open ON proposals (tenant, store, day) WHERE state = 'open';
