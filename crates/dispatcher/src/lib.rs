//! Delivers change events to callbacks.
//!
//! A message is one notification; each goes through a pipeline of types (`deliver.rs`): prepare, call, classify,
//! record. What is decided on the way is decided by pure modules:
//!
//! | Question | Module |
//! |---|---|
//! | Which headers and signatures? | `sign.rs`, `extra_headers.rs` |
//! | What does the answer mean? | `classify.rs` |
//! | When again, and when no more? | `schedule.rs` |
//! | Is it this copy's turn? | `turn.rs` |
//! | Is the callback left alone for now? | `breaker.rs`, `rate.rs` |
//! | Is it to be switched off? | `standing.rs` |
//! | May this address be called? | `address.rs`, `network.rs` |
//! | With which connections? | `clients.rs`, `own_tls.rs` |
//!
//! Invariants: only the broker's consumer acknowledges, after the attempt is recorded; a callback that is slow or dead
//! holds its own slots (`slots.rs`) and nothing else; every address is checked on every attempt (`resolver.rs`),
//! also one that is remembered (`names.rs`).

mod address;
mod breaker;
mod call;
mod callback;
mod callbacks;
mod changed_schedule;
mod classify;
mod clients;
mod config;
mod deliver;
mod extra_headers;
mod lag;
mod lane;
mod memory;
mod names;
mod network;
mod own_tls;
mod payload;
pub mod process;
mod rate;
mod reconcile;
mod recorder;
mod resolver;
mod run;
mod schedule;
mod sign;
mod slots;
mod standing;
mod telling;
mod turn;

pub use config::Config;
pub use network::{Network, NoNetwork};
pub use run::{Parts, run};
