-- With which programs read what a person may see. The token itself is not kept.
CREATE TABLE api_tokens (
    digest     BLOB PRIMARY KEY,    -- SHA-256
    login      TEXT NOT NULL REFERENCES people,
    name       TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    seen_ms    INTEGER,
    ended_ms   INTEGER
) STRICT, WITHOUT ROWID;
