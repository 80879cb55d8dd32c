//! Composes the four services in one process.

use std::net::SocketAddr;

use anyhow::Context as _;
use ie_broker::Broker;
use ie_platform::Context;
use ie_platform::http::{self, ClientSettings};
use ie_store::Store;

use crate::Config;

/// Everything runs.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// Where the API listens.
    pub address: SocketAddr,
}

/// Opens the store and the queue, starts the services on the context's lifecycle and returns.
///
/// # Errors
/// A part cannot be reached or set up, such as a port that is taken.
pub async fn start(context: &Context, config: Config) -> anyhow::Result<Running> {
    let store = Store::open(&config.store, context)
        .await
        .context("while opening the store")?;
    let sealer = config.secrets.sealer()?;
    store.check_keys(&sealer).await?;
    let broker = Broker::connect(&config.broker, context)
        .await
        .context("while connecting to the broker")?;
    store.announce(context, &["scheduler", "fetcher", "dispatcher", "api"]);

    let parts = ie_dispatcher::Parts {
        broker: broker.clone(),
        store: store.clone(),
        sealer: sealer.clone(),
        outgoing: config.outgoing,
        config: config.dispatcher,
    };
    ie_dispatcher::run(context.clone(), parts)
        .await
        .context("while starting the dispatcher")?;

    let parts = ie_fetcher::Parts {
        broker: broker.clone(),
        store: store.clone(),
        sealer: sealer.clone(),
        crm: ie_fetcher::insightly(&config.fetcher)?,
        config: config.fetcher,
    };
    ie_fetcher::run(context.clone(), parts)
        .await
        .context("while starting the fetcher")?;

    let parts = ie_scheduler::Parts {
        broker: broker.clone(),
        store: store.clone(),
        config: config.scheduler,
    };
    ie_scheduler::retention::start(context, store.clone(), config.retention);
    ie_scheduler::run(context.clone(), parts)
        .await
        .context("while starting the scheduler")?;

    let http =
        http::client(&ClientSettings::default()).context("while making the client of the api")?;
    let parts = ie_api::Parts {
        broker,
        store,
        sealer,
        http,
        outgoing: config.outgoing,
        config: config.api,
    };
    let api = ie_api::run(context.clone(), parts)
        .await
        .context("while starting the api")?;
    Ok(Running {
        address: api.address,
    })
}
