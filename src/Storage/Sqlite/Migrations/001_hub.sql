-- What belongs to the installation: application name, ID scope.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Shared access policies. owner: 'hub/{name}' or 'dps'. Keys are sealed, see SecretSeal.
CREATE TABLE policies (
    owner         TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    position      INTEGER NOT NULL,
    rights        INTEGER NOT NULL,
    primary_key   BLOB    NOT NULL,
    secondary_key BLOB    NOT NULL,
    PRIMARY KEY (owner, name)
) WITHOUT ROWID;

-- Devices (module_id = '') and their modules. Times are Unix milliseconds. Keys are sealed.
CREATE TABLE identities (
    hub                  TEXT    NOT NULL,
    device_id            TEXT    NOT NULL,
    module_id            TEXT    NOT NULL,
    generation_id        TEXT    NOT NULL,
    version              INTEGER NOT NULL,
    enabled              INTEGER NOT NULL,
    status_reason        TEXT,
    status_time          INTEGER,
    auth_type            INTEGER NOT NULL,
    primary_key          BLOB,
    secondary_key        BLOB,
    primary_thumbprint   TEXT,
    secondary_thumbprint TEXT,
    iot_edge             INTEGER NOT NULL,
    device_scope         TEXT,
    managed_by           TEXT,
    connection_time      INTEGER,
    last_activity        INTEGER,
    PRIMARY KEY (hub, device_id, module_id)
) WITHOUT ROWID;

-- For explanations: an id that differs in letter case only.
CREATE INDEX identities_by_any_case ON identities (hub, device_id COLLATE NOCASE);
