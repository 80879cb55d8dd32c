-- More organizations and users than the configuration's, whose secrets can be replaced and told.

-- The secret again, sealed, so that its owner can be told; none for one that is older than this.
ALTER TABLE organizations ADD COLUMN sealed_secret TEXT;
-- The secret before, and until when it is good as well.
ALTER TABLE organizations ADD COLUMN previous_secret_hash TEXT;
ALTER TABLE organizations ADD COLUMN previous_until INTEGER;
-- What the configuration said last: a secret that was replaced since stays replaced.
ALTER TABLE organizations ADD COLUMN configured_hash TEXT;

ALTER TABLE users ADD COLUMN sealed_secret TEXT;
ALTER TABLE users ADD COLUMN previous_secret_hash TEXT;
ALTER TABLE users ADD COLUMN previous_until INTEGER;
ALTER TABLE users ADD COLUMN configured_hash TEXT;
ALTER TABLE users ADD COLUMN disabled INTEGER NOT NULL DEFAULT FALSE;
-- A deleted user stays, since instances name it; it is disabled as well.
ALTER TABLE users ADD COLUMN deleted_at INTEGER;
CREATE INDEX users_by_previous_secret ON users (previous_secret_hash) WHERE previous_secret_hash IS NOT NULL;
