//! The fetcher as a service: what it is made of, and how it starts.

use std::sync::Arc;

use anyhow::Context as _;
use ie_broker::{Broker, ConsumerSettings};
use ie_platform::Context;
use ie_platform::http::{ClientSettings, client};
use ie_platform::seal::Sealer;
use ie_store::Store;
use tracing::info;

use crate::handler::PollHandler;
use crate::{Config, Connect, Http, relay};

/// What the fetcher works with.
pub struct Parts {
    /// Poll jobs come from it, notifications go to it.
    pub broker: Broker,
    /// Where the state is.
    pub store: Store,
    /// Opens the sealed API keys.
    pub sealer: Sealer,
    /// How Insightly is reached.
    pub crm: Arc<dyn Connect>,
    /// The settings.
    pub config: Config,
}

/// Starts the fetcher's tasks on the context's lifecycle and returns.
///
/// # Errors
/// The store cannot be read.
pub async fn run(context: Context, parts: Parts) -> anyhow::Result<()> {
    let parts = Arc::new(parts);
    if !parts.broker.is_durable() {
        let again = parts
            .store
            .reset_unfinished(context.clock.now())
            .await
            .context("while taking up former work")?;
        if again > 0 {
            info!(
                notifications = again,
                "notifications of the last run are delivered now"
            );
        }
    }
    let (clock, lifecycle) = (context.clock.clone(), context.lifecycle.clone());
    context
        .lifecycle
        .spawn("relay", relay::run(parts.clone(), clock, lifecycle));
    let handler = Arc::new(PollHandler::new(parts.clone(), context.clock.clone()));
    let (broker, lifecycle) = (parts.broker.clone(), context.lifecycle.clone());
    let settings = ConsumerSettings {
        prefetch: parts.config.prefetch,
    };
    context.lifecycle.spawn("fetcher", async move {
        broker.consume(settings, handler, &lifecycle).await
    });
    Ok(())
}

/// Insightly over HTTP, with the fetcher's time limits.
///
/// # Errors
/// TLS cannot be set up.
pub fn insightly(config: &Config) -> anyhow::Result<Arc<dyn Connect>> {
    let settings = ClientSettings {
        timeout: config.timeout,
        ..ClientSettings::default()
    };
    let http = client(&settings).context("while making the client for insightly")?;
    Ok(Arc::new(Http(http)))
}
