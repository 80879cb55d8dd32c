#![doc = include_str!("../README.md")]

mod accounts;
mod budget;
mod budget_row;
mod chores;
mod config;
mod database;
mod deliveries;
mod dialect;
mod discard;
mod error;
mod failing;
mod hints;
mod ids;
mod instance_row;
mod instances;
mod notices;
mod notification_row;
mod notifications;
mod order;
mod overview;
mod pace;
mod packed;
mod pages;
#[cfg(test)]
mod plans;
mod poller_row;
mod polls;
mod prune;
mod quarantine;
mod relay;
mod remembered;
mod replay;
mod reschedule;
mod retention;
mod rows;
mod sessions;
mod sql;
mod store;
mod time;
mod timer;
mod walks;

#[cfg(feature = "testing")]
pub mod testing;

pub use accounts::{NewAccount, Principal};
pub use budget::{Ask, Budget, Demand, Note, Permit, Rate};
pub use config::Config;
pub use deliveries::{AttemptRecord, DeliveryState};
pub use error::{Error, Result, Source};
pub use hints::Urge;
pub use instances::{NewPoller, Page, PollerChanges};
pub use notifications::NotificationFilter;
pub use order::Ordered;
pub use overview::{Condition, DeadLetterGroup, EventCount, InstanceCounts, InstanceSearch};
pub use pace::Pace;
pub use pages::{Committed, NewNotification, PageCommit, Progress};
pub use polls::DuePoll;
pub use prune::Prune;
pub use quarantine::{DueRecord, NewQuarantined, Postponed, QuarantineChange, Quarantined, Walked};
pub use remembered::ScheduleChange;
pub use replay::{Replay, Replayed};
pub use reschedule::{Place, Rescheduled};
pub use retention::{Retention, Stretch};
pub use sessions::{NewUser, Session, SignIn};
pub use store::Store;
pub use walks::{Walk, WalkKind, WalkWrite};
