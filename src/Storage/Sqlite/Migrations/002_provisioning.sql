-- Enrollments of an application. kind: 0 individual, 1 group. id_key is the id in lower case. Times are Unix milliseconds.
-- Symmetric keys are sealed, see SecretSeal; endorsement and storage root keys are public. settings is JSON.
CREATE TABLE enrollments (
    application      TEXT    NOT NULL,
    kind             INTEGER NOT NULL,
    id_key           TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    etag             TEXT    NOT NULL,
    created          INTEGER NOT NULL,
    updated          INTEGER NOT NULL,
    attestation      INTEGER NOT NULL,
    primary_key      BLOB,
    secondary_key    BLOB,
    endorsement_key  BLOB,
    storage_root_key BLOB,
    settings         TEXT    NOT NULL,
    PRIMARY KEY (application, kind, id_key)
) WITHOUT ROWID;

-- How many there are, so that a limit costs no count over a million rows.
CREATE TABLE enrollment_counts (
    application TEXT    NOT NULL,
    kind        INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (application, kind)
) WITHOUT ROWID;

-- Registration records. operations is a JSON array of the last operation ids. There are no secrets in it.
CREATE TABLE registrations (
    application      TEXT    NOT NULL,
    id_key           TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    etag             TEXT    NOT NULL,
    created          INTEGER NOT NULL,
    updated          INTEGER NOT NULL,
    status           INTEGER NOT NULL,
    substatus        INTEGER,
    assigned_hub     TEXT,
    device_id        TEXT,
    group_key        TEXT,
    group_id         TEXT,
    attestation      INTEGER NOT NULL,
    storage_root_key BLOB,
    error_code       INTEGER,
    error_message    TEXT,
    operations       TEXT    NOT NULL,
    PRIMARY KEY (application, id_key)
) WITHOUT ROWID;

CREATE INDEX registrations_by_group ON registrations (application, group_key, id_key) WHERE group_key IS NOT NULL;
