-- Hubs to which an application assigns devices. connection_string is sealed, see SecretSeal; null for the server's own hub.
CREATE TABLE linked_hubs (
    application             TEXT    NOT NULL,
    host_name               TEXT    NOT NULL,
    etag                    TEXT    NOT NULL,
    connection_string       BLOB,
    certificate_authority   TEXT,
    location                TEXT,
    weight                  INTEGER NOT NULL,
    apply_allocation_policy INTEGER NOT NULL,
    PRIMARY KEY (application, host_name)
) WITHOUT ROWID;

-- payload: JSON for the device, from a custom allocation webhook. issued_chain: JSON array of certificates, Base64 of DER, for the request
-- of the last registration. left_behind: JSON array of {hub, deviceId} that the device left and that still have it.
ALTER TABLE registrations ADD COLUMN payload TEXT;
ALTER TABLE registrations ADD COLUMN issued_chain TEXT;
ALTER TABLE registrations ADD COLUMN left_behind TEXT;

CREATE INDEX registrations_left_behind ON registrations (application, id_key) WHERE left_behind IS NOT NULL;

-- Certificates issued at registrations. Times are Unix milliseconds. There are no private keys.
CREATE TABLE issued_certificates (
    application     TEXT    NOT NULL,
    serial_number   TEXT    NOT NULL,
    id_key          TEXT    NOT NULL,
    registration_id TEXT    NOT NULL,
    device_id       TEXT    NOT NULL,
    hub             TEXT    NOT NULL,
    authority       TEXT    NOT NULL,
    thumbprint      TEXT    NOT NULL,
    not_before      INTEGER NOT NULL,
    not_after       INTEGER NOT NULL,
    issued          INTEGER NOT NULL,
    revoked         INTEGER,
    reason          TEXT,
    PRIMARY KEY (application, serial_number)
) WITHOUT ROWID;

CREATE INDEX issued_certificates_by_registration ON issued_certificates (application, id_key, issued);

-- The newest refusals, so that a restart does not forget them. refusal is JSON without secrets.
CREATE TABLE explanations (
    tracking_id TEXT    NOT NULL PRIMARY KEY,
    time        INTEGER NOT NULL,
    refusal     TEXT    NOT NULL
) WITHOUT ROWID;

CREATE INDEX explanations_by_time ON explanations (time);

-- Which root certificates a device was last known to trust: SHA-256 thumbprints, separated by blanks. source: 1 it fetched the bundle.
CREATE TABLE device_trust (
    hub       TEXT    NOT NULL,
    device_id TEXT    NOT NULL,
    roots     TEXT    NOT NULL,
    seen      INTEGER NOT NULL,
    PRIMARY KEY (hub, device_id)
) WITHOUT ROWID;
