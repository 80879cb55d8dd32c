//! Newtypes for every identifier, so that one cannot be passed for another.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The bare number, for storage and for wire formats.
            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id! {
    /// A connector instance: one tenant's Insightly key, its resources and its callback.
    InstanceId
}
id! {
    /// A poller: one resource of one instance.
    PollerId
}
id! {
    /// A notification, which Open Connectors calls an event; also the `Elements-Webhook-Id`.
    NotificationId
}
id! {
    /// An organization of the API: the owner of instances.
    OrganizationId
}
id! {
    /// A user of an organization.
    UserId
}
id! {
    /// Which claim of a poller a job belongs to. Raised by each claim; an older one is void.
    Epoch
}
