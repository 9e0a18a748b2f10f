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

-- Jobs over device groups. status: number of GroupJobStatus. data, batch and threshold are JSON. Times are Unix milliseconds.
CREATE TABLE group_jobs (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    application  TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    description  TEXT,
    group_id     TEXT    NOT NULL,
    organization TEXT,
    data         TEXT    NOT NULL,
    batch        TEXT,
    threshold    TEXT,
    status       INTEGER NOT NULL,
    reason       TEXT,
    listed       INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    created_by   TEXT,
    began        INTEGER,
    ended        INTEGER,
    UNIQUE (application, id)
);

CREATE INDEX group_jobs_by_status ON group_jobs (application, status, sequence);
CREATE INDEX group_jobs_by_end ON group_jobs (application, ended) WHERE ended IS NOT NULL;

-- What a job did on each device. place: its place in the job, from 0; status: number of GroupJobDeviceStatus.
CREATE TABLE group_job_devices (
    application TEXT    NOT NULL,
    job_id      TEXT    NOT NULL,
    device_id   TEXT    NOT NULL,
    place       INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    error       TEXT,
    text        TEXT,
    updated     INTEGER NOT NULL,
    PRIMARY KEY (application, job_id, device_id)
) WITHOUT ROWID;

CREATE INDEX group_job_devices_by_status ON group_job_devices (application, job_id, status, place);
CREATE INDEX group_job_devices_by_place ON group_job_devices (application, job_id, place);

-- Which device belongs to which, for example a sensor to its gateway. Those of a device that is deleted go with it.
CREATE TABLE device_relationships (
    application TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (application, source, id)
) WITHOUT ROWID;

CREATE INDEX device_relationships_by_target ON device_relationships (application, target);

CREATE TRIGGER device_relationships_gone AFTER DELETE ON devices BEGIN
    DELETE FROM device_relationships WHERE application = OLD.application AND source = OLD.device_id;
    DELETE FROM device_relationships WHERE application = OLD.application AND target = OLD.device_id;
END;
