-- For how long a box works on without us: trading days that its disk takes, and when its certificate ends.
ALTER TABLE devices ADD COLUMN buffer_days INTEGER;
ALTER TABLE devices ADD COLUMN certificate_ends_ms INTEGER;
