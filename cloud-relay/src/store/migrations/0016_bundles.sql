-- Attachments that came together stay together: packed as one they are a fraction of what each is by itself.
CREATE TABLE attachment_bundles (
    id          INTEGER PRIMARY KEY,
    received_ms INTEGER NOT NULL,
    sealed      BLOB NOT NULL               -- the message as the device signed it
) STRICT;

CREATE TABLE bundled_attachments (
    tenant      TEXT NOT NULL,
    digest      BLOB NOT NULL,              -- SHA-256 of this one, unpacked
    bundle      INTEGER NOT NULL,           -- attachment_bundles.id
    PRIMARY KEY (tenant, digest)
) STRICT, WITHOUT ROWID;
