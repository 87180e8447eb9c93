-- What processors reported of card payments. Reports are evidence; which tender a line settles is sticky once decided.
-- `card_tenders` can be computed again from `batches`.

CREATE TABLE settlement_reports (
    id          INTEGER PRIMARY KEY,
    tenant      TEXT NOT NULL,
    digest      BLOB NOT NULL,              -- SHA-256 of the file as it came: the same file again is the same report
    name        TEXT NOT NULL,
    bytes       BLOB NOT NULL,              -- without anything of a card but its last four digits
    lines       INTEGER NOT NULL,
    deposits    INTEGER NOT NULL,
    imported_ms INTEGER NOT NULL,
    imported_by TEXT NOT NULL,
    UNIQUE (tenant, digest)
) STRICT;

CREATE TABLE settlement_lines (
    id       INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    store    TEXT NOT NULL,
    merchant TEXT NOT NULL,
    name     TEXT NOT NULL,                 -- the processor's
    kind     TEXT NOT NULL,
    deposit  TEXT,
    line     TEXT NOT NULL,                 -- JSON: all of it, as the report that went furthest tells it
    report   INTEGER NOT NULL REFERENCES settlement_reports (id),
    tender   TEXT,                          -- JSON: the tender that it is about, once that is known
    rule     TEXT,                          -- JSON: by which rule
    day      INTEGER,                       -- the tender's business day
    UNIQUE (tenant, merchant, name, kind)
) STRICT;
CREATE INDEX settlement_lines_open ON settlement_lines (tenant, store) WHERE tender IS NULL;
CREATE INDEX settlement_lines_by_tender ON settlement_lines (tenant, store, tender) WHERE tender IS NOT NULL;
CREATE INDEX settlement_lines_by_day ON settlement_lines (tenant, store, day) WHERE day IS NOT NULL;
CREATE INDEX settlement_lines_by_deposit ON settlement_lines (tenant, merchant, deposit) WHERE deposit IS NOT NULL;

CREATE TABLE settlement_deposits (
    id       INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    store    TEXT NOT NULL,
    merchant TEXT NOT NULL,
    name     TEXT NOT NULL,
    date     INTEGER NOT NULL,
    deposit  TEXT NOT NULL,                 -- JSON
    report   INTEGER NOT NULL REFERENCES settlement_reports (id),
    held     TEXT,                          -- why it is not booked, in words
    dirty    INTEGER NOT NULL DEFAULT 1,    -- 1 until it is booked as it is
    UNIQUE (tenant, merchant, name)
) STRICT;
CREATE INDEX settlement_deposits_dirty ON settlement_deposits (tenant, store) WHERE dirty > 0;

CREATE TABLE card_tenders (
    tenant TEXT NOT NULL,
    store  TEXT NOT NULL,
    day    INTEGER NOT NULL,
    tender TEXT NOT NULL,                   -- JSON: which
    card   TEXT NOT NULL,                   -- JSON: all of it
    PRIMARY KEY (tenant, store, tender)
) STRICT, WITHOUT ROWID;
CREATE INDEX card_tenders_by_day ON card_tenders (tenant, store, day);

CREATE TABLE settlement_due (
    tenant TEXT NOT NULL,
    store  TEXT NOT NULL,
    dirty  INTEGER NOT NULL DEFAULT 1,      -- counts changes since its settlement was looked at
    PRIMARY KEY (tenant, store)
) STRICT, WITHOUT ROWID;

-- entries of deposits: in the journal, but of no business day
CREATE INDEX effects_by_deposit ON effects (tenant, store, json_extract(source, '$.deposit'))
    WHERE kind = 'journal-entry' AND day IS NULL;
