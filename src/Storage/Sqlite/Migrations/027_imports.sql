-- Imports of devices from CSV files as jobs. status: number of ImportJobStatus. options and columns (those without a meaning) are JSON.
-- fresh: hashes of 16 bytes of the ids that the batch in work makes. Times are Unix milliseconds.
CREATE TABLE import_jobs (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    application TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    file_name   TEXT    NOT NULL,
    bytes       INTEGER NOT NULL,
    sha256      TEXT    NOT NULL,
    total       INTEGER NOT NULL,
    options     TEXT    NOT NULL,
    columns     TEXT    NOT NULL,
    status      INTEGER NOT NULL,
    reason      TEXT,
    cancelling  INTEGER NOT NULL DEFAULT 0,
    processed   INTEGER NOT NULL DEFAULT 0,
    made        INTEGER NOT NULL DEFAULT 0,
    updated     INTEGER NOT NULL DEFAULT 0,
    skipped     INTEGER NOT NULL DEFAULT 0,
    failed      INTEGER NOT NULL DEFAULT 0,
    fresh       BLOB    NOT NULL,
    created     INTEGER NOT NULL,
    began       INTEGER,
    ended       INTEGER,
    UNIQUE (application, id)
);

CREATE INDEX import_jobs_by_status ON import_jobs (application, status, sequence);

-- Rows of the error files, sealed, in the parts in which they came. place: from 0.
CREATE TABLE import_errors (
    application TEXT    NOT NULL,
    job_id      TEXT    NOT NULL,
    place       INTEGER NOT NULL,
    rows        BLOB    NOT NULL,
    PRIMARY KEY (application, job_id, place)
);
