-- The trace of whoever asked for a poll, until the poll begins: the request of a client and what came of it are one trace.
ALTER TABLE pollers ADD COLUMN traceparent TEXT;
