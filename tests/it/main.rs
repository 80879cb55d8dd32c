//! System tests: flows across services.

mod command_line;
mod crash;
mod dashboard;
mod description;
mod formats;
mod kill;
mod layers;
mod letters;
mod operations;
mod order;
mod outage;
mod poison;
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
mod shutdown;
mod stream;
