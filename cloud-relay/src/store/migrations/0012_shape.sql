-- How the day's sales lie over its hours and what each drawer came to (JSON), to compare days with each other.
ALTER TABLE store_days ADD COLUMN shape TEXT;
