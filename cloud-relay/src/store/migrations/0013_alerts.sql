-- What of an exception was last told to the retailer's alert address: nothing, 'opened' or 'resolved'; and how often.
ALTER TABLE exceptions ADD COLUMN told TEXT;
ALTER TABLE exceptions ADD COLUMN told_count INTEGER NOT NULL DEFAULT 0;
CREATE INDEX exceptions_untold ON exceptions (id)
  WHERE (resolved_ms IS NULL AND coalesce(told, '') <> 'opened') OR (resolved_ms IS NOT NULL AND told = 'opened');
