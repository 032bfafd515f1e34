-- What was asked, cut and redacted, where the operator wants it kept (store_prompts).
CREATE TABLE prompts (
    number INTEGER PRIMARY KEY,
    call_id BLOB NOT NULL UNIQUE,
    request TEXT NOT NULL
) STRICT;
