//! From a request's body to an instance worth storing: pure, and every problem at once.
//!
//! [`parse`] reads the body of `POST` and `PUT`, [`merge`] makes such a body out of what is stored and
//! a `PATCH`. Both end in a [`Draft`], in which nothing is left to be doubted but the key itself.

mod address;
mod body;
mod dates;
mod delivery;
mod headers;
mod problem;
mod reader;
mod resource;
mod resources;
mod secrets;
mod settings;

#[cfg(test)]
mod message_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
pub(crate) mod test_bodies;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use ie_model::{ResourceConfig, Settings};
use ie_platform::OutgoingConfig;
use ie_platform::secret::SecretString;
use serde_json::{Map, Value};

pub use address::{NoPattern, UrlPattern};
#[cfg(test)]
pub(crate) use body::known_keys;
pub(crate) use body::{merge, parse};
pub(crate) use delivery::check_pair;
pub(crate) use problem::{Path, Problem, Problems, shown};
pub(crate) use reader::Reader;
pub(crate) use settings::drops_nulls;

/// What the operator decided about instances.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Insightly's API, for a client that names neither pod nor address.
    pub(crate) default_url: String,
    /// Which addresses a client may name.
    pub(crate) allowed_urls: Vec<UrlPattern>,
    /// Seconds by which two windows overlap, unless the client says otherwise.
    pub(crate) overlap: u32,
    /// How long the queue can hold a notification between two attempts.
    pub(crate) longest_delay: Duration,
    /// Which addresses may be called.
    pub(crate) outgoing: OutgoingConfig,
}

/// An instance that is worth storing once Insightly has accepted its key.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Its name.
    pub(crate) name: String,
    /// Its tags, as sent.
    pub(crate) tags: Vec<String>,
    /// The configuration as sent, with stars in place of secrets.
    pub(crate) configuration: Map<String, Value>,
    /// The secrets, by the name under which they are sealed.
    pub(crate) secrets: BTreeMap<String, Secret>,
    /// What the configuration means.
    pub(crate) settings: Settings,
    /// What is polled.
    pub(crate) resources: Vec<Resource>,
    /// What was kept without effect.
    pub(crate) warnings: Vec<String>,
}

/// One polled resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resource {
    /// The name given by the client, the hub's unless it chose another: `contacts`.
    pub(crate) name: String,
    /// Insightly's object: `Contacts`.
    pub(crate) object: String,
    /// How it is polled.
    pub(crate) config: ResourceConfig,
}

/// A secret of the configuration.
#[derive(Clone, Debug)]
pub(crate) enum Secret {
    /// Sent in clear.
    New(SecretString),
    /// Sent as stars: the stored one stays.
    Kept,
}

/// Why a body makes no instance.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Rejection {
    /// `element` names a connector that does not exist here.
    #[error("no such connector {0}, the known ones are: insightly")]
    UnknownConnector(String),
    /// Everything that is wrong.
    #[error("{0}")]
    Problems(Problems),
}
