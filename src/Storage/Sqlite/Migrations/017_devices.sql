-- The devices of an application as its operators see them: those that wait for approval too, which no hub has yet. status: number of
-- DeviceStatus, derived. disabled: the identity in this server's hub is disabled, by whomever. credential: number of CredentialUsed.
-- Times are Unix milliseconds. created: when the device was first known; last_seen: its last registration call.
CREATE TABLE devices (
    application      TEXT    NOT NULL,
    device_id        TEXT    NOT NULL,
    version          INTEGER NOT NULL,
    display_name     TEXT,
    approved         INTEGER NOT NULL,
    blocked          INTEGER NOT NULL,
    disabled         INTEGER NOT NULL,
    provisioned      INTEGER NOT NULL,
    simulated        INTEGER NOT NULL,
    template         TEXT,
    organization     TEXT,
    model_id         TEXT,
    registration_id  TEXT,
    group_id         TEXT,
    credential       INTEGER,
    address          TEXT,
    created          INTEGER NOT NULL,
    last_seen        INTEGER,
    last_provisioned INTEGER,
    changed          INTEGER,
    changed_by       TEXT,
    status           INTEGER GENERATED ALWAYS AS (CASE WHEN blocked OR disabled THEN 3 WHEN NOT approved THEN 2 WHEN NOT provisioned THEN 1 ELSE 0 END) VIRTUAL,
    PRIMARY KEY (application, device_id)
) WITHOUT ROWID;

CREATE INDEX devices_by_status ON devices (application, status, device_id);
CREATE INDEX devices_by_template ON devices (application, template, device_id);
CREATE INDEX devices_by_organization ON devices (application, organization, device_id) WHERE organization IS NOT NULL;
CREATE INDEX devices_by_name ON devices (application, coalesce(display_name, device_id) COLLATE NOCASE, device_id);

-- What the hub's registry and provisioning write shows here in the same transaction, whatever way it came: a device of the hub is a
-- device of the application, approved by whoever made it; it is provisioned once it was assigned, or seen in the hub.
CREATE TRIGGER devices_identity_added AFTER INSERT ON identities WHEN NEW.module_id = '' BEGIN
    INSERT INTO devices (application, device_id, version, approved, blocked, disabled, provisioned, simulated, created)
    VALUES ('default', NEW.device_id, 1, 1, 0, NOT NEW.enabled, 0, 0, CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER))
    ON CONFLICT (application, device_id) DO UPDATE SET version = version + 1, disabled = excluded.disabled;
END;

CREATE TRIGGER devices_identity_enabled AFTER UPDATE OF enabled ON identities WHEN NEW.module_id = '' AND OLD.enabled <> NEW.enabled BEGIN
    UPDATE devices SET version = version + 1, disabled = NOT NEW.enabled WHERE application = 'default' AND device_id = NEW.device_id;
END;

CREATE TRIGGER devices_identity_seen AFTER UPDATE OF last_activity ON identities
WHEN NEW.module_id = '' AND OLD.last_activity IS NULL AND NEW.last_activity IS NOT NULL BEGIN
    UPDATE devices SET version = version + 1, provisioned = 1 WHERE application = 'default' AND device_id = NEW.device_id AND provisioned = 0;
END;

-- A device that moved to another hub leaves an identity behind, and stays.
CREATE TRIGGER devices_identity_deleted AFTER DELETE ON identities WHEN OLD.module_id = '' BEGIN
    DELETE FROM devices WHERE application = 'default' AND device_id = OLD.device_id
        AND NOT EXISTS (SELECT 1 FROM registrations r WHERE r.application = 'default' AND r.left_behind IS NOT NULL AND r.device_id = OLD.device_id);
END;

CREATE TRIGGER devices_name_tagged AFTER INSERT ON twin_tags WHEN NEW.path = 'displayName' AND NEW.module_id = '' AND substr(NEW.value, 1, 2) = 's:' BEGIN
    UPDATE devices SET version = version + 1, display_name = substr(NEW.value, 3)
    WHERE application = 'default' AND device_id = NEW.device_id AND display_name IS NOT substr(NEW.value, 3);
END;

CREATE TRIGGER devices_registration_added AFTER INSERT ON registrations WHEN NEW.status = 0 AND NEW.device_id IS NOT NULL BEGIN
    INSERT INTO devices (application, device_id, version, approved, blocked, disabled, provisioned, simulated, created,
        registration_id, group_id, credential, model_id, last_seen, last_provisioned)
    VALUES (NEW.application, NEW.device_id, 1, 1, 0, 0, 1, 0, NEW.updated, NEW.id, NEW.group_id, NEW.credential, NEW.model_id, NEW.updated, NEW.updated)
    ON CONFLICT (application, device_id) DO UPDATE SET version = version + 1, provisioned = 1, registration_id = excluded.registration_id,
        group_id = excluded.group_id, credential = excluded.credential, model_id = coalesce(excluded.model_id, model_id),
        last_seen = excluded.last_seen, last_provisioned = excluded.last_provisioned;
END;

CREATE TRIGGER devices_registration_changed AFTER UPDATE OF etag ON registrations
WHEN NEW.status = 0 AND NEW.device_id IS NOT NULL AND OLD.etag <> NEW.etag BEGIN
    INSERT INTO devices (application, device_id, version, approved, blocked, disabled, provisioned, simulated, created,
        registration_id, group_id, credential, model_id, last_seen, last_provisioned)
    VALUES (NEW.application, NEW.device_id, 1, 1, 0, 0, 1, 0, NEW.updated, NEW.id, NEW.group_id, NEW.credential, NEW.model_id, NEW.updated, NEW.updated)
    ON CONFLICT (application, device_id) DO UPDATE SET version = version + 1, provisioned = 1, registration_id = excluded.registration_id,
        group_id = excluded.group_id, credential = excluded.credential, model_id = coalesce(excluded.model_id, model_id),
        last_seen = excluded.last_seen, last_provisioned = excluded.last_provisioned;
END;

INSERT INTO devices (application, device_id, version, approved, blocked, disabled, provisioned, simulated, created)
SELECT 'default', device_id, 1, 1, 0, NOT enabled, last_activity IS NOT NULL, 0, CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)
FROM identities WHERE module_id = '';

UPDATE devices SET display_name = (
    SELECT substr(t.value, 3) FROM twin_tags t
    WHERE t.device_id = devices.device_id AND t.module_id = '' AND t.path = 'displayName' AND substr(t.value, 1, 2) = 's:')
WHERE EXISTS (SELECT 1 FROM twin_tags t WHERE t.device_id = devices.device_id AND t.module_id = '' AND t.path = 'displayName');

INSERT INTO devices (application, device_id, version, approved, blocked, disabled, provisioned, simulated, created,
    registration_id, group_id, credential, model_id, last_seen, last_provisioned)
SELECT application, device_id, 1, 1, 0, 0, 1, 0, created, id, group_id, credential, model_id, updated, updated
FROM registrations WHERE status = 0 AND device_id IS NOT NULL
ON CONFLICT (application, device_id) DO UPDATE SET provisioned = 1, registration_id = excluded.registration_id, group_id = excluded.group_id,
    credential = excluded.credential, model_id = excluded.model_id, last_seen = excluded.last_seen, last_provisioned = excluded.last_provisioned;
