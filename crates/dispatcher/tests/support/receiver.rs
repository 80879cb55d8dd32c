//! A callback that is a real HTTP server: it hands what it received to the test, and answers what the test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use ie_platform::Lifecycle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::connections::{self, Connections};

/// Longer than anything takes that is going to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the callback says.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Waits for a permit before it answers.
    pub(crate) gate: Option<Arc<Semaphore>>,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: b"thank you".to_vec(),
            gate: None,
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Answers once the gate gives a permit.
    pub(crate) fn behind(mut self, gate: &Arc<Semaphore>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }

    /// Never answers.
    pub(crate) fn never() -> Self {
        Self::status(200).behind(&Arc::new(Semaphore::new(0)))
    }
}

/// What the callback received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers.keys()))
            .to_str()
            .unwrap()
    }
}

#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    usual: Arc<Mutex<Answer>>,
    received: mpsc::UnboundedSender<Received>,
}

pub(crate) struct Receiver {
    address: SocketAddr,
    script: Script,
    received: mpsc::UnboundedReceiver<Received>,
    connections: Arc<Connections>,
    lifecycle: Lifecycle,
}

impl Receiver {
    /// Listens on a free port and answers 200.
    pub(crate) async fn start() -> Self {
        Self::speaking(None).await
    }

    /// The same with TLS.
    pub(crate) async fn secure(tls: TlsAcceptor) -> Self {
        Self::speaking(Some(tls)).await
    }

    async fn speaking(tls: Option<TlsAcceptor>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::unbounded_channel();
        let script = Script {
            answers: Arc::default(),
            usual: Arc::new(Mutex::new(Answer::status(200))),
            received: sender,
        };
        let app = Router::new().fallback(receive).with_state(script.clone());
        let lifecycle = Lifecycle::new();
        let connections = Arc::new(Connections::default());
        let serve = connections::serve(listener, tls, app, Arc::clone(&connections));
        lifecycle.spawn("receiver", serve);
        Self {
            address,
            script,
            received,
            connections,
            lifecycle,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The address by the name that certificates have.
    pub(crate) fn secure_url(&self) -> String {
        format!("https://localhost:{}/", self.port())
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers this from now on.
    pub(crate) fn answer(&self, answer: Answer) {
        *self.script.usual.lock().unwrap() = answer;
    }

    /// Answers these first, one after the other.
    pub(crate) fn answer_first(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.answers.lock().unwrap().extend(answers);
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Received {
        let next = timeout(PATIENCE, self.received.recv()).await;
        next.expect("a request arrives in time").unwrap()
    }

    /// What has arrived by now and was not taken yet.
    pub(crate) fn others(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.lifecycle.abort();
    }
}

async fn receive(State(script): State<Script>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query();
    let received = Received {
        method: head.method,
        path: path.map_or_else(String::new, ToString::to_string),
        version: head.version,
        headers: head.headers,
        body: to_bytes(body, usize::MAX).await.unwrap(),
    };
    let next = script.answers.lock().unwrap().pop_front();
    let answer = next.unwrap_or_else(|| script.usual.lock().unwrap().clone());
    // The test may have ended already.
    drop(script.received.send(received));
    if let Some(gate) = answer.gate {
        gate.acquire().await.unwrap().forget();
    }
    let mut response = answer.body.into_response();
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    for (name, value) in answer.headers {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::try_from(value).unwrap());
    }
    response
}
