-- What is kept of records beside their versions: their content, where an instance wants to know what changed, and
-- those that cannot be read.

-- Compressed JSON.
ALTER TABLE versions ADD COLUMN content BLOB;

-- How many rows of `quarantine` a poller has, and where the pruning of its versions stands.
ALTER TABLE pollers ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pollers ADD COLUMN prune_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pollers ADD COLUMN prune_after TEXT;

CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id INTEGER NOT NULL,
    poller_id INTEGER NOT NULL,
    record_key TEXT NOT NULL,
    object_id TEXT,
    reason TEXT NOT NULL,
    content BLOB NOT NULL,
    window_at INTEGER NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    times INTEGER NOT NULL,
    retry_at INTEGER,
    UNIQUE (poller_id, record_key)
) STRICT;
CREATE INDEX quarantine_by_instance ON quarantine (instance_id, id);
CREATE INDEX quarantine_retry ON quarantine (poller_id, retry_at) WHERE retry_at IS NOT NULL;
