-- Device templates. draft: JSON that is edited, or null; published: JSON that devices follow, or null. Times are Unix milliseconds.
CREATE TABLE device_templates (
    application    TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    model_id       TEXT    NOT NULL,
    display_name   TEXT    NOT NULL,
    description    TEXT,
    draft          TEXT,
    published      TEXT,
    published_time INTEGER,
    changed        INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    PRIMARY KEY (application, id)
);

CREATE INDEX device_templates_by_model ON device_templates (application, model_id) WHERE published IS NOT NULL;

-- Which template a device follows, and the model that it named last. A device that waits for approval has a row before it has an identity.
CREATE TABLE template_devices (
    hub         TEXT    NOT NULL,
    device_id   TEXT    NOT NULL,
    module_id   TEXT    NOT NULL DEFAULT '',
    template_id TEXT,
    model_id    TEXT,
    assigned_by INTEGER NOT NULL,
    time        INTEGER NOT NULL,
    PRIMARY KEY (hub, device_id, module_id)
) WITHOUT ROWID;

CREATE INDEX template_devices_by_template ON template_devices (hub, template_id, device_id);
CREATE INDEX template_devices_waiting ON template_devices (hub, model_id, device_id) WHERE template_id IS NULL;

-- The own model repository. json is one interface in UTF-8.
CREATE TABLE models (
    application TEXT NOT NULL,
    id          TEXT NOT NULL,
    json        BLOB NOT NULL,
    PRIMARY KEY (application, id)
);

-- Commands that were run over the operators' API, the newest 20 of each. request and response are JSON.
CREATE TABLE device_commands (
    hub           TEXT    NOT NULL,
    device_id     TEXT    NOT NULL,
    module_id     TEXT    NOT NULL DEFAULT '',
    command       TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    request       TEXT,
    response      TEXT,
    response_code INTEGER NOT NULL,
    time          INTEGER NOT NULL,
    PRIMARY KEY (hub, device_id, module_id, command, time, id)
) WITHOUT ROWID;

-- The template of a device is one fact in two tables: operators find devices by it, with its model here. Whichever is written, the other follows.
CREATE TRIGGER template_devices_added AFTER INSERT ON template_devices WHEN NEW.module_id = '' BEGIN
    UPDATE devices SET version = version + 1, template = NEW.template_id
    WHERE application = 'default' AND device_id = NEW.device_id AND template IS NOT NEW.template_id;
END;

CREATE TRIGGER template_devices_changed AFTER UPDATE OF template_id ON template_devices WHEN NEW.module_id = '' AND OLD.template_id IS NOT NEW.template_id BEGIN
    UPDATE devices SET version = version + 1, template = NEW.template_id
    WHERE application = 'default' AND device_id = NEW.device_id AND template IS NOT NEW.template_id;
END;

CREATE TRIGGER devices_template_changed AFTER UPDATE OF template ON devices WHEN OLD.template IS NOT NEW.template BEGIN
    INSERT INTO template_devices (hub, device_id, template_id, model_id, assigned_by, time)
    VALUES ('hub1', NEW.device_id, NEW.template, NEW.model_id, NEW.template IS NOT NULL, CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER))
    ON CONFLICT DO UPDATE SET template_id = excluded.template_id, assigned_by = excluded.assigned_by, time = excluded.time
    WHERE template_id IS NOT excluded.template_id;
END;

-- A device that came to be known with a template, or one whose model was noted before.
CREATE TRIGGER devices_template_added AFTER INSERT ON devices WHEN NEW.template IS NOT NULL BEGIN
    INSERT INTO template_devices (hub, device_id, template_id, model_id, assigned_by, time)
    VALUES ('hub1', NEW.device_id, NEW.template, NEW.model_id, 1, NEW.created)
    ON CONFLICT DO UPDATE SET template_id = excluded.template_id, assigned_by = excluded.assigned_by, time = excluded.time
    WHERE template_id IS NOT excluded.template_id;
END;

CREATE TRIGGER devices_template_known AFTER INSERT ON devices WHEN NEW.template IS NULL BEGIN
    UPDATE devices SET template = (SELECT t.template_id FROM template_devices t WHERE t.hub = 'hub1' AND t.device_id = NEW.device_id AND t.module_id = '')
    WHERE application = NEW.application AND device_id = NEW.device_id
        AND EXISTS (SELECT 1 FROM template_devices t WHERE t.hub = 'hub1' AND t.device_id = NEW.device_id AND t.module_id = '' AND t.template_id IS NOT NULL);
END;

CREATE TRIGGER devices_template_gone AFTER DELETE ON devices BEGIN
    DELETE FROM template_devices WHERE hub = 'hub1' AND device_id = OLD.device_id AND module_id = '';
END;

INSERT INTO template_devices (hub, device_id, template_id, model_id, assigned_by, time)
SELECT 'hub1', device_id, template, model_id, 1, created FROM devices WHERE application = 'default' AND template IS NOT NULL;
