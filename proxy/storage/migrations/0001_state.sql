-- What concerns the file itself: small facts by name, and how far each process's numbered batches have come.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE writers (
    id BLOB PRIMARY KEY,
    batch INTEGER NOT NULL,
    seen_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
