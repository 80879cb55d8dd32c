#![doc = include_str!("../README.md")]

mod config;
mod crm;
mod handler;
mod outcome;
mod pages;
mod plan;
mod poll;
pub mod process;
mod publish;
mod relay;
mod request;
mod run;
mod window;

pub use config::Config;
pub use crm::{Connect, Crm, Http};
pub use run::{Parts, insightly, run};
