-- Uploads that devices began. Times are Unix milliseconds.
CREATE TABLE file_uploads (
    hub            TEXT    NOT NULL,
    device_id      TEXT    NOT NULL,
    correlation_id TEXT    NOT NULL,
    blob_name      TEXT    NOT NULL,
    expires        INTEGER NOT NULL,
    PRIMARY KEY (hub, device_id, correlation_id)
) WITHOUT ROWID;

CREATE INDEX file_uploads_by_expiry ON file_uploads (expires);

-- Records that wait for the service side of a hub. queue: 'files'. lock_token and locked_until are null while nobody has the record.
CREATE TABLE notifications (
    sequence       INTEGER PRIMARY KEY AUTOINCREMENT,
    hub            TEXT    NOT NULL,
    queue          TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    body           BLOB    NOT NULL,
    enqueued       INTEGER NOT NULL,
    deliveries     INTEGER NOT NULL,
    lock_token     TEXT    UNIQUE,
    locked_until   INTEGER,
    UNIQUE (hub, queue, id)
);

CREATE INDEX notifications_by_queue ON notifications (hub, queue, sequence);
