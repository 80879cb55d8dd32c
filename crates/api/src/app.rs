//! What the handlers share.

use std::ops::Deref;
use std::sync::Arc;

use ie_broker::Broker;
use ie_platform::seal::Sealer;
use ie_platform::{Lifecycle, SharedClock};
use ie_store::Store;

use crate::config::Config;
use crate::dashboard::Trials;
use crate::draft::Rules;
use crate::hints::Hints;
use crate::limits::Limits;
use crate::sign_ins::SignIns;
use crate::tail::Watchers;

/// What the handlers share; cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// The parts of an [`App`].
pub(crate) struct Parts {
    /// The state.
    pub(crate) store: Store,
    /// The queue, for what is redriven.
    pub(crate) broker: Broker,
    /// Seals what the store must not be able to read.
    pub(crate) sealer: Sealer,
    /// Asks Insightly.
    pub(crate) http: reqwest::Client,
    /// The section `api`.
    pub(crate) config: Config,
    /// What the operator decided about instances.
    pub(crate) rules: Rules,
    /// The time.
    pub(crate) clock: SharedClock,
    /// What goes on after an answer.
    pub(crate) lifecycle: Lifecycle,
    /// What is known of recent hints.
    pub(crate) hints: Hints,
    /// How many requests each user may send.
    pub(crate) limits: Limits,
    /// What is known of recent sign-ins.
    pub(crate) sign_ins: SignIns,
    /// What is known of recent tries of keys and callbacks.
    pub(crate) trials: Trials,
    /// How many may watch events at the same time.
    pub(crate) watchers: Watchers,
    /// Where clients and Insightly reach this service, without a slash at its end.
    pub(crate) public_url: String,
}

impl App {
    /// Shares the parts.
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
