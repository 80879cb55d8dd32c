//! An Insightly to develop, test, demonstrate and measure against.
#![doc = include_str!("../README.md")]

mod account;
mod behaviour;
mod bits;
mod cli;
mod control;
mod dice;
mod error;
mod faults;
mod given;
mod http;
mod keys;
mod ledger;
mod limits;
mod lists;
mod make;
mod orders;
mod people;
mod query;
mod record;
mod schema;
mod settings;
mod simulator;
mod statistics;
mod stream;
mod table;
mod time;
mod value;
mod world;
mod write;

pub use behaviour::{Behaviour, BehaviourChange};
pub use cli::main;
pub use control::{Control, KeyChange, LimitsChange};
pub use error::Error;
pub use faults::{Fault, Rule};
pub use ledger::{Entry, Kind};
pub use limits::{Limits, Window};
pub use orders::{Action, Change, Seed, Seeded};
pub use query::{After, Order, Query};
pub use record::{Record, digest};
pub use settings::{AccountSettings, Settings};
pub use simulator::{Simulator, serve};
pub use statistics::{AccountStatistics, Statistics};
pub use stream::{Mix, Progress, Stream};
pub use world::{Page, World};
