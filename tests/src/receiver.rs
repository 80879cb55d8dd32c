//! A callback: a real HTTP server that records what it gets, checks the signatures and can change its answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ie_platform::clock::{Clock as _, SystemClock};
use ie_platform::lifecycle::Lifecycle;
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::watch;

/// The key that instances of the rig sign with.
pub const SIGNATURE_KEY: &str = "a key for signatures";

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// When it arrived.
    pub at: DateTime<Utc>,
    /// `Elements-Webhook-Id`.
    pub webhook_id: String,
    /// Whether `Elements-Webhook-Signature` is right for the body.
    pub signature_ok: bool,
    /// `traceparent`, if there was one.
    pub traceparent: Option<String>,
    /// The body.
    pub body: Value,
    /// What it was answered with.
    pub answered: StatusCode,
}

/// A callback on a free port.
#[derive(Clone)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    received: Mutex<Vec<Received>>,
    answer: Mutex<StatusCode>,
    /// Whether requests wait for their answer.
    held: watch::Sender<bool>,
}

impl Receiver {
    /// Starts on a free port; it ends with the lifecycle.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start(lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            answer: Mutex::new(StatusCode::OK),
            held: watch::Sender::new(false),
        });
        let app = Router::new()
            .route("/callback", post(receive))
            .with_state(shared.clone());
        let stopping = lifecycle.stopping();
        lifecycle.spawn("receiver", async move {
            Ok(axum::serve(listener, app)
                .with_graceful_shutdown(stopping.cancelled_owned())
                .await?)
        });
        Ok(Self { address, shared })
    }

    /// The callback's URL.
    pub fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    /// Answers with this status from now on.
    pub fn answer_with(&self, status: StatusCode) {
        *self
            .shared
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = status;
    }

    /// Takes requests in and answers none, until [`Receiver::release`].
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Answers what was held back, and goes on answering at once.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// Everything that arrived, in order.
    pub fn received(&self) -> Vec<Received> {
        self.shared
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was accepted.
    pub fn accepted(&self) -> Vec<Received> {
        self.received()
            .into_iter()
            .filter(|received| received.answered.is_success())
            .collect()
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let answered = *shared.answer.lock().unwrap_or_else(PoisonError::into_inner);
    let received = Received {
        at: SystemClock.now(),
        webhook_id: text("elements-webhook-id").unwrap_or_default(),
        signature_ok: text("elements-webhook-signature") == Some(signature(&body)),
        traceparent: text("traceparent"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        answered,
    };
    shared
        .received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(received);
    let mut held = shared.held.subscribe();
    // The sender is as old as the receiver itself.
    drop(held.wait_for(|held| !held).await);
    answered
}

/// Open Connectors' signature, computed apart from the dispatcher's code.
fn signature(body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(SIGNATURE_KEY.as_bytes()).expect("HMAC takes any key");
    mac.update(body);
    format!("sha256={}", STANDARD.encode(mac.finalize().into_bytes()))
}
