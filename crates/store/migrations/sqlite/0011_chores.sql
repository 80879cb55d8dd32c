-- Attempts of former rounds: a redrive or a replay begins a new round of the retry schedule.
ALTER TABLE deliveries ADD COLUMN earlier INTEGER NOT NULL DEFAULT 0;

-- What one process at a time does now and then: when it is due, or its lease ends, and how far it has come.
CREATE TABLE chores (
    name TEXT PRIMARY KEY,
    due_at INTEGER NOT NULL,
    position INTEGER NOT NULL
);
