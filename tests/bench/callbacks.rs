//! Callbacks: one server with a port for each, which notes what arrives and answers at once, late or never.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use ie_platform::Lifecycle;
use ie_tests::eventually::eventually;

/// One request that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The notification.
    pub(crate) id: i64,
    /// When its body had been read.
    pub(crate) at: Instant,
}

/// Callbacks on ports of their own, so that each is a host of its own to a client.
pub(crate) struct Callbacks {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
}

struct Shared {
    delay: Duration,
    arrivals: Mutex<Vec<Arrival>>,
}

impl Callbacks {
    /// Starts so many, each of which answers after `delay`.
    pub(crate) async fn start(
        lifecycle: &Lifecycle,
        count: usize,
        delay: Duration,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            delay,
            arrivals: Mutex::default(),
        });
        let app = Router::new()
            .route("/callback", post(receive))
            .route("/never", post(never))
            .route("/slow", post(slow))
            .route("/failing", post(failing))
            .with_state(shared.clone());
        let mut addresses = Vec::with_capacity(count);
        for _ in 0..count {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            addresses.push(listener.local_addr()?);
            let (server, own) = (axum::serve(listener, app.clone()), lifecycle.clone());
            lifecycle.spawn("callback", async move {
                // Dropped at the stop: a callback that never answers would hold a graceful end up.
                match own.run_until_stopped(server.into_future()).await {
                    Some(ended) => Ok(ended?),
                    None => Ok(()),
                }
            });
        }
        Ok(Self { addresses, shared })
    }

    /// Their addresses.
    pub(crate) fn urls(&self) -> Vec<String> {
        let addresses = self.addresses.iter();
        addresses
            .map(|address| format!("http://{address}/callback"))
            .collect()
    }

    /// The address of one that answers after five seconds.
    pub(crate) fn slow(&self) -> String {
        format!("http://{}/slow", self.addresses[0])
    }

    /// The address of one that fails at once.
    pub(crate) fn failing(&self) -> String {
        format!("http://{}/failing", self.addresses[0])
    }

    /// The address of one that takes requests and never answers.
    pub(crate) fn never(&self) -> String {
        format!("http://{}/never", self.addresses[0])
    }

    /// Forgets what has arrived.
    pub(crate) fn clear(&self) {
        self.shared.arrivals().clear();
    }

    /// How many requests have arrived.
    pub(crate) fn count(&self) -> usize {
        self.shared.arrivals().len()
    }

    /// What has arrived, in order.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals().clone()
    }

    /// Waits until so many requests have arrived.
    pub(crate) async fn wait_for(&self, count: usize, limit: Duration) -> anyhow::Result<()> {
        let what = format!("{count} requests at the callbacks");
        eventually(&what, limit, async || {
            Ok((self.count() >= count).then_some(()))
        })
        .await
    }
}

impl Shared {
    fn arrivals(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let at = Instant::now();
    drop(body);
    let id = headers
        .get("elements-webhook-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let id = id.unwrap_or_default();
    shared.arrivals().push(Arrival { id, at });
    if !shared.delay.is_zero() {
        tokio::time::sleep(shared.delay).await;
    }
    StatusCode::OK
}

async fn slow(_body: Bytes) -> StatusCode {
    tokio::time::sleep(Duration::from_secs(5)).await;
    StatusCode::OK
}

async fn failing(_body: Bytes) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn never(_body: Bytes) -> StatusCode {
    std::future::pending().await
}
