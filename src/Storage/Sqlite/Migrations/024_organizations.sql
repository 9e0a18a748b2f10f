-- Parts of an application: a tree of organizations. Devices, accounts and tokens belong to one of them, or to the whole application.
CREATE TABLE organizations (
    id           TEXT    NOT NULL PRIMARY KEY,
    display_name TEXT    NOT NULL,
    parent       TEXT    REFERENCES organizations (id),
    version      INTEGER NOT NULL
) WITHOUT ROWID;

ALTER TABLE accounts ADD COLUMN organization TEXT;
ALTER TABLE sessions ADD COLUMN organization TEXT;
ALTER TABLE api_tokens ADD COLUMN organization TEXT;

-- Devices have had names of organizations before there were any: each that is one becomes an organization at the top, others are forgotten.
UPDATE devices SET version = version + 1, organization = NULL
WHERE organization IS NOT NULL AND (length(organization) NOT BETWEEN 2 AND 49 OR organization GLOB '*[^a-z0-9-]*' OR substr(organization, 1, 1) = '-' OR substr(organization, -1) = '-');

INSERT INTO organizations (id, display_name, parent, version)
SELECT DISTINCT organization, organization, NULL, 1 FROM devices WHERE organization IS NOT NULL;
