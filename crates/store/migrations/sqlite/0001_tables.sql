-- The tables of README.md. Times are milliseconds since 1970 (UTC), JSON is TEXT, digests are BLOB.
-- No foreign key leads into or out of a hot table: the transactions of this crate keep them whole.

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('instance_ids', 0), ('notification_ids', 0);

CREATE TABLE organizations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    secret_hash TEXT NOT NULL
) STRICT;

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    UNIQUE (organization_id, name)
) STRICT;
CREATE INDEX users_by_secret ON users (secret_hash);

CREATE TABLE instances (
    id INTEGER PRIMARY KEY,
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    tags TEXT NOT NULL,
    configuration TEXT NOT NULL,
    secrets TEXT NOT NULL,
    settings TEXT NOT NULL,
    account TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    valid INTEGER NOT NULL,
    disabled INTEGER NOT NULL,
    reason TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX instances_by_token ON instances (token_hash) WHERE deleted_at IS NULL;
CREATE INDEX instances_by_organization ON instances (organization_id, id);

CREATE TABLE pollers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id INTEGER NOT NULL REFERENCES instances (id),
    resource TEXT NOT NULL,
    object TEXT NOT NULL,
    config TEXT NOT NULL,
    interval_minutes INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    lease_until INTEGER,
    epoch INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    cursor_at INTEGER NOT NULL,
    baseline_at INTEGER NOT NULL,
    active INTEGER NOT NULL,
    last_poll_at INTEGER,
    last_error TEXT,
    failures INTEGER NOT NULL,
    UNIQUE (instance_id, resource)
) STRICT;
CREATE INDEX pollers_due ON pollers (due_at) WHERE active;

CREATE TABLE versions (
    poller_id INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    digest BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (poller_id, object_id)
) STRICT, WITHOUT ROWID;

-- What is delivered never changes; where it stands does, in the narrow table beside it.
CREATE TABLE notifications (
    id INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL,
    resource TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    traceparent TEXT
) STRICT;
CREATE INDEX notifications_by_instance ON notifications (instance_id, id);
CREATE INDEX notifications_by_time ON notifications (created_at);

CREATE TABLE deliveries (
    notification_id INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER,
    last_error TEXT,
    ended_at INTEGER
) STRICT;
CREATE INDEX deliveries_new ON deliveries (due_at, notification_id) WHERE status = 'NEW';
CREATE INDEX deliveries_failed ON deliveries (instance_id, notification_id) WHERE status = 'FAILED';

CREATE TABLE attempts (
    notification_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    status_code INTEGER,
    error TEXT,
    response TEXT,
    PRIMARY KEY (notification_id, number)
) STRICT;

-- The columns in ns are nanoseconds since 1970: a rate such as 3 per second needs fractions of a millisecond.
CREATE TABLE budgets (
    account TEXT PRIMARY KEY NOT NULL,
    arrival_ns INTEGER NOT NULL,
    queue_end_ns INTEGER NOT NULL,
    held_until_ns INTEGER NOT NULL,
    day INTEGER NOT NULL,
    used INTEGER NOT NULL,
    day_limit INTEGER,
    remaining INTEGER,
    decision INTEGER NOT NULL
) STRICT;
