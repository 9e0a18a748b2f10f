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
