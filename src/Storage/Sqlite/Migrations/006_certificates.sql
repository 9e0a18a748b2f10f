-- CA certificates of a hub, whose devices may come with certificates that they issued. certificate: DER. Times are Unix milliseconds.
CREATE TABLE ca_certificates (
    hub               TEXT    NOT NULL,
    name              TEXT    NOT NULL COLLATE NOCASE,
    etag              TEXT    NOT NULL,
    certificate       BLOB    NOT NULL,
    verified          INTEGER NOT NULL,
    verification_code TEXT,
    created           INTEGER NOT NULL,
    updated           INTEGER NOT NULL,
    PRIMARY KEY (hub, name)
) WITHOUT ROWID;
