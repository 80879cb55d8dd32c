#![doc = include_str!("../README.md")]
//!
//! Start reading at [`run()`], the one start-up path.

pub mod clock;
pub mod config;
pub mod health;
pub mod host;
pub mod http;
pub mod lifecycle;
pub mod metrics;
pub mod outgoing;
pub mod retry;
pub mod seal;
pub mod secret;
pub mod telemetry;
pub mod throttle;
pub mod tls;

mod commands;
mod settings;
mod signals;
mod startup;
mod supervise;

pub use clock::{Clock, SharedClock, SystemClock, TestClock};
pub use commands::{check_config, healthcheck, log_filter};
pub use health::Health;
pub use lifecycle::Lifecycle;
pub use outgoing::OutgoingConfig;
pub use startup::{Context, Options, Process, run, run_with};
