-- One row per request to an upstream, or refused one; and what these add up to by day, as they come.

-- Who paid. Nothing is NULL here: a combination stands once.
CREATE TABLE callers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    alias TEXT NOT NULL,
    user TEXT NOT NULL,
    team TEXT NOT NULL,
    UNIQUE (key, user, team, alias, name)
) STRICT;

-- What was used: the public name, the upstream's name of it, whose, and which deployment.
CREATE TABLE models (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    deployment TEXT NOT NULL,
    UNIQUE (name, model, provider, deployment)
) STRICT;

CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    call_id BLOB NOT NULL,
    ended_ms INTEGER NOT NULL,
    duration_ms REAL NOT NULL,
    first_byte_ms REAL,
    caller INTEGER NOT NULL,
    model INTEGER NOT NULL,
    customer TEXT,
    tags TEXT,           -- a JSON list
    method TEXT NOT NULL,
    route TEXT NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT,
    attempts INTEGER NOT NULL,
    fallbacks INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    request_bytes INTEGER NOT NULL,
    response_bytes INTEGER NOT NULL,
    usage TEXT,          -- JSON; NULL: nothing was said
    estimated INTEGER NOT NULL,
    spend INTEGER,       -- nano-dollars; NULL: not known
    cost TEXT            -- JSON: by kind, and where the price is from
) STRICT;
CREATE INDEX records_call ON records (call_id);
CREATE INDEX records_ended ON records (ended_ms);
CREATE INDEX records_caller ON records (caller, ended_ms);
CREATE INDEX records_customer ON records (customer, ended_ms) WHERE customer IS NOT NULL;

-- Days are those of UTC, counted from 1970, by the end of the request.
CREATE TABLE days (
    day INTEGER NOT NULL,
    caller INTEGER NOT NULL,
    model INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    spend INTEGER NOT NULL,
    spend_input INTEGER NOT NULL,
    spend_cached INTEGER NOT NULL,
    spend_cache_write INTEGER NOT NULL,
    spend_output INTEGER NOT NULL,
    spend_other INTEGER NOT NULL,
    saved INTEGER NOT NULL,
    PRIMARY KEY (day, caller, model)
) STRICT, WITHOUT ROWID;

-- Of customers and tags there are many: with the models of each their sums would be hardly fewer than the records.
CREATE TABLE customer_days (
    day INTEGER NOT NULL,
    caller INTEGER NOT NULL,
    customer TEXT NOT NULL,
    requests INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    spend INTEGER NOT NULL,
    PRIMARY KEY (day, caller, customer)
) STRICT, WITHOUT ROWID;

-- A request counts for each of its tags: their sums may be more than the whole.
CREATE TABLE tag_days (
    day INTEGER NOT NULL,
    caller INTEGER NOT NULL,
    tag TEXT NOT NULL,
    requests INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    spend INTEGER NOT NULL,
    PRIMARY KEY (day, caller, tag)
) STRICT, WITHOUT ROWID;
