-- Messages that wait for devices and modules. sequence grows over all queues and is never used again. Times are Unix milliseconds.
CREATE TABLE device_messages (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    hub           TEXT    NOT NULL,
    device_id     TEXT    NOT NULL,
    module_id     TEXT    NOT NULL,
    generation_id TEXT    NOT NULL,
    message_id    TEXT    NOT NULL,
    enqueued      INTEGER NOT NULL,
    expires       INTEGER NOT NULL,
    deliveries    INTEGER NOT NULL,
    ack           INTEGER NOT NULL,
    properties    BLOB    NOT NULL,
    body          BLOB    NOT NULL
);

-- A queue in its order, since the sequence is the row's number.
CREATE INDEX device_messages_by_queue ON device_messages (hub, device_id, module_id);

CREATE INDEX device_messages_by_expiry ON device_messages (hub, expires);

-- What services read from the hub: feedback and the like, by kind.
CREATE TABLE servicebound (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    hub        TEXT    NOT NULL,
    kind       INTEGER NOT NULL,
    enqueued   INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    payload    TEXT    NOT NULL
);

CREATE INDEX servicebound_by_kind ON servicebound (hub, kind);

CREATE INDEX servicebound_by_expiry ON servicebound (hub, kind, expires);
