-- The last comparison of a store's stock with Odoo: what the page shows, and the counts that the next one builds on.
CREATE TABLE stock_reports (
    tenant TEXT NOT NULL,
    store TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (tenant, store)
) STRICT, WITHOUT ROWID;
