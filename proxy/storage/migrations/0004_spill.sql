-- Batches of records that a sink (a webhook, Langfuse ...) did not take yet.
CREATE TABLE spilled (
    id INTEGER PRIMARY KEY,
    sink TEXT NOT NULL,
    oldest_s REAL NOT NULL,      -- when the first of its records ended
    leased_s REAL NOT NULL DEFAULT 0,  -- until then one worker tries to deliver it
    bytes INTEGER NOT NULL,
    records BLOB NOT NULL
) STRICT;

CREATE INDEX spilled_of_sink ON spilled (sink, id, leased_s, bytes, oldest_s);
