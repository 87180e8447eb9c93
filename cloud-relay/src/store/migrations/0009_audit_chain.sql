-- The audit log is a chain from here on: each hash covers the entry and the hash before it. Entries from before get
-- theirs with the next one that is written.
ALTER TABLE audit ADD COLUMN hash BLOB;
