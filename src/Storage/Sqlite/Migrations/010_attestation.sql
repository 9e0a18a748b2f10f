-- X.509 and TPM groups. Certificates and endorsement keys are public.

-- certificates and tpm: JSON, see EnrolledCertificates and EnrolledTpm.
ALTER TABLE enrollments ADD COLUMN certificates TEXT;
ALTER TABLE enrollments ADD COLUMN tpm TEXT;

-- credential: number of CredentialUsed. endorsement_hash: SHA-256 of the endorsement key's modulus.
ALTER TABLE registrations ADD COLUMN credential INTEGER;
ALTER TABLE registrations ADD COLUMN endorsement_key BLOB;
ALTER TABLE registrations ADD COLUMN endorsement_hash BLOB;
ALTER TABLE registrations ADD COLUMN model_id TEXT;
CREATE INDEX registrations_by_endorsement ON registrations (application, endorsement_hash, id_key) WHERE endorsement_hash IS NOT NULL;

-- Endorsement keys in the lists of TPM groups. group_key and registration_key are ids in lower case.
CREATE TABLE endorsement_keys (
    application      TEXT NOT NULL,
    hash             BLOB NOT NULL,
    group_key        TEXT NOT NULL,
    registration_key TEXT,
    PRIMARY KEY (application, hash)
) WITHOUT ROWID;
CREATE INDEX endorsement_keys_by_group ON endorsement_keys (application, group_key, hash);

-- How many a group has, so that a limit costs no count over a million rows.
CREATE TABLE endorsement_counts (
    application TEXT    NOT NULL,
    group_key   TEXT    NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (application, group_key)
) WITHOUT ROWID;

-- The newest revocation list of each uploaded CA, DER or PEM.
CREATE TABLE revocation_lists (
    application TEXT NOT NULL,
    authority   TEXT NOT NULL COLLATE NOCASE,
    list        BLOB NOT NULL,
    PRIMARY KEY (application, authority)
) WITHOUT ROWID;
