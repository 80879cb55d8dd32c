//! The simulator over real HTTP, behaviour by behaviour, and its world without HTTP.
#![expect(clippy::unwrap_used, reason = "what a test stands on must be there")]

mod control;
mod data;
mod faults;
mod ledger;
mod limits;
mod reading;
mod rig;
mod streams;
mod world;
mod writing;
