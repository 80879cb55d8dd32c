-- The tables of README.md. Times are milliseconds since 1970 (UTC), JSON is TEXT, digests are BYTEA.
-- No foreign key leads into or out of a hot table: the transactions of this crate keep them whole.

CREATE SEQUENCE instance_ids;
-- Below 2^53, so that a receiver which reads numbers as doubles sees every id exactly.
CREATE SEQUENCE notification_ids MAXVALUE 9007199254740991;

CREATE TABLE organizations (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    secret_hash TEXT NOT NULL
);

CREATE TABLE users (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    UNIQUE (organization_id, name)
);
CREATE INDEX users_by_secret ON users (secret_hash);

CREATE TABLE instances (
    id BIGINT PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    tags TEXT NOT NULL,
    configuration TEXT NOT NULL,
    secrets TEXT NOT NULL,
    settings TEXT NOT NULL,
    account TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    valid BOOLEAN NOT NULL,
    disabled BOOLEAN NOT NULL,
    reason TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX instances_by_token ON instances (token_hash) WHERE deleted_at IS NULL;
CREATE INDEX instances_by_organization ON instances (organization_id, id);

CREATE TABLE pollers (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance_id BIGINT NOT NULL REFERENCES instances (id),
    resource TEXT NOT NULL,
    object TEXT NOT NULL,
    config TEXT NOT NULL,
    interval_minutes BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    lease_until BIGINT,
    epoch BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    cursor_at BIGINT NOT NULL,
    baseline_at BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    last_poll_at BIGINT,
    last_error TEXT,
    failures BIGINT NOT NULL,
    UNIQUE (instance_id, resource)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX pollers_due ON pollers (due_at) WHERE active;

CREATE TABLE versions (
    poller_id BIGINT NOT NULL,
    object_id TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (poller_id, object_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- What is delivered never changes; where it stands does, in the narrow table beside it.
CREATE TABLE notifications (
    id BIGINT PRIMARY KEY,
    instance_id BIGINT NOT NULL,
    resource TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    traceparent TEXT
);
CREATE INDEX notifications_by_instance ON notifications (instance_id, id);
CREATE INDEX notifications_by_time ON notifications USING brin (created_at);

CREATE TABLE deliveries (
    notification_id BIGINT PRIMARY KEY,
    instance_id BIGINT NOT NULL,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT,
    last_error TEXT,
    ended_at BIGINT
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX deliveries_new ON deliveries (due_at, notification_id) WHERE status = 'NEW';
CREATE INDEX deliveries_failed ON deliveries (instance_id, notification_id) WHERE status = 'FAILED';

CREATE TABLE attempts (
    notification_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status_code BIGINT,
    error TEXT,
    response TEXT,
    PRIMARY KEY (notification_id, number)
);

-- The columns in ns are nanoseconds since 1970: a rate such as 3 per second needs fractions of a millisecond.
CREATE TABLE budgets (
    account TEXT PRIMARY KEY,
    arrival_ns BIGINT NOT NULL,
    queue_end_ns BIGINT NOT NULL,
    held_until_ns BIGINT NOT NULL,
    day BIGINT NOT NULL,
    used BIGINT NOT NULL,
    day_limit BIGINT,
    remaining BIGINT,
    decision BIGINT NOT NULL
) WITH (fillfactor = 50);
