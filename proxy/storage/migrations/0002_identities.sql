-- Keys, teams, users, customers, tags and budgets, as JSON. `seq` rises with every change, whoever makes it, so that each
-- process reads what changed since it last looked. `alias` is a key's: no two have the same. What was deleted stays for a
-- while, without a body, to be heard of.
CREATE TABLE identities (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    alias TEXT,
    body TEXT,
    changed_s INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX identities_seq ON identities (seq);
CREATE UNIQUE INDEX identities_alias ON identities (kind, alias);
CREATE INDEX identities_deleted ON identities (changed_s) WHERE body IS NULL;
