-- What is kept of records beside their versions: their content, where an instance wants to know what changed, and
-- those that cannot be read.

-- Compressed JSON.
ALTER TABLE versions ADD COLUMN content BYTEA;

-- How many rows of `quarantine` a poller has, and where the pruning of its versions stands.
ALTER TABLE pollers
    ADD COLUMN quarantined BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN prune_at BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN prune_after TEXT;

CREATE TABLE quarantine (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance_id BIGINT NOT NULL,
    poller_id BIGINT NOT NULL,
    record_key TEXT NOT NULL,
    object_id TEXT,
    reason TEXT NOT NULL,
    content BYTEA NOT NULL,
    window_at BIGINT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    times BIGINT NOT NULL,
    retry_at BIGINT,
    UNIQUE (poller_id, record_key)
);
CREATE INDEX quarantine_by_instance ON quarantine (instance_id, id);
CREATE INDEX quarantine_retry ON quarantine (poller_id, retry_at) WHERE retry_at IS NOT NULL;
