-- What is known of a retailer's account in the POS's cloud. Tickets themselves are records like any other.
CREATE TABLE cloud_accounts (
    account    TEXT PRIMARY KEY,       -- retailer and host
    since_ms   INTEGER NOT NULL,       -- nothing that changed before this is unknown
    reread_ms  INTEGER NOT NULL,       -- when the last days were last read again
    polled_ms  INTEGER,                -- last round that went well
    problem    TEXT                    -- why the last one did not
) STRICT;

CREATE TABLE cloud_tickets (
    account    TEXT NOT NULL,
    ticket     TEXT NOT NULL,          -- its id in the account
    updated_ms INTEGER NOT NULL,       -- as of the version that is held
    content    BLOB NOT NULL,          -- SHA-256 of what it says
    revision   INTEGER NOT NULL,
    PRIMARY KEY (account, ticket)
) STRICT, WITHOUT ROWID;

-- Tickets that a webhook named and nobody has fetched yet.
CREATE TABLE cloud_wakes (
    account     TEXT NOT NULL,
    ticket      TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (account, ticket)
) STRICT, WITHOUT ROWID;
