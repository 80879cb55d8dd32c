//! The section `health`.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::{Problems, Section};

/// Where the health server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// Address and port; empty for no server.
    pub address: String,
}

impl HealthConfig {
    /// The address, or `None` when there is to be no server.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        self.address.parse().ok()
    }
}

impl Section for HealthConfig {
    const NAME: &'static str = "health";
    const DEFAULTS: &'static str = include_str!("../../defaults/health.toml");

    fn validate(&self, problems: &mut Problems) {
        if !self.address.is_empty() && self.socket_address().is_none() {
            problems.add(
                "health.address",
                format!(
                    "expected an address and a port, such as 0.0.0.0:9090, or an empty text for no server; found {:?}",
                    self.address
                ),
            );
        }
    }
}
