-- What devices sent, as they signed it, and how far it is held. Rows of `batches` are never changed or deleted;
-- their ids count up in commit order, so this table is also the relay's log.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT NOT NULL,
    device          TEXT NOT NULL,
    store           TEXT NOT NULL,
    public_key      BLOB NOT NULL,          -- uncompressed P-256 point, 65 bytes
    fingerprint     BLOB NOT NULL,          -- SHA-256 of the SubjectPublicKeyInfo
    state           TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
    accepted_ms     INTEGER NOT NULL,
    accepted_by     TEXT NOT NULL,
    revoked_ms      INTEGER,
    revoked_by      TEXT,
    last_seen_ms    INTEGER,                -- last message stored
    hello_ms        INTEGER,
    agent_version   TEXT,
    clock_offset_ms INTEGER,                -- agent's wall clock less ours at its last hello
    backlog         INTEGER,
    attachments     INTEGER,
    disk_percent    INTEGER,
    health          TEXT,
    UNIQUE (tenant, device)
) STRICT;

CREATE TABLE invitations (
    handle        BLOB PRIMARY KEY,         -- four bytes of the secret
    secret_digest BLOB NOT NULL,            -- the code itself is never kept
    tenant        TEXT NOT NULL,
    store         TEXT NOT NULL,
    device        TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    created_by    TEXT NOT NULL,
    expires_ms    INTEGER NOT NULL,
    wrong_tries   INTEGER NOT NULL,
    used_by       BLOB                      -- fingerprint of the key that used it
) STRICT, WITHOUT ROWID;

CREATE TABLE enrolments (
    fingerprint BLOB PRIMARY KEY,           -- of the key that asks
    handle      BLOB NOT NULL,              -- of the invitation that it used
    tenant      TEXT NOT NULL,
    store       TEXT NOT NULL,
    device      TEXT NOT NULL,
    public_key  BLOB NOT NULL,
    request     BLOB NOT NULL,              -- the certificate request, DER
    poll_digest BLOB NOT NULL,
    asked_ms    INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'accepted', 'refused')),
    outcome     TEXT,                       -- JSON: the issued chain, or why it was refused
    decided_ms  INTEGER,
    decided_by  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX enrolments_waiting ON enrolments (asked_ms) WHERE state = 'waiting';

CREATE TABLE segments (
    id             INTEGER PRIMARY KEY,
    segment        BLOB NOT NULL UNIQUE,
    device         INTEGER NOT NULL REFERENCES devices (id),
    tenant         TEXT NOT NULL,
    store          TEXT NOT NULL,
    lane           TEXT NOT NULL,
    header         BLOB NOT NULL,
    predecessor    BLOB,                    -- segment that the header names, NULL on a new disk
    predecessor_n  INTEGER,
    through        INTEGER NOT NULL,        -- everything from 1 to here is held
    head           BLOB NOT NULL,           -- chain hash at `through`
    announced      INTEGER,                 -- newest record that the agent said it has
    forked_ms      INTEGER,                 -- when another version of a held record came in
    first_ms       INTEGER NOT NULL,
    last_ms        INTEGER NOT NULL
) STRICT;
CREATE INDEX segments_by_device ON segments (device);
CREATE INDEX segments_by_lane ON segments (tenant, store, lane);
CREATE INDEX segments_by_predecessor ON segments (predecessor, predecessor_n) WHERE predecessor IS NOT NULL;

CREATE TABLE batches (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    segment     INTEGER NOT NULL REFERENCES segments (id),
    first       INTEGER NOT NULL,           -- first record that this row adds; the message may begin earlier
    last        INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    sealed      BLOB NOT NULL,              -- the message as the device signed it
    UNIQUE (segment, first)
) STRICT;

CREATE TABLE quarantine (
    id          INTEGER PRIMARY KEY,
    digest      BLOB NOT NULL UNIQUE,       -- SHA-256 of `sealed` but its signature: the same message is kept once
    segment     BLOB NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    device      INTEGER NOT NULL REFERENCES devices (id),
    reason      TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    sealed      BLOB NOT NULL
) STRICT;

CREATE TABLE attachments (
    tenant      TEXT NOT NULL,
    digest      BLOB NOT NULL,              -- SHA-256 of the whole, unpacked
    len         INTEGER NOT NULL,           -- of the whole, unpacked
    received_ms INTEGER NOT NULL,
    packed      BLOB NOT NULL,              -- zstd
    PRIMARY KEY (tenant, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE attachment_pieces (
    tenant      TEXT NOT NULL,
    digest      BLOB NOT NULL,
    offset      INTEGER NOT NULL,           -- in the packed bytes
    received_ms INTEGER NOT NULL,
    bytes       BLOB NOT NULL,
    PRIMARY KEY (tenant, digest, offset)
) STRICT, WITHOUT ROWID;
