-- What happened to devices and published templates as operators see them, on its way into the log; the words are those of IoT Central's data export.
-- Triggers write it in the transaction of the change, whichever way that came. source: number of MessageSource; body: JSON; time: Unix milliseconds.
CREATE TABLE changes (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    application TEXT    NOT NULL,
    source      INTEGER NOT NULL,
    id          TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    time        INTEGER NOT NULL,
    body        TEXT    NOT NULL
);

-- Whose changes somebody wants to know: without a row here a change of a device costs nothing more.
CREATE TABLE wanted_changes (
    application TEXT    NOT NULL,
    source      INTEGER NOT NULL,
    PRIMARY KEY (application, source)
) WITHOUT ROWID;

-- Before the row, since other triggers go on from it. An insert that becomes an update is none.
CREATE TRIGGER devices_registered BEFORE INSERT ON devices
WHEN EXISTS (SELECT 1 FROM wanted_changes w WHERE w.application = NEW.application AND w.source = 5)
    AND NOT EXISTS (SELECT 1 FROM devices d WHERE d.application = NEW.application AND d.device_id = NEW.device_id) BEGIN
    INSERT INTO changes (application, source, id, kind, time, body)
    SELECT NEW.application, 5, NEW.device_id, k.value, CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER), json_object(
        'id', NEW.device_id, 'displayName', coalesce(NEW.display_name, NEW.device_id), 'template', NEW.template, 'organization', NEW.organization,
        'approved', json(iif(NEW.approved, 'true', 'false')), 'blocked', json(iif(NEW.blocked OR NEW.disabled, 'true', 'false')),
        'provisioned', json(iif(NEW.provisioned, 'true', 'false')), 'simulated', json(iif(NEW.simulated, 'true', 'false')))
    FROM json_each(iif(NEW.provisioned, '["registered","provisioned"]', '["registered"]')) k ORDER BY k.key;
END;

CREATE TRIGGER devices_unregistered AFTER DELETE ON devices
WHEN EXISTS (SELECT 1 FROM wanted_changes w WHERE w.application = OLD.application AND w.source = 5) BEGIN
    INSERT INTO changes (application, source, id, kind, time, body)
    VALUES (OLD.application, 5, OLD.device_id, 'deleted', CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER), json_object(
        'id', OLD.device_id, 'displayName', coalesce(OLD.display_name, OLD.device_id), 'template', OLD.template, 'organization', OLD.organization,
        'approved', json(iif(OLD.approved, 'true', 'false')), 'blocked', json(iif(OLD.blocked OR OLD.disabled, 'true', 'false')),
        'provisioned', json(iif(OLD.provisioned, 'true', 'false')), 'simulated', json(iif(OLD.simulated, 'true', 'false'))));
END;

-- Blocked by an operator and disabled in the registry are one to who sees it from outside: a device is let in, or kept out.
CREATE TRIGGER devices_changed AFTER UPDATE ON devices
WHEN EXISTS (SELECT 1 FROM wanted_changes w WHERE w.application = NEW.application AND w.source = 5)
    AND ((NEW.provisioned AND NOT OLD.provisioned) OR (NEW.approved AND NOT OLD.approved) OR (OLD.blocked OR OLD.disabled) <> (NEW.blocked OR NEW.disabled)
        OR coalesce(OLD.display_name, OLD.device_id) <> coalesce(NEW.display_name, NEW.device_id) OR OLD.template IS NOT NEW.template) BEGIN
    INSERT INTO changes (application, source, id, kind, time, body)
    SELECT NEW.application, 5, NEW.device_id, k.value, CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER), json_object(
        'id', NEW.device_id, 'displayName', coalesce(NEW.display_name, NEW.device_id), 'template', NEW.template, 'organization', NEW.organization,
        'approved', json(iif(NEW.approved, 'true', 'false')), 'blocked', json(iif(NEW.blocked OR NEW.disabled, 'true', 'false')),
        'provisioned', json(iif(NEW.provisioned, 'true', 'false')), 'simulated', json(iif(NEW.simulated, 'true', 'false')))
    FROM json_each(json_array(
        iif(NEW.provisioned AND NOT OLD.provisioned, 'provisioned', NULL),
        iif(NOT (OLD.blocked OR OLD.disabled) AND (NEW.blocked OR NEW.disabled), 'disabled', NULL),
        iif(NOT (NEW.blocked OR NEW.disabled) AND (OLD.blocked OR OLD.disabled OR (NEW.approved AND NOT OLD.approved)), 'enabled', NULL),
        iif(coalesce(OLD.display_name, OLD.device_id) <> coalesce(NEW.display_name, NEW.device_id), 'displayNameChanged', NULL),
        iif(OLD.template IS NOT NEW.template, 'deviceTemplateChanged', NULL))) k
    WHERE k.value IS NOT NULL ORDER BY k.key;
END;

CREATE TRIGGER device_templates_created AFTER INSERT ON device_templates
WHEN NEW.published IS NOT NULL AND EXISTS (SELECT 1 FROM wanted_changes w WHERE w.application = NEW.application AND w.source = 6) BEGIN
    INSERT INTO changes (application, source, id, kind, time, body)
    VALUES (NEW.application, 6, NEW.id, 'created', CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER), json_object('id', NEW.id, 'displayName', NEW.display_name, 'modelId', NEW.model_id));
END;

CREATE TRIGGER device_templates_updated AFTER UPDATE ON device_templates
WHEN NEW.published IS NOT NULL AND OLD.published IS NOT NEW.published AND EXISTS (SELECT 1 FROM wanted_changes w WHERE w.application = NEW.application AND w.source = 6) BEGIN
    INSERT INTO changes (application, source, id, kind, time, body)
    VALUES (NEW.application, 6, NEW.id, iif(OLD.published IS NULL, 'created', 'updated'), CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER),
        json_object('id', NEW.id, 'displayName', NEW.display_name, 'modelId', NEW.model_id));
END;

CREATE TRIGGER device_templates_deleted AFTER DELETE ON device_templates
WHEN OLD.published IS NOT NULL AND EXISTS (SELECT 1 FROM wanted_changes w WHERE w.application = OLD.application AND w.source = 6) BEGIN
    INSERT INTO changes (application, source, id, kind, time, body)
    VALUES (OLD.application, 6, OLD.id, 'deleted', CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER), json_object('id', OLD.id, 'displayName', OLD.display_name, 'modelId', OLD.model_id));
END;

-- Data export. definition of a destination: JSON, sealed, since it has passwords in it.
CREATE TABLE export_destinations (
    application TEXT NOT NULL,
    id          TEXT NOT NULL COLLATE NOCASE,
    etag        TEXT NOT NULL,
    definition  BLOB NOT NULL,
    PRIMARY KEY (application, id)
) WITHOUT ROWID;

-- definition: JSON; starts: JSON, for each partition the first message that it takes, or null while it is off.
CREATE TABLE exports (
    application TEXT NOT NULL,
    id          TEXT NOT NULL COLLATE NOCASE,
    etag        TEXT NOT NULL,
    definition  TEXT NOT NULL,
    starts      TEXT,
    PRIMARY KEY (application, id)
) WITHOUT ROWID;
