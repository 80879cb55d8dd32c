-- Events are counted by instance and time, without reading them.
CREATE INDEX notifications_counted ON notifications (instance_id, created_at, purpose);
