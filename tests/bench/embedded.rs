//! The all-in-one program with a data folder of its own.

use ie_tests::client::Client;
use ie_tests::process::free_port;

use crate::running::{Environment, Running, environment, settings};

/// One process that is everything.
pub(crate) struct Embedded {
    /// The process.
    pub(crate) running: Running,
    /// Asks its API.
    pub(crate) client: Client,
    _data: tempfile::TempDir,
}

impl Embedded {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(more: &[(&str, &str)]) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let api = free_port()?;
        let mut environment = environment();
        environment.extend(settings(&[("API__ADDRESS", &api.to_string())]));
        environment.extend(settings(more));
        environment.extend(folder(&data));
        let running = Running::start("insightly-events", environment).await?;
        Ok(Self {
            running,
            client: Client::new(api)?,
            _data: data,
        })
    }
}

/// Where the program keeps its data.
pub(crate) fn folder(data: &tempfile::TempDir) -> Environment {
    vec![("IE_DATA".to_owned(), data.path().display().to_string())]
}
