-- Requests that are done once however often they are sent, by user and the hash of their key.
CREATE TABLE idempotency_keys (
    user_id INTEGER NOT NULL,
    key_hash TEXT NOT NULL,
    -- What was asked: another request under the same key is refused.
    request_hash TEXT NOT NULL,
    -- Who is at it: only that one may note the answer.
    claim TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    -- When another may take over what has no answer yet; never, where it is not known whether it had its effect.
    resumable_at INTEGER,
    expires_at INTEGER NOT NULL,
    status INTEGER,
    -- The body of the answer, sealed.
    answer TEXT,
    PRIMARY KEY (user_id, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
