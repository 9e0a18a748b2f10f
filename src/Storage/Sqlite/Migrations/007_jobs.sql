-- Jobs over many devices. status: see JobStatus; active is 1 until the job came to its end. body is the canonical JSON of the method or twin.
-- The counters are those of the rows in job_devices. Times are Unix milliseconds.
CREATE TABLE jobs (
    sequence       INTEGER PRIMARY KEY AUTOINCREMENT,
    hub            TEXT    NOT NULL,
    job_id         TEXT    NOT NULL,
    type           INTEGER NOT NULL,
    condition      TEXT    NOT NULL,
    body           BLOB    NOT NULL,
    max_seconds    INTEGER NOT NULL,
    created        INTEGER NOT NULL,
    start          INTEGER NOT NULL,
    began          INTEGER,
    ended          INTEGER,
    status         INTEGER NOT NULL,
    listed         INTEGER NOT NULL,
    failure_reason TEXT,
    pending        INTEGER NOT NULL,
    running        INTEGER NOT NULL,
    succeeded      INTEGER NOT NULL,
    failed         INTEGER NOT NULL,
    canceled       INTEGER NOT NULL,
    UNIQUE (hub, job_id)
);

CREATE INDEX jobs_by_status ON jobs (hub, status, start);

CREATE INDEX jobs_by_end ON jobs (hub, ended) WHERE ended IS NOT NULL;

-- What a job did on each device. status: see DeviceJobStatus.
CREATE TABLE job_devices (
    hub               TEXT    NOT NULL,
    job_id            TEXT    NOT NULL,
    device_id         TEXT    NOT NULL,
    status            INTEGER NOT NULL,
    created           INTEGER NOT NULL,
    started           INTEGER,
    ended             INTEGER,
    updated           INTEGER NOT NULL,
    method_status     INTEGER,
    payload           BLOB,
    error_code        TEXT,
    error_description TEXT,
    PRIMARY KEY (hub, job_id, device_id)
) WITHOUT ROWID;

CREATE INDEX job_devices_by_device ON job_devices (hub, device_id, job_id);

CREATE INDEX job_devices_open ON job_devices (hub, job_id, status, device_id) WHERE status IN (0, 1);

-- Automatic device management. labels, content and metrics are JSON.
CREATE TABLE configurations (
    hub              TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    version          INTEGER NOT NULL,
    schema_version   TEXT    NOT NULL,
    target_condition TEXT    NOT NULL,
    priority         INTEGER NOT NULL,
    labels           BLOB    NOT NULL,
    content          BLOB    NOT NULL,
    metrics          BLOB    NOT NULL,
    created          INTEGER NOT NULL,
    updated          INTEGER NOT NULL,
    PRIMARY KEY (hub, id)
) WITHOUT ROWID;

-- Which configurations target a device or module, and which one of them was written to its twin.
CREATE TABLE configuration_status (
    hub           TEXT NOT NULL,
    device_id     TEXT NOT NULL,
    module_id     TEXT NOT NULL,
    configuration TEXT NOT NULL,
    status        TEXT NOT NULL,
    PRIMARY KEY (hub, device_id, module_id, configuration)
) WITHOUT ROWID;

CREATE INDEX configuration_status_by_configuration ON configuration_status (hub, configuration, status);
