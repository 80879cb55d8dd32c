-- Events that are not settled, of instances whose events keep their order per object. A delivery that is NEW and due at
-- no time is held: an earlier event of one of its objects is in here.

-- skips: a dead letter lets its successors go on.
CREATE TABLE unsettled (
    instance_id INTEGER NOT NULL,
    resource TEXT NOT NULL,
    object_id TEXT NOT NULL,
    notification_id INTEGER NOT NULL,
    skips INTEGER NOT NULL,
    PRIMARY KEY (instance_id, resource, object_id, notification_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX unsettled_by_notification ON unsettled (notification_id);
