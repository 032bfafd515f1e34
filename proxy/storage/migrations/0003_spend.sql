-- What everybody has spent, by the minute in which the request ended: a budget's period begins and ends with one.
CREATE TABLE spend (
    subject BLOB NOT NULL,   -- 16 bytes: a digest of what sort it is, its id, and perhaps a model
    minute INTEGER NOT NULL, -- since 1970
    nano INTEGER NOT NULL,   -- nano-dollars
    PRIMARY KEY (subject, minute)
) STRICT, WITHOUT ROWID;

-- What an operator has said that somebody has spent, less what the records say: no record is behind it.
CREATE TABLE spend_corrections (
    subject BLOB NOT NULL,
    minute INTEGER NOT NULL,
    nano INTEGER NOT NULL,
    PRIMARY KEY (subject, minute)
) STRICT, WITHOUT ROWID;
