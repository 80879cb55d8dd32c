//! How the notifications of one instance are delivered.

use serde::{Deserialize, Serialize};

/// What an instance's owner decided about deliveries; a field that is missing in the store has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliverySettings {}
