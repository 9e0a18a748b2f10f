-- Scope of the edge device above a device.
ALTER TABLE identities ADD COLUMN parent_scope TEXT;

-- Twins; one for each identity. tags, properties and metadata are canonical JSON in UTF-8.
CREATE TABLE twins (
    hub               TEXT    NOT NULL,
    device_id         TEXT    NOT NULL,
    module_id         TEXT    NOT NULL,
    counter           INTEGER NOT NULL,
    version           INTEGER NOT NULL,
    tags              BLOB    NOT NULL,
    desired           BLOB    NOT NULL,
    desired_metadata  BLOB    NOT NULL,
    desired_version   INTEGER NOT NULL,
    reported          BLOB    NOT NULL,
    reported_metadata BLOB    NOT NULL,
    reported_version  INTEGER NOT NULL,
    model_id          TEXT    NOT NULL,
    PRIMARY KEY (hub, device_id, module_id)
);

-- Every scalar in the tags, so that a query for one does not read all twins. value has its kind in front: s:text, n:number, b:true.
CREATE TABLE twin_tags (
    hub       TEXT NOT NULL,
    path      TEXT NOT NULL,
    value     TEXT NOT NULL,
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    PRIMARY KEY (hub, path, value, device_id, module_id)
) WITHOUT ROWID;

CREATE INDEX twin_tags_by_identity ON twin_tags (hub, device_id, module_id);

-- What a client without clean session subscribed to. filters is a JSON object: filter -> quality of service.
CREATE TABLE mqtt_sessions (
    hub       TEXT NOT NULL,
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    filters   TEXT NOT NULL,
    PRIMARY KEY (hub, device_id, module_id)
) WITHOUT ROWID;

INSERT INTO twins (hub, device_id, module_id, counter, version, tags, desired, desired_metadata, desired_version, reported, reported_metadata, reported_version, model_id)
SELECT hub, device_id, module_id, 1, 2, CAST('{}' AS BLOB), CAST('{}' AS BLOB), CAST('{"$lastUpdated":"0001-01-01T00:00:00Z"}' AS BLOB), 1,
    CAST('{}' AS BLOB), CAST('{"$lastUpdated":"0001-01-01T00:00:00Z"}' AS BLOB), 1, ''
FROM identities;

-- Events that wait to be carried into the log.
CREATE TABLE events (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    hub           TEXT    NOT NULL,
    source        INTEGER NOT NULL,
    device_id     TEXT    NOT NULL,
    module_id     TEXT    NOT NULL,
    generation_id TEXT    NOT NULL,
    properties    BLOB    NOT NULL,
    body          BLOB    NOT NULL
);

CREATE INDEX identities_by_status ON identities (hub, enabled, device_id) WHERE module_id = '';
