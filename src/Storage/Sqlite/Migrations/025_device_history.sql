-- The latest connections of each device and their ends. reason: number of CloseReason, 0 for a beginning. Times are Unix milliseconds.
CREATE TABLE connection_history (
    id        INTEGER PRIMARY KEY,
    hub       TEXT    NOT NULL,
    device_id TEXT    NOT NULL,
    module_id TEXT,
    time      INTEGER NOT NULL,
    protocol  TEXT    NOT NULL,
    address   TEXT,
    reason    INTEGER NOT NULL
);

CREATE INDEX connection_history_by_device ON connection_history (hub, device_id, id);

-- The latest files of each device, noted when it reported their end. The files themselves outlive the note.
CREATE TABLE uploaded_files (
    id        INTEGER PRIMARY KEY,
    hub       TEXT    NOT NULL,
    device_id TEXT    NOT NULL,
    blob_name TEXT    NOT NULL,
    size      INTEGER NOT NULL,
    time      INTEGER NOT NULL,
    UNIQUE (hub, device_id, blob_name)
);

CREATE TRIGGER device_history_deleted AFTER DELETE ON identities WHEN OLD.module_id = '' BEGIN
    DELETE FROM connection_history WHERE hub = OLD.hub AND device_id = OLD.device_id;
    DELETE FROM uploaded_files WHERE hub = OLD.hub AND device_id = OLD.device_id;
END;
