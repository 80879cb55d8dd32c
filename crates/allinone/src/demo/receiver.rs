//! The callback of the demonstration: it checks the signature and hands on each event.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ie_platform::Context;
use ie_platform::clock::SharedClock;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc::Sender;

/// The key that the demonstration's instance signs with.
pub(super) const SIGNATURE_KEY: &str = "the key of the demonstration";

/// One event that arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) at: DateTime<Utc>,
    /// The event, and the record that it is about.
    pub(super) event: Value,
    pub(super) record: Value,
}

#[derive(Clone)]
struct Shared {
    events: Sender<Arrived>,
    clock: SharedClock,
}

/// Listens on a free port; gives the callback's URL.
pub(super) async fn start(context: &Context, events: Sender<Arrived>) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let shared = Shared {
        events,
        clock: context.clock.clone(),
    };
    let app = Router::new()
        .route("/callback", post(receive))
        .with_state(shared);
    let stopping = context.lifecycle.stopping();
    context.lifecycle.spawn("receiver", async move {
        Ok(axum::serve(listener, app)
            .with_graceful_shutdown(stopping.cancelled_owned())
            .await?)
    });
    Ok(format!("http://{address}/callback"))
}

async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let at = shared.clock.now();
    if !is_signed(&headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(notification) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let message = &notification["message"];
    let resource = message["raw"]["objectType"].as_str().unwrap_or_default();
    let events = message["events"].as_array().into_iter().flatten();
    let records = message["raw"][resource].as_array().into_iter().flatten();
    for (event, record) in events.zip(records) {
        let arrived = Arrived {
            at,
            event: event.clone(),
            record: record.clone(),
        };
        if shared.events.send(arrived).await.is_err() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    StatusCode::NO_CONTENT
}

/// As a receiver should: `Elements-Webhook-Signature` over the bytes of the body, compared in constant time.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let signature = headers
        .get("elements-webhook-signature")
        .and_then(|value| value.to_str().ok()?.strip_prefix("sha256="))
        .and_then(|text| STANDARD.decode(text).ok());
    let mut mac =
        Hmac::<Sha256>::new_from_slice(SIGNATURE_KEY.as_bytes()).expect("HMAC takes any key");
    mac.update(body);
    signature.is_some_and(|signature| mac.verify_slice(&signature).is_ok())
}
