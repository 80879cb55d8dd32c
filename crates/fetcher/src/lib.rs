#![doc = include_str!("../README.md")]

mod config;
mod handler;
mod outcome;
mod pages;
mod plan;
mod poll;
mod process;
mod publish;
mod relay;
mod request;
mod window;

pub use config::Config;
pub use process::{Parts, ProcessConfig, insightly_http, run, run_process};
