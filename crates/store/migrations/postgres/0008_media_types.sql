-- What a notification's body is, as its Content-Type says it. Bodies stored before are of Open Connectors.
ALTER TABLE notifications ADD COLUMN media_type TEXT NOT NULL DEFAULT 'application/json';
