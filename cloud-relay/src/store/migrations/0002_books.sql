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

CREATE TABLE set_aside (
    batch  INTEGER PRIMARY KEY REFERENCES batches (id),
    reason TEXT NOT NULL                    -- 'undecodable' or 'store unknown'; understood again on demand
) STRICT;

CREATE TABLE signatures (
    id           INTEGER PRIMARY KEY,
    tenant       TEXT NOT NULL,
    store        TEXT NOT NULL,
    day          INTEGER NOT NULL,
    cause        TEXT NOT NULL,             -- the exception that was signed
    decision     TEXT NOT NULL,             -- JSON, the core's
    by           TEXT NOT NULL,
    reason       TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,
    withdrawn_ms INTEGER,
    withdrawn_by TEXT
) STRICT;
CREATE INDEX signatures_by_day ON signatures (tenant, store, day);

CREATE TABLE exceptions (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL,
    cause       TEXT NOT NULL,              -- what it is about: the same cause is one exception however often seen
    source      TEXT NOT NULL,              -- which part raised it, and alone may find it gone: 'day', 'ingest' ...
    tenant      TEXT NOT NULL,
    store       TEXT NOT NULL,
    day         INTEGER,
    draft       TEXT NOT NULL,              -- JSON: the whole of it, as last found
    opened_ms   INTEGER NOT NULL,
    seen_ms     INTEGER NOT NULL,
    resolved_ms INTEGER,
    resolved_by TEXT,                       -- a person, or 'relay' when the cause went away
    resolution  TEXT
) STRICT;
CREATE UNIQUE INDEX exceptions_cause ON exceptions (tenant, store, coalesce(day, -1000000), cause);
CREATE INDEX exceptions_open ON exceptions (tenant, store, day) WHERE resolved_ms IS NULL;

CREATE TABLE effects (
    key          TEXT PRIMARY KEY,          -- deterministic; also the external id in Odoo
    company      TEXT NOT NULL,             -- whose poster drives it: `tenant/odoo company`
    tenant       TEXT NOT NULL,
    store        TEXT NOT NULL,
    day          INTEGER,                   -- of an entry in the journal
    kind         TEXT NOT NULL,
    batch        INTEGER,                   -- of a movement of stock: counts from 1 per store
    effect       TEXT NOT NULL,             -- JSON: all of it; the columns beside it are for finding it
    content      BLOB NOT NULL,             -- SHA-256 of the payload
    state        TEXT NOT NULL CHECK (state IN ('intent', 'sent', 'unknown', 'done', 'rejected')),
    due_ms       INTEGER NOT NULL,
    sequence     INTEGER NOT NULL UNIQUE,   -- order of intents, also the order of driving in one company
    source       TEXT NOT NULL,             -- JSON: the posting or movement that it was made from
    readback     TEXT,                      -- JSON: what Odoo held when it was last read
    odoo_name    TEXT,
    fence        INTEGER NOT NULL DEFAULT 0,-- lease under which it was last touched
    created_ms   INTEGER NOT NULL,
    changed_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX effects_due ON effects (company, sequence) WHERE state IN ('intent', 'sent', 'unknown');
CREATE INDEX effects_by_day ON effects (tenant, store, day);
CREATE UNIQUE INDEX effects_by_batch ON effects (tenant, store, batch) WHERE batch IS NOT NULL;

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
