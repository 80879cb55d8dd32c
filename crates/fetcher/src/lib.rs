#![doc = include_str!("../README.md")]

mod aside;
mod beside;
mod config;
mod crm;
mod events;
mod filter;
mod handler;
mod memory;
mod outcome;
mod pace;
mod pages;
mod plan;
mod poll;
pub mod process;
mod publish;
mod relay;
mod request;
mod run;
mod seats;
mod share;
mod snapshot;
mod snapshot_plan;
mod sweep;
mod sweep_plan;
#[cfg(test)]
mod testing;
mod walk;
mod window;

pub use config::Config;
pub use crm::{Connect, Crm, Http};
pub use handler::PollHandler;
pub use relay::sweep as publish_overdue;
pub use run::{Parts, insightly, run};
