-- Budgets that are promised ahead of time and shared out over the day; hints; why a poller waits.

-- slot_ns: the moment granted, or proposed, by the last question; turns_at: when the account's day turns, in ms after
-- midnight UTC; poll_cost: requests of a poll on average, in thousandths; stretch: by how much intervals are stretched
-- for lack of requests, in thousandths, as computed at paced_at.
ALTER TABLE budgets ADD COLUMN slot_ns BIGINT NOT NULL DEFAULT 0;
ALTER TABLE budgets ADD COLUMN between_ns BIGINT NOT NULL DEFAULT 0;
ALTER TABLE budgets ADD COLUMN turns_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE budgets ADD COLUMN poll_cost BIGINT NOT NULL DEFAULT 1000;
ALTER TABLE budgets ADD COLUMN stretch BIGINT NOT NULL DEFAULT 1000;
ALTER TABLE budgets ADD COLUMN paced_at BIGINT NOT NULL DEFAULT 0;

-- planned_at: when the poller is due by its interval alone; waiting: what it waits for beyond that; hint_gap: a hint
-- came while a poll was under way, and the next poll is due so many ms after its end.
ALTER TABLE pollers ADD COLUMN planned_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pollers ADD COLUMN waiting TEXT;
ALTER TABLE pollers ADD COLUMN hint_gap BIGINT;
UPDATE pollers SET planned_at = due_at;

ALTER TABLE instances ADD COLUMN hint_hash TEXT;
CREATE UNIQUE INDEX instances_by_hint ON instances (hint_hash) WHERE deleted_at IS NULL;
CREATE INDEX instances_by_account ON instances (account) WHERE deleted_at IS NULL;
