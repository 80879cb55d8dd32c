//! A simulator on a free port with a clock that stands still, and a client for it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_platform::TestClock;
use ie_platform::http::{self, ClientSettings};
use ie_simulator::{Control, Settings, Simulator};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// When tests take place.
pub(crate) fn noon() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

pub(crate) struct Rig {
    pub(crate) simulator: Simulator,
    pub(crate) control: Control,
    pub(crate) clock: TestClock,
    client: Client,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The ids of the records, in their order.
    pub(crate) fn ids(&self, field: &str) -> Vec<i64> {
        let records = self.records();
        records
            .iter()
            .map(|record| record[field].as_i64().unwrap())
            .collect()
    }
}

impl Rig {
    pub(crate) async fn start(settings: Settings) -> Self {
        let clock = TestClock::at(noon());
        let simulator = Simulator::start(settings, Arc::new(clock.clone()))
            .await
            .unwrap();
        Self {
            control: simulator.control(),
            simulator,
            clock,
            client: http::client(&ClientSettings::default()).unwrap(),
        }
    }

    /// With that many contacts and no limits.
    pub(crate) async fn with_contacts(count: usize) -> Self {
        let settings = Settings::empty().with_records("Contacts", count);
        Self::start(settings.without_limits()).await
    }

    /// A request to the API with the default key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.as_key("demo-key", method, path)
    }

    pub(crate) fn as_key(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.simulator.base_url());
        self.client.request(method, url).basic_auth(key, Some(""))
    }

    pub(crate) fn anonymous(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("{}{path}", self.simulator.base_url()))
    }

    /// A request to the control API.
    pub(crate) fn command(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.simulator.control_url()))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    pub(crate) async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = http::send(request, &self.client, "test").await?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await?,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn send_json(&self, method: Method, path: &str, body: Value) -> Answer {
        self.send(self.request(method, path).json(&body)).await
    }

    pub(crate) async fn command_json(&self, method: Method, path: &str, body: Value) -> Answer {
        self.send(self.command(method, path).json(&body)).await
    }

    /// The bytes of an answer as they are on the wire.
    pub(crate) async fn raw(&self, path: &str, headers: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.simulator.address()).await.unwrap();
        // "demo-key:" in base64.
        let request = format!(
            "GET /v3.1{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic ZGVtby1rZXk6\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    }
}

/// Waits until the condition holds, up to ten seconds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(
            tokio::time::Instant::now() < limit,
            "{what} did not come about"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
