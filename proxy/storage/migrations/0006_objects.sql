-- Which key's project holds an object (a file, a thread, a batch ...). Whoever puts one gives it a new, higher number, by which
-- others hear of it. An empty scope: it was deleted.
CREATE TABLE objects (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    owner BLOB NOT NULL,
    used_s INTEGER NOT NULL
) STRICT;
CREATE INDEX objects_used ON objects (used_s);
