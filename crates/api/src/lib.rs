//! HTTP for clients of Open Connectors' API, and the dashboard for people.
//!
//! A request passes `observe` (span, id, time limit), `idempotency` (what is done once), `auth` (who calls, within its
//! `limits`) and a handler of `routes`. Operators pass `routes::admin` to the same `accounts` as the command line.
//! The dashboard's requests pass its own guard (a session) to its pages, which do what the handlers do.
//! What a client sends becomes a `draft`, which is pure; `instances` checks the key and stores it.

pub mod accounts;
mod app;
mod auth;
mod config;
mod connector;
mod dashboard;
mod dead_letters;
mod draft;
mod error;
mod hints;
mod idempotency;
mod instances;
mod limits;
mod observe;
pub mod openapi;
pub mod password;
pub mod process;
mod routes;
mod sign_ins;
mod tail;
mod tokens;

use std::future::IntoFuture as _;
use std::net::SocketAddr;

use anyhow::Context as _;
use ie_broker::Broker;
use ie_model::UserId;
use ie_platform::seal::Sealer;
use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_platform::{Context, OutgoingConfig};
use ie_store::{NewAccount, Store};
use tokio::net::TcpListener;

use crate::app::App;
use crate::dashboard::Trials;
use crate::hints::Hints;
use crate::limits::Limits;
use crate::sign_ins::SignIns;
use crate::tail::Watchers;
pub use config::Config;
pub use connector::{ENTRIES, Entry, Kind};
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
#[derive(Clone, Debug)]
pub struct Running {
    /// Where it listens: of interest when the configured port is 0.
    pub address: SocketAddr,
    /// The path of every route, with its parameters in braces.
    pub routes: Vec<String>,
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
    let routes = routes::routes(&App::new(app::Parts {
        rules: parts
            .config
            .rules(parts.broker.longest_delay(), parts.outgoing),
        store: parts.store,
        broker: parts.broker,
        sealer: parts.sealer,
        http: parts.http,
        limits: Limits::new(parts.config.requests_per_second),
        config: parts.config,
        clock: context.clock,
        lifecycle: context.lifecycle.clone(),
        hints: Hints::default(),
        sign_ins: SignIns::default(),
        trials: Trials::default(),
        watchers: Watchers::default(),
        public_url,
    }));
    let (router, routes) = (routes.router, routes.paths);
    let stopping = context.lifecycle.stopping();
    let serve = axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned());
    context.lifecycle.spawn("api", async move {
        serve.into_future().await.context("serving the API")
    });
    health.set_ready();
    tracing::info!(%address, "the API is served");
    Ok(Running { address, routes })
}

/// Creates the account of the configuration, if there is one.
async fn bootstrap(parts: &Parts) -> anyhow::Result<()> {
    let config = &parts.config;
    let Some((organization_secret, user_secret)) = config.bootstrap() else {
        return Ok(());
    };
    let secrets = [organization_secret, user_secret].map(|secret| {
        let secret = secret.expose_secret().trim().into();
        accounts::keep(&parts.sealer, &secret)
    });
    let [organization, user] = secrets;
    let account = NewAccount {
        organization: config.bootstrap_organization.clone(),
        user: config.bootstrap_user.clone(),
        organization_secret_hash: organization.hash.clone(),
        user_secret_hash: user.hash.clone(),
    };
    let stored = parts.store.ensure_account(&account).await;
    let principal = stored.context("storing the account of api.bootstrap_*")?;
    let copies = parts.store.keep_copies(principal, &organization, &user);
    copies
        .await
        .context("storing the secrets of api.bootstrap_*")?;
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
