-- Where messages go. definition: JSON, sealed, since it has passwords in it.
CREATE TABLE routing_endpoints (
    hub        TEXT NOT NULL,
    id         TEXT NOT NULL COLLATE NOCASE,
    etag       TEXT NOT NULL,
    definition BLOB NOT NULL,
    PRIMARY KEY (hub, id)
) WITHOUT ROWID;

-- Which messages go there. definition: JSON; starts: JSON, for each partition the first message that it takes, or null while it is off.
CREATE TABLE routes (
    hub        TEXT    NOT NULL,
    id         TEXT    NOT NULL COLLATE NOCASE,
    etag       TEXT    NOT NULL,
    definition TEXT    NOT NULL,
    starts     TEXT,
    delivered  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hub, id)
) WITHOUT ROWID;

-- How far an endpoint got: offset of the first message that is not settled, and what happened on the way.
CREATE TABLE routing_places (
    hub       TEXT    NOT NULL,
    endpoint  TEXT    NOT NULL COLLATE NOCASE,
    partition INTEGER NOT NULL,
    next      INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    dead      INTEGER NOT NULL,
    dropped   INTEGER NOT NULL,
    PRIMARY KEY (hub, endpoint, partition)
) WITHOUT ROWID;

-- Messages that an endpoint refused for good, the newest 1,000 of each partition. time: Unix milliseconds.
CREATE TABLE routing_dead (
    hub       TEXT    NOT NULL,
    endpoint  TEXT    NOT NULL COLLATE NOCASE,
    partition INTEGER NOT NULL,
    offset    INTEGER NOT NULL,
    device_id TEXT    NOT NULL,
    time      INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    PRIMARY KEY (hub, endpoint, partition, offset)
) WITHOUT ROWID;
