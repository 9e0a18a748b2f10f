-- How many devices each state has. Counting a million rows takes seconds, and the overview asks every few seconds: the triggers keep
-- the sum in the transaction that changes the device. organization: '' for devices in none.
CREATE TABLE device_counts (
    application  TEXT    NOT NULL,
    organization TEXT    NOT NULL,
    status       INTEGER NOT NULL,
    devices      INTEGER NOT NULL,
    PRIMARY KEY (application, organization, status)
) WITHOUT ROWID;

INSERT INTO device_counts (application, organization, status, devices)
SELECT application, coalesce(organization, ''), status, count(*) FROM devices GROUP BY 1, 2, 3;

CREATE TRIGGER devices_counted_in AFTER INSERT ON devices BEGIN
    INSERT INTO device_counts (application, organization, status, devices) VALUES (NEW.application, coalesce(NEW.organization, ''), NEW.status, 1)
    ON CONFLICT DO UPDATE SET devices = devices + 1;
END;

CREATE TRIGGER devices_counted_out AFTER DELETE ON devices BEGIN
    UPDATE device_counts SET devices = devices - 1
    WHERE application = OLD.application AND organization = coalesce(OLD.organization, '') AND status = OLD.status;
END;

CREATE TRIGGER devices_counted_anew AFTER UPDATE ON devices
WHEN OLD.status <> NEW.status OR OLD.organization IS NOT NEW.organization BEGIN
    UPDATE device_counts SET devices = devices - 1
    WHERE application = OLD.application AND organization = coalesce(OLD.organization, '') AND status = OLD.status;
    INSERT INTO device_counts (application, organization, status, devices) VALUES (NEW.application, coalesce(NEW.organization, ''), NEW.status, 1)
    ON CONFLICT DO UPDATE SET devices = devices + 1;
END;
