-- What is known about days, what people decided, and what Odoo was asked to do. Everything in `store_days` and
-- `day_batches` can be computed again from `batches`; signatures, effects and exceptions' resolutions cannot.

CREATE TABLE store_days (
    id          INTEGER PRIMARY KEY,
    tenant      TEXT NOT NULL,
    store       TEXT NOT NULL,
    day         INTEGER NOT NULL,           -- days since 1970-01-01
    dirty       INTEGER NOT NULL DEFAULT 1, -- counts changes since the last assessment; 0 when it is up to date
    due_ms      INTEGER,                    -- assess again at this time whatever happens (cut-off, grace)
    state       TEXT NOT NULL DEFAULT 'Open',
    changed_ms  INTEGER NOT NULL,           -- last record that touched it
    assessed_ms INTEGER,
    revision    INTEGER NOT NULL DEFAULT 0, -- postings so far
    trades      INTEGER NOT NULL DEFAULT 0,
    net_minor   INTEGER NOT NULL DEFAULT 0,
    tax_minor   INTEGER NOT NULL DEFAULT 0,
    total_minor INTEGER NOT NULL DEFAULT 0,
    over_short_minor INTEGER NOT NULL DEFAULT 0,
    currency    TEXT,
    blockers    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, store, day)
) STRICT;
CREATE INDEX store_days_dirty ON store_days (dirty) WHERE dirty > 0;
CREATE INDEX store_days_due ON store_days (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX store_days_by_day ON store_days (day);

CREATE TABLE day_batches (
    store_day INTEGER NOT NULL REFERENCES store_days (id),
    batch     INTEGER NOT NULL REFERENCES batches (id),
    PRIMARY KEY (store_day, batch)
) STRICT, WITHOUT ROWID;

CREATE TABLE store_state (
    tenant       TEXT NOT NULL,
    store        TEXT NOT NULL,
    last_sale_ms INTEGER,                   -- when its newest transaction was received
    last_ticket  TEXT,
    records      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, store)
) STRICT, WITHOUT ROWID;

CREATE TABLE signatures (
    id        INTEGER PRIMARY KEY,
    store_day INTEGER NOT NULL REFERENCES store_days (id),
    action    TEXT NOT NULL CHECK (action IN ('sign', 'reopen')),
    cause     TEXT,                         -- the one exception that is signed; NULL for the whole day
    by        TEXT NOT NULL,
    reason    TEXT NOT NULL,
    at_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX signatures_by_day ON signatures (store_day);

CREATE TABLE exceptions (
    id          INTEGER PRIMARY KEY,
    cause       TEXT NOT NULL UNIQUE,       -- what it is about: the same cause is one exception however often seen
    kind        TEXT NOT NULL,
    source      TEXT NOT NULL,              -- which part raised it, and alone may find it gone: 'day', 'ingest', ...
    tenant      TEXT NOT NULL,
    store       TEXT,
    day         INTEGER,
    title       TEXT NOT NULL,
    detail      TEXT NOT NULL,
    owner       TEXT NOT NULL,
    at_risk_minor INTEGER,
    currency    TEXT,
    actions     TEXT NOT NULL,              -- JSON list of words
    opened_ms   INTEGER NOT NULL,
    seen_ms     INTEGER NOT NULL,
    resolved_ms INTEGER,
    resolved_by TEXT,                       -- a person, or 'relay' when the cause went away
    resolution  TEXT
) STRICT;
CREATE INDEX exceptions_open ON exceptions (tenant, store, day) WHERE resolved_ms IS NULL;

CREATE TABLE effects (
    key          TEXT PRIMARY KEY,          -- deterministic; also the external id in Odoo
    company      TEXT NOT NULL,             -- whose poster drives it: `tenant/odoo company id`
    tenant       TEXT NOT NULL,
    store        TEXT NOT NULL,
    day          INTEGER,
    kind         TEXT NOT NULL,
    payload      TEXT NOT NULL,             -- JSON; meaning belongs to the core
    content_hash BLOB NOT NULL,             -- SHA-256 of `payload`
    state        TEXT NOT NULL CHECK (state IN ('intent', 'sent', 'unknown', 'done', 'rejected')),
    sequence     INTEGER NOT NULL UNIQUE,   -- order of intent, also the order of driving in one company
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_ms       INTEGER NOT NULL,
    fence        INTEGER NOT NULL DEFAULT 0,-- lease under which it was last touched
    odoo_id      INTEGER,
    odoo_name    TEXT,
    detail       TEXT,                      -- last answer, for people
    readback     TEXT,                      -- JSON: what Odoo holds, as last read
    created_ms   INTEGER NOT NULL,
    changed_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX effects_due ON effects (company, due_ms) WHERE state IN ('intent', 'sent', 'unknown');
CREATE INDEX effects_by_day ON effects (tenant, store, day);

CREATE TABLE leases (
    name     TEXT PRIMARY KEY,
    holder   TEXT NOT NULL,
    fence    INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms  INTEGER NOT NULL,
    who    TEXT NOT NULL,
    what   TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
