//! Configuration: the compiled-in defaults, then a file, then the environment. The only place that reads the
//! environment.
//!
//! A *section* is one struct in one file, with a commented TOML fragment of defaults beside it. A process's
//! configuration is a struct of sections:
//!
//! ```
//! use ie_platform::config::{self, Config, Problems, Section};
//!
//! #[derive(Debug, serde::Serialize, serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Poll {
//!     workers: u16,
//! }
//!
//! impl Section for Poll {
//!     const NAME: &'static str = "poll";
//!     const DEFAULTS: &'static str = "[poll]\n# Walks under way at once.\nworkers = 8\n";
//!
//!     fn validate(&self, problems: &mut Problems) {
//!         if self.workers == 0 {
//!             problems.add("poll.workers", "must be at least 1");
//!         }
//!     }
//! }
//!
//! #[derive(Debug, serde::Serialize, serde::Deserialize)]
//! struct Fetcher {
//!     poll: Poll,
//! }
//!
//! impl Config for Fetcher {
//!     fn defaults() -> Vec<&'static str> {
//!         vec![Poll::DEFAULTS]
//!     }
//!
//!     fn validate(&self, problems: &mut Problems) {
//!         self.poll.validate(problems);
//!     }
//! }
//!
//! let variables = [("IE__POLL__WORKERS".to_owned(), "16".to_owned())];
//! let config: Fetcher = config::load_from(None, variables)?;
//! assert_eq!(config.poll.workers, 16);
//! # Ok::<(), config::ConfigError>(())
//! ```
//!
//! - Sections use `deny_unknown_fields`; the root does not, since one file may serve several processes; only a
//!   section whose name is nearly that of a known one is refused.
//! - The variable `IE__SECTION__FIELD` sets a field, and `IE__SECTION__FIELD_FILE` names a file that holds its value
//!   (a trailing line end is cut); where a section has a field `field_file` itself, that field is meant.
//! - The sections `telemetry`, `health` and `lifecycle` belong to [`crate::run()`], which reads them from the same
//!   layers. A process does not repeat them; a fragment of its defaults may set them differently.

mod environment;
mod extract;
mod layers;
mod problems;
mod wording;

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use layers::Layers;
pub use problems::{ConfigError, Problems};

/// One part of a configuration, owned by the module that it configures.
pub trait Section: DeserializeOwned + Serialize {
    /// The name of its table: `broker`.
    const NAME: &'static str;

    /// Its defaults as commented TOML, beginning with the table's header: also the reference for operators.
    const DEFAULTS: &'static str;

    /// Adds what is wrong with the values, key by key.
    fn validate(&self, problems: &mut Problems);
}

/// The whole configuration of one process: a struct whose fields are sections.
pub trait Config: DeserializeOwned + Serialize + Send + 'static {
    /// The defaults of its sections; later fragments override earlier ones.
    fn defaults() -> Vec<&'static str>;

    /// Validates each section, and what concerns several of them.
    fn validate(&self, problems: &mut Problems);
}

/// Loads a configuration: defaults, then `file`, then the environment. Reports every problem at once.
pub fn load<C: Config>(file: Option<&Path>) -> Result<C, ConfigError> {
    load_from(file, environment())
}

/// Loads a configuration as [`load`] does, with `variables` in place of the environment.
pub fn load_from<C: Config>(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<C, ConfigError> {
    let mut problems = Problems::default();
    let mut layers = Layers::read(&C::defaults(), file, variables, &mut problems);
    layers.check_names(&mut problems);
    let config = layers.extract::<C>(&mut problems);
    if let Some(config) = &config
        && problems.is_empty()
    {
        config.validate(&mut problems);
    }
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(layers.explain(problems)),
    }
}

/// The environment variable `name`, if it is set to text: the sanctioned access for what is not a setting.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads a single variable"
)]
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The configuration as it may be logged; what is secret shows as stars, through the helpers of [`crate::secret`].
pub fn redacted<C: Serialize>(config: &C) -> serde_json::Value {
    serde_json::to_value(config).unwrap_or_else(|error| format!("cannot be shown: {error}").into())
}

/// The variables of this process that are text.
pub(crate) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_problems;
