//! `Idempotency-Key`: a POST that is sent again, because its answer was lost, is not done again.
//!
//! The key is taken before the request is done, and its answer is stored after it; that of `POST /instances` with the
//! instance, in one transaction. The request goes on when its client goes away. Of what has no answer, since a process
//! died in between, only `POST /instances` is done anew: there it is certain that nothing was done.

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use ie_platform::secret::ExposeSecret as _;
use ie_store::{Claim, Claimed, Receipt};
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use crate::app::App;
use crate::auth::{self, Caller};
use crate::error::{ApiError, Result};
use crate::observe;
use crate::routes::body;

/// The header that names a request.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The most characters of a key.
const LONGEST: usize = 255;
/// The end of the routes whose effect and answer are one transaction.
const ATOMIC: &str = "/instances";

/// The claim of the request, where it has a key.
#[derive(Clone, Debug)]
pub(crate) struct Once(pub(crate) Option<Claim>);

impl FromRequestParts<App> for Once {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        Ok(Self(parts.extensions.get::<Claim>().cloned()))
    }
}

/// An answer that is about to be stored, sealed.
pub(crate) struct Sealed<'a> {
    claim: &'a Claim,
    answer: String,
}

impl<'a> Sealed<'a> {
    /// Seals the body of an answer for its claim: it may hold secrets.
    pub(crate) fn new(app: &App, claim: &'a Claim, body: &str) -> Self {
        let answer = app.sealer.seal(body, &context(claim));
        Self { claim, answer }
    }

    /// What is stored of it.
    pub(crate) fn receipt(&self, status: StatusCode) -> Receipt<'_> {
        Receipt {
            claim: self.claim,
            status: status.as_u16(),
            answer: &self.answer,
        }
    }
}

/// Lets a request through once for each key.
pub(crate) async fn pass(State(app): State<App>, request: Request, next: Next) -> Result<Response> {
    if request.method() != Method::POST {
        return Ok(next.run(request).await);
    }
    let Some(key) = key(request.headers())? else {
        return Ok(next.run(request).await);
    };
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    let bytes = body::read(Request::from_parts(parts.clone(), body), &app).await?;
    let claim = claim(&app, &caller, &parts, (&key, &bytes));
    match app.store.claim_key(&claim).await? {
        Claimed::Fresh => {
            parts.extensions.insert(claim.clone());
            let request = Request::from_parts(parts, Body::from(bytes));
            run(app, claim, request, next).await
        }
        Claimed::Answered { status, answer } => again(&app, &claim, status, &answer),
        Claimed::Another => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Idempotency-Key: it was used for another request; expected the same path, Element token and body, or another key",
        )),
        Claimed::UnderWay {
            began_at,
            resumable_at,
        } => Err(under_way(&app, began_at, resumable_at)),
    }
}

/// Does the request to its end, whether or not its client waits for it.
async fn run(app: App, claim: Claim, request: Request, next: Next) -> Result<Response> {
    let limit = app.config.request_timeout;
    let lifecycle = app.lifecycle.clone();
    let work = async move {
        let response = observe::guarded(limit, next.run(request)).await;
        settle(&app, &claim, response).await
    };
    let work = observe::within(observe::request_id(), work).in_current_span();
    let done = lifecycle.spawn_detail(work).await;
    done.map_err(ApiError::internal)?
}

/// Stores a success; gives back the key of what had no effect; leaves the key with what may have had one.
async fn settle(app: &App, claim: &Claim, response: Response) -> Result<Response> {
    let status = response.status();
    if !status.is_success() {
        if status.is_client_error() || claim.resumable_at.is_some() {
            app.store.release_key(claim).await?;
        }
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    // It is in memory already.
    let bytes = axum::body::to_bytes(body, usize::MAX).await;
    let bytes = bytes.map_err(ApiError::internal)?;
    let text = str::from_utf8(&bytes).map_err(ApiError::internal)?;
    let sealed = Sealed::new(app, claim, text);
    if let Err(error) = app.store.note_answer(sealed.receipt(status)).await {
        // It is done: whoever asks again is told that its end is not known.
        tracing::warn!(%error, "the answer of an Idempotency-Key is not stored");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn again(app: &App, claim: &Claim, status: u16, answer: &str) -> Result<Response> {
    let status = StatusCode::from_u16(status).map_err(ApiError::internal)?;
    let body = app.sealer.open(answer, &context(claim));
    let body = body.map_err(ApiError::internal)?.expose_secret().to_owned();
    let is_empty = body.is_empty();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if is_empty {
        headers.remove(CONTENT_TYPE);
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(response)
}

fn under_way(app: &App, began_at: DateTime<Utc>, resumable_at: Option<DateTime<Utc>>) -> ApiError {
    let now = app.clock.now();
    let end = resumable_at.unwrap_or(began_at + app.config.request_timeout);
    if resumable_at.is_some() || now < end {
        let wait = (end - now).to_std().unwrap_or_default();
        let wait = wait.clamp(
            std::time::Duration::from_secs(1),
            app.config.request_timeout,
        );
        return ApiError::new(
            StatusCode::CONFLICT,
            "Idempotency-Key: a request with this key is under way; send it again a little later for its answer",
        )
        .retry_after(Some(wait));
    }
    let begin = began_at.format("%FT%TZ");
    ApiError::new(
        StatusCode::CONFLICT,
        format!(
            "Idempotency-Key: a request with this key began at {begin} and did not end, so whether it had its effect is \
             not known; look, and use another key if it has to be done again"
        ),
    )
}

fn claim(app: &App, caller: &Caller, parts: &Parts, (key, body): (&str, &[u8])) -> Claim {
    let now = app.clock.now();
    let route = parts.extensions.get::<MatchedPath>();
    let is_atomic = route.is_some_and(|route| route.as_str().ends_with(ATOMIC));
    Claim {
        user: caller.principal.user,
        key_hash: auth::hash(key),
        request_hash: request_hash(caller, parts, body),
        token: hex::encode(rand::random::<[u8; 16]>()),
        began_at: now,
        resumable_at: is_atomic.then(|| now + app.config.request_timeout),
        expires_at: now + app.config.idempotency_retention,
    }
}

/// What is asked: where, of which instance, and with what.
fn request_hash(caller: &Caller, parts: &Parts, body: &[u8]) -> String {
    let element = caller.element.as_ref().map(|instance| instance.id.get());
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let digest = Sha256::new()
        .chain_update(path)
        .chain_update(format!("\0{}\0", element.unwrap_or_default()))
        .chain_update(body);
    hex::encode(digest.finalize())
}

fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get(KEY) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > LONGEST {
        return Err(ApiError::bad_request(format!(
            "Idempotency-Key: expected 1 to {LONGEST} printable ASCII characters, such as a random UUID"
        )));
    }
    Ok(Some(text.to_owned()))
}

fn context(claim: &Claim) -> String {
    format!("idempotency:{}:{}", claim.user, claim.key_hash)
}
