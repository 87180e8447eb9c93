-- Payments of a retailer's account in the POS's cloud: on which ticket each stands, and what it says.
CREATE TABLE cloud_payments (
    account  TEXT NOT NULL,
    payment  TEXT NOT NULL,            -- its id in the account
    ticket   TEXT,                     -- its ticket's id; none while no ticket shows it
    says     TEXT,                     -- state and amount as its ticket tells them
    listed   TEXT,                     -- the same as the list of payments told it last
    seen_ms  INTEGER NOT NULL,         -- when it came to say so
    alone    TEXT,                     -- while no ticket shows it: what is told of it (JSON)
    told     INTEGER NOT NULL DEFAULT 0, -- whether it was told
    PRIMARY KEY (account, payment)
) STRICT, WITHOUT ROWID;

CREATE INDEX cloud_payments_alone ON cloud_payments (account, seen_ms) WHERE ticket IS NULL AND told = 0;

-- What the POS's own stock has at a store, as it was read last.
CREATE TABLE cloud_shelves (
    tenant TEXT NOT NULL,
    store  TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,           -- when its reading began
    lines  TEXT NOT NULL,              -- millionths of each item (JSON)
    PRIMARY KEY (tenant, store)
) STRICT, WITHOUT ROWID;
