//! HTTP for clients of Open Connectors' API, and the dashboard for people.
//!
//! A request passes `observe` (span, id, time limit), `auth` (who calls) and a handler of `routes`.
//! The dashboard's requests pass its own guard (a session) to its pages, which do what the handlers do.
//! What a client sends becomes a `draft`, which is pure; `instances` checks the key and stores it.

mod app;
mod auth;
mod config;
mod connector;
mod dashboard;
mod dead_letters;
mod draft;
mod error;
mod hints;
mod instances;
mod observe;
pub mod openapi;
pub mod password;
pub mod process;
mod routes;
mod tail;

use std::future::IntoFuture as _;
use std::net::SocketAddr;

use anyhow::Context as _;
use ie_broker::Broker;
use ie_model::UserId;
use ie_platform::seal::Sealer;
use ie_platform::secret::SecretString;
use ie_platform::{Context, OutgoingConfig};
use ie_store::{NewAccount, Store};
use tokio::net::TcpListener;

use crate::app::App;
use crate::dashboard::SignIns;
use crate::hints::Hints;
use crate::tail::Watchers;
pub use config::Config;
pub use draft::{NoPattern, UrlPattern};

/// What the API works with.
#[derive(Clone)]
#[expect(
    missing_debug_implementations,
    reason = "parts of other crates, of no use in a log"
)]
pub struct Parts {
    /// The queue.
    pub broker: Broker,
    /// The state.
    pub store: Store,
    /// Seals secrets.
    pub sealer: Sealer,
    /// Asks Insightly; from `ie_platform::http::client`.
    pub http: reqwest::Client,
    /// What holds for addresses that clients name.
    pub outgoing: OutgoingConfig,
    /// The section `api`.
    pub config: Config,
}

/// The API once it is served.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// Where it listens: of interest when the configured port is 0.
    pub address: SocketAddr,
}

/// Binds, serves until the soft stop, and then finishes the requests under way.
///
/// # Errors
/// The address is taken, or the bootstrap account cannot be stored.
pub async fn run(context: Context, parts: Parts) -> anyhow::Result<Running> {
    let health = context.health.component("api");
    bootstrap(&parts).await?;
    let address = parts
        .config
        .socket_address()
        .with_context(|| format!("api.address {:?} is no address", parts.config.address))?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address} (api.address)"))?;
    let address = listener.local_addr().context("reading the own address")?;

    let public_url = parts.config.public_url(address);
    let router = routes::router(App::new(app::Parts {
        rules: parts
            .config
            .rules(parts.broker.longest_delay(), parts.outgoing),
        store: parts.store,
        broker: parts.broker,
        sealer: parts.sealer,
        http: parts.http,
        config: parts.config,
        clock: context.clock,
        lifecycle: context.lifecycle.clone(),
        hints: Hints::default(),
        sign_ins: SignIns::default(),
        watchers: Watchers::default(),
        public_url,
    }));
    let stopping = context.lifecycle.stopping();
    let serve = axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned());
    context.lifecycle.spawn("api", async move {
        serve.into_future().await.context("serving the API")
    });
    health.set_ready();
    tracing::info!(%address, "the API is served");
    Ok(Running { address })
}

/// Creates the account of the configuration, if there is one.
async fn bootstrap(parts: &Parts) -> anyhow::Result<()> {
    let config = &parts.config;
    let Some((organization_secret, user_secret)) = config.bootstrap() else {
        return Ok(());
    };
    let account = NewAccount {
        organization: config.bootstrap_organization.clone(),
        user: config.bootstrap_user.clone(),
        organization_secret_hash: auth::hash_secret(organization_secret),
        user_secret_hash: auth::hash_secret(user_secret),
    };
    let stored = parts.store.ensure_account(&account).await;
    let principal = stored.context("storing the account of api.bootstrap_*")?;
    tracing::info!(organization.id = %principal.organization, "the bootstrap account is there");
    if let Some(password) = &config.bootstrap_user_password {
        let given = give_password(&parts.store, principal.user, password.clone()).await;
        given.context("storing the password of api.bootstrap_user_password")?;
    }
    Ok(())
}

/// A password that somebody has chosen meanwhile is stronger than the configuration's.
async fn give_password(store: &Store, user: UserId, password: SecretString) -> anyhow::Result<()> {
    if store.has_password(user).await? {
        return Ok(());
    }
    let hash = tokio::task::spawn_blocking(move || password::hash(&password)).await??;
    store.give_password(user, &hash).await?;
    Ok(())
}

/// What is stored of a secret of the API.
pub fn hash_secret(secret: &SecretString) -> String {
    auth::hash_secret(secret)
}
