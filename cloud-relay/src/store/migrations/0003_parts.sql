-- What the lines of each posting are made of, ticket by ticket. Written with the intent and never changed: later
-- postings change what the day's ledger says, not what an earlier one was made of.

CREATE TABLE posting_parts (
    effect TEXT PRIMARY KEY REFERENCES effects (key),
    len    INTEGER NOT NULL,                -- of the whole, unpacked
    packed BLOB NOT NULL                    -- zstd of JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX effects_by_name ON effects (odoo_name) WHERE odoo_name IS NOT NULL;
