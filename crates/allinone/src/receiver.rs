//! A callback to try with: it checks the signature and hands on each event that arrives.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_ENCODING;
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

use crate::unpack;

/// One event that arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) at: DateTime<Utc>,
    /// The id of the notification that brought it.
    pub(crate) notification: String,
    /// The event, and the record that it is about, if the notification carries raw records.
    pub(crate) event: Value,
    pub(crate) record: Value,
}

/// Where events go, and how they must be signed.
#[derive(Clone)]
pub(crate) struct Receiver {
    events: Sender<Arrived>,
    clock: SharedClock,
    /// Without a key a signature is not looked at.
    signature_key: Option<String>,
}

impl Receiver {
    /// Hands events to `events`; with a key, only those of notifications that are signed with it.
    pub(crate) fn new(
        context: &Context,
        events: Sender<Arrived>,
        signature_key: Option<String>,
    ) -> Self {
        Self {
            events,
            clock: context.clock.clone(),
            signature_key,
        }
    }

    /// Takes notifications at `/callback` until the soft stop; gives the callback's URL.
    pub(crate) fn serve(self, listener: TcpListener, context: &Context) -> anyhow::Result<String> {
        let address = listener.local_addr()?;
        let app = Router::new()
            .route("/callback", post(receive))
            .with_state(self);
        let stopping = context.lifecycle.stopping();
        context.lifecycle.spawn("receiver", async move {
            let server = axum::serve(listener, app);
            Ok(server
                .with_graceful_shutdown(stopping.cancelled_owned())
                .await?)
        });
        Ok(format!("http://{address}/callback"))
    }

    /// As a receiver should: over the bytes of the unpacked body, compared in constant time.
    fn accepts(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let Some(key) = &self.signature_key else {
            return true;
        };
        let signature = headers
            .get("elements-webhook-signature")
            .and_then(|value| value.to_str().ok()?.strip_prefix("sha256="))
            .and_then(|text| STANDARD.decode(text).ok());
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes any key");
        mac.update(body);
        signature.is_some_and(|signature| mac.verify_slice(&signature).is_ok())
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let at = receiver.clock.now();
    let is_packed = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding == "gzip");
    let unpacked = is_packed.then(|| unpack::unpack(&body));
    let Some(body) = unpacked.unwrap_or_else(|| Some(body.into())) else {
        return StatusCode::BAD_REQUEST;
    };
    if !receiver.accepts(&headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    for told in ie_model::told::events(&body) {
        let arrived = Arrived {
            at,
            notification: told.notification,
            event: told.event,
            record: told.record,
        };
        if receiver.events.send(arrived).await.is_err() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    StatusCode::NO_CONTENT
}
