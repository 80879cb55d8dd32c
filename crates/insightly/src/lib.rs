#![doc = include_str!("../README.md")]

mod answer;
mod body;
mod client;
mod error;
mod identity;
pub mod normalize;
mod record;
mod write;

pub use answer::{AccountInfo, Answer, BudgetHeaders, Page};
pub use client::{Client, MAX_PAGE, Search};
pub use error::Error;
pub use identity::{Identity, identify};
pub use record::Record;
