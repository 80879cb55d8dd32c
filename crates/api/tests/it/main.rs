//! The API over real HTTP, on a store in a temporary folder, the in-process queue and a simulated Insightly.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod browser;
mod budget;
mod changing;
mod creating;
mod dashboard;
mod dead_letters;
mod deliveries;
mod discard;
mod documented;
mod elements;
mod errors;
mod events;
mod export;
mod hints;
mod hub_refusals;
mod hubs;
mod listing;
mod narrowing;
mod quarantine;
mod replay;
mod rig;
mod rotation;
mod secrets;
mod sign_in;
mod startup;
mod stream;
mod surface;
mod telemetry;
mod walks;
