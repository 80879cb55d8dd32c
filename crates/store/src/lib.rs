#![doc = include_str!("../README.md")]

mod accounts;
mod budget;
mod config;
mod database;
mod deliveries;
mod dialect;
mod error;
mod ids;
mod instance_row;
mod instances;
mod notification_row;
mod notifications;
mod pages;
#[cfg(test)]
mod plans;
mod poller_row;
mod polls;
mod relay;
mod rows;
mod sql;
mod store;
mod time;
mod timer;

#[cfg(feature = "testing")]
pub mod testing;

pub use accounts::{NewAccount, Principal};
pub use budget::{Budget, Permit, Rate};
pub use config::Config;
pub use deliveries::{AttemptRecord, DeliveryState};
pub use error::{Error, Result, Source};
pub use instances::{NewPoller, Page, PollerChanges};
pub use notifications::NotificationFilter;
pub use pages::{NewNotification, PageCommit, Progress};
pub use store::Store;
