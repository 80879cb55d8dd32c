-- Who may sign in to the dashboard, as what, and who has.

ALTER TABLE users ADD COLUMN password_hash TEXT;
-- admin | read-only
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'admin';
-- Whoever signs in gives a name and no organization.
CREATE UNIQUE INDEX users_by_sign_in ON users (name) WHERE password_hash IS NOT NULL;

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
