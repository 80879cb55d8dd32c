//! Everything that a process is configured with: its own sections, and those of the platform.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{Config, ConfigError, Layers, Problems, Section, environment, redacted};
use crate::health::HealthConfig;
use crate::lifecycle::LifecycleConfig;
use crate::telemetry::TelemetryConfig;

/// The sections that every process has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Platform {
    pub(crate) telemetry: TelemetryConfig,
    pub(crate) health: HealthConfig,
    pub(crate) lifecycle: LifecycleConfig,
}

/// The platform's sections, and the configuration of the process.
pub(crate) struct Settings<C> {
    pub(crate) platform: Platform,
    pub(crate) config: C,
}

impl Platform {
    /// Loads the platform's sections alone.
    pub(crate) fn load<C: Config>(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let mut layers = Layers::read(&defaults::<C>(), file, environment(), &mut problems);
        match layers.extract::<Self>(&mut problems) {
            Some(platform) if problems.is_empty() => Ok(platform),
            _ => Err(layers.explain(problems)),
        }
    }

    fn validate(&self, problems: &mut Problems) {
        self.telemetry.validate(problems);
        self.health.validate(problems);
        self.lifecycle.validate(problems);
    }
}

impl<C: Config> Settings<C> {
    /// Loads, lets `prepare` fill in what the command line says, and validates.
    pub(crate) fn load(
        file: Option<&Path>,
        prepare: impl FnOnce(&mut C) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let mut problems = Problems::default();
        let mut layers = Layers::read(&defaults::<C>(), file, environment(), &mut problems);
        layers.check_names(&mut problems);
        let platform = layers.extract::<Platform>(&mut problems);
        let config = layers.extract::<C>(&mut problems);
        let (Some(platform), Some(mut config), true) = (platform, config, problems.is_empty())
        else {
            return Err(layers.explain(problems).into());
        };

        prepare(&mut config)?;
        platform.validate(&mut problems);
        config.validate(&mut problems);
        if !problems.is_empty() {
            return Err(layers.explain(problems).into());
        }
        Ok(Self { platform, config })
    }

    /// The whole effective configuration, as it may be shown.
    pub(crate) fn redacted(&self) -> Value {
        let mut all = redacted(&self.platform);
        if let (Value::Object(all), Value::Object(own)) = (&mut all, redacted(&self.config)) {
            all.extend(own);
        }
        all
    }
}

/// The platform's defaults first, so that a process may set them differently.
fn defaults<C: Config>() -> Vec<&'static str> {
    let platform = [
        TelemetryConfig::DEFAULTS,
        HealthConfig::DEFAULTS,
        LifecycleConfig::DEFAULTS,
    ];
    platform.into_iter().chain(C::defaults()).collect()
}
