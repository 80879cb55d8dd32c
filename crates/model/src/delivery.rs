//! How the notifications of one instance are delivered.

use serde::{Deserialize, Serialize};

use crate::{CallRate, DeadLetterOrder, EventFilter, EventFormat, EventOrder, RetrySchedule};

/// What an instance's owner decided about deliveries; a field that is missing in the store has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliverySettings {
    /// When a failed attempt is repeated; none: as the operator decided.
    pub retry_schedule: Option<RetrySchedule>,
    /// How often the callback is called at the most; none: as often as there is something to tell.
    pub rate: Option<CallRate>,
    /// Where operational notices go.
    pub operational_url: Option<String>,
    /// In which form events travel.
    pub format: EventFormat,
    /// Whether bodies are compressed on their way.
    pub gzip: bool,
    /// Which changes are events; none lets every change through.
    pub filter: Option<EventFilter>,
    /// Which events wait for others.
    pub order: EventOrder,
    /// What a dead letter does to those that wait for it.
    pub dead_letter_order: DeadLetterOrder,
    /// What is trusted and shown on connections to the callback.
    pub tls: TlsSettings,
}

/// How an instance's callback and we prove who we are; nothing of it holds for another address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsSettings {
    /// Certificates of authorities to trust beside the operating system's, in PEM.
    pub authorities: Option<String>,
    /// The certificate that the callback is shown with its chain, in PEM; the key is a secret of the instance.
    pub certificate: Option<String>,
}
