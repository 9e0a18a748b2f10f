-- Consumer groups of a hub, all but $Default. created: Unix milliseconds.
CREATE TABLE consumer_groups (
    hub     TEXT    NOT NULL,
    name    TEXT    NOT NULL COLLATE NOCASE,
    created INTEGER NOT NULL,
    PRIMARY KEY (hub, name)
) WITHOUT ROWID;
