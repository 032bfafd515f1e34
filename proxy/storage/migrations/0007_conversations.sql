-- Conversations of /responses over upstreams that keep none: all that was said, by the id of the last answer.
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    owner BLOB NOT NULL,   -- the caller's id: nobody else may go on from it
    made_s INTEGER NOT NULL,
    items BLOB NOT NULL    -- a JSON list
) STRICT, WITHOUT ROWID;

CREATE INDEX conversations_made ON conversations (made_s);
