//! What is kept of records: what changed in them, those that cannot be read, and how long they are remembered.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod changes;
mod cost;
mod crm;
mod filter;
mod memory;
mod quarantine;
mod rig;
