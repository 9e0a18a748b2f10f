-- Certificates of enrollments, DER; they are public. In a table with row ids several share a page; in enrollments, which has none, each
-- takes a page for itself. Enrollments from before have theirs in the JSON of certificates and tpm until they are written again.
CREATE TABLE enrolled_certificates (
    number                  INTEGER PRIMARY KEY,
    primary_certificate     BLOB,
    secondary_certificate   BLOB,
    endorsement_certificate BLOB
);

ALTER TABLE enrollments ADD COLUMN certificates_number INTEGER;
