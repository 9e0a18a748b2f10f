-- Device groups: saved filters over the devices of an application. changed: Unix milliseconds.
CREATE TABLE device_groups (
    application  TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    description  TEXT,
    filter       TEXT    NOT NULL,
    organization TEXT,
    changed      INTEGER NOT NULL,
    changed_by   TEXT,
    version      INTEGER NOT NULL,
    PRIMARY KEY (application, id)
) WITHOUT ROWID;
