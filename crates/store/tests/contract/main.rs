//! One suite over both databases: what the store promises, it promises on PostgreSQL and on SQLite.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test fail it as the test itself does"
)]

mod accounts;
mod analytics;
mod backup;
mod budget;
mod budget_sharing;
mod chores;
mod claims;
mod clock_step;
mod contention;
mod deliveries;
mod discard;
mod harness;
mod hints;
mod idempotency;
mod instances;
mod notifications;
mod opening;
mod operations;
mod order;
mod order_model;
mod organizations;
mod outage;
mod overview;
mod pages;
mod prune;
mod quarantine;
mod redrive;
mod relay;
mod replay;
mod reschedule;
mod retention;
mod samples;
mod sealed;
mod sessions;
mod shortage;
mod trials;
mod users;
mod vitals;
mod walks;
mod workers;
