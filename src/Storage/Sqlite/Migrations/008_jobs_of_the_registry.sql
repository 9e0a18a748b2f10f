-- One queue of service-bound records for all kinds. id names what happened: a record with the id of one that waits is not added again.
ALTER TABLE servicebound ADD COLUMN id TEXT;

CREATE UNIQUE INDEX servicebound_by_id ON servicebound (hub, kind, id) WHERE id IS NOT NULL;

INSERT INTO servicebound (hub, kind, enqueued, expires, deliveries, payload, id)
SELECT hub, 1, enqueued, enqueued + 3600000, deliveries, CAST(body AS TEXT), id FROM notifications WHERE queue = 'files' ORDER BY sequence;

DROP TABLE notifications;

-- Imports and exports of the registry. Times are Unix milliseconds. request is sealed: it holds access to storage accounts.
-- position: lines of an import that are done; begun: lines that may have been done when the server stopped.
CREATE TABLE registry_jobs (
    hub      TEXT    NOT NULL,
    job_id   TEXT    NOT NULL,
    type     INTEGER NOT NULL,
    status   INTEGER NOT NULL,
    request  BLOB    NOT NULL,
    created  INTEGER NOT NULL,
    started  INTEGER,
    ended    INTEGER,
    progress INTEGER NOT NULL,
    position INTEGER NOT NULL,
    begun    INTEGER NOT NULL,
    reason   TEXT,
    PRIMARY KEY (hub, job_id)
) WITHOUT ROWID;

-- Lines of an import that were refused, as they go into its log.
CREATE TABLE registry_job_errors (
    hub    TEXT    NOT NULL,
    job_id TEXT    NOT NULL,
    line   INTEGER NOT NULL,
    entry  TEXT    NOT NULL,
    PRIMARY KEY (hub, job_id, line)
) WITHOUT ROWID;

-- Messages that count against the limit of a day (days since 1970-01-01 UTC).
CREATE TABLE day_quota (
    hub  TEXT    NOT NULL PRIMARY KEY,
    day  INTEGER NOT NULL,
    used INTEGER NOT NULL
) WITHOUT ROWID;
