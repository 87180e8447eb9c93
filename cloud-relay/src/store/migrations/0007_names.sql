-- By which names records can be found. Can be made again from `batches`.

CREATE TABLE names (
    name    TEXT NOT NULL,                  -- as the core writes it: in capitals, bounded
    kind    INTEGER NOT NULL,               -- the core's number
    segment INTEGER NOT NULL REFERENCES segments (id),
    number  INTEGER NOT NULL,               -- of the record in it
    PRIMARY KEY (name, kind, segment, number)
) STRICT, WITHOUT ROWID;
