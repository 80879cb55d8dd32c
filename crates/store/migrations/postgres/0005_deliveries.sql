-- What a notification is for, since when a callback fails, what the operator decided last, notices of dead letters.

-- changes | operational | operator | test
ALTER TABLE notifications ADD COLUMN purpose TEXT NOT NULL DEFAULT 'changes';

ALTER TABLE instances ADD COLUMN failing_since BIGINT;

-- What waits for its next attempt, for a change of schedule.
CREATE INDEX deliveries_waiting ON deliveries (instance_id, notification_id) WHERE status = 'DISPATCHED';

-- unnoticed: dead letters since the last notice.
CREATE TABLE dead_letter_notices (
    instance_id BIGINT PRIMARY KEY,
    noticed_at BIGINT NOT NULL,
    unnoticed BIGINT NOT NULL
);

-- claimed_until: somebody carries out what follows from another value.
CREATE TABLE remembered (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    claimed_until BIGINT NOT NULL
);
