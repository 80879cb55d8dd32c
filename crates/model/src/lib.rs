//! What travels and what is stored; no input or output.

mod callback_headers;
pub mod catalog;
mod change;
mod cloud_events;
pub mod dates;
mod delivery;
mod error_class;
mod event_filter;
mod event_format;
pub mod hub_query;
mod ids;
pub mod instance;
mod message;
mod notice;
mod notification;
mod notification_body;
mod oldest_change;
mod order;
mod poll;
mod replay;
pub mod retiring_secret;
mod retries;
mod role;
pub mod template;
pub mod told;

pub use callback_headers::is_reserved_header;
pub use change::{ChangeEvent, EventType};
pub use delivery::{DeliverySettings, TlsSettings};
pub use error_class::{ErrorClass, UnknownErrorClass};
pub use event_filter::{Condition, EventFilter, NoJsonPath};
pub use event_format::{EventFormat, MediaType, UnknownMediaType};
pub use ids::{Epoch, InstanceId, NotificationId, OrganizationId, PollerId, UserId};
pub use instance::{AccountKey, Initial, Instance, Settings};
pub use message::{Message, Queue};
pub use notice::Incident;
pub use notification::{
    Attempt, Notification, NotificationStatus, Purpose, StoredNotification, UnknownPurpose,
    UnknownStatus,
};
pub use notification_body::NotificationBody;
pub use order::{DeadLetterOrder, EventOrder};
pub use poll::{
    DateField, Digest, Fence, Late, PollJob, Poller, PollerStatus, Reason, ResourceConfig, Version,
    Waiting,
};
pub use replay::mark_replayed;
pub use retries::{CallRate, RetrySchedule};
pub use role::{Role, UnknownRole};
