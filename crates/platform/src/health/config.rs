//! The section `health`.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::{Problems, Section};
use crate::secret::{self, ExposeSecret as _, SecretString};

/// What is shorter is found by trying.
const SHORTEST_TOKEN: usize = 16;

/// Where the health server listens, and who may change something there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// Address and port; empty for no server.
    pub address: String,
    /// What a request that changes something must show; without it only this machine may.
    #[serde(with = "secret::redacted_option", default)]
    pub token: Option<SecretString>,
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
        let token = self
            .token
            .as_ref()
            .map(|token| token.expose_secret().trim());
        if token.is_some_and(|token| token.len() < SHORTEST_TOKEN) {
            problems.add(
                "health.token",
                format!("expected {SHORTEST_TOKEN} characters or more, as `openssl rand -hex 16` makes them"),
            );
        }
    }
}
