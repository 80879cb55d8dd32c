#![doc = include_str!("../README.md")]

mod config;
mod process;
mod tick;

pub use config::Config;
pub use process::{ProcessConfig, run, run_process};
pub use tick::{Parts, tick};
