//! System tests: flows across services.

mod accounts;
mod backup;
mod command_line;
mod configuration;
mod crash;
mod dashboard;
mod description;
mod doctor;
mod formats;
mod keys;
mod kill;
mod layers;
mod leaks;
mod letters;
mod operations;
mod order;
mod outage;
mod poison;
mod postman;
#[path = "../../crates/broker/tests/contract/proxy.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "what the queue's own tests ask more of it"
)]
mod proxy;
mod quickstart;
mod restart;
mod samples;
mod sealed;
mod shutdown;
mod soak;
mod stream;
mod trace;
mod trace_outage;
