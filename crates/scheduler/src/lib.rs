#![doc = include_str!("../README.md")]

mod clock_step;
mod config;
mod gauges;
pub mod process;
pub mod retention;
mod run;
mod tick;

pub use config::Config;
pub use run::run;
pub use tick::{Parts, tick};
