//! A small client of the API, as an integration engineer would write it.

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use ie_platform::http::{self, ClientSettings};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// The secrets of the rig's account.
pub const USER_SECRET: &str = "user-secret-of-the-rig";
/// The organization's.
pub const ORGANIZATION_SECRET: &str = "organization-secret-of-the-rig";

/// With which its user signs in to the dashboard.
pub const PASSWORD: &str = "password of the rig";

/// Asks one server as the rig's user.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    /// A client of the server at this address.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(address: std::net::SocketAddr) -> anyhow::Result<Self> {
        let http = http::client(&ClientSettings::default())?;
        Ok(Self {
            http,
            base: format!("http://{address}/elements/api-v2"),
        })
    }

    /// Where the server is.
    pub fn origin(&self) -> String {
        self.base.replace("/elements/api-v2", "")
    }

    /// One request; the status and the body, which may be null.
    ///
    /// # Errors
    /// No answer, or one that is not JSON.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header(
                "authorization",
                format!("User {USER_SECRET}, Organization {ORGANIZATION_SECRET}"),
            );
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let response = http::send(request, &self.http, "test").await?;
        let status = response.status();
        let (body, _) = http::read_limited(response, 1 << 26).await?;
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).context("not JSON")?
        };
        Ok((status, body))
    }

    /// A request that must succeed.
    ///
    /// # Errors
    /// Any other status, with the server's words.
    pub async fn must(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let (status, answer) = self
            .ask(method, path, body.map(|body| body.to_string()))
            .await?;
        ensure!(status.is_success(), "{path}: {status}: {answer}");
        Ok(answer)
    }

    /// Creates an instance; gives the answer and Insightly's time of its creation.
    ///
    /// # Errors
    /// It is refused, or has no poller.
    pub async fn create_instance(&self, body: Value) -> anyhow::Result<(Value, DateTime<Utc>)> {
        let created = self.must(Method::POST, "/instances", Some(body)).await?;
        let path = format!("/instances/{}/event-poller-records", created["id"]);
        let records = self.must(Method::GET, &path, None).await?;
        let cursor = records[0]["cursor"].as_str().context("no cursor")?;
        Ok((created, cursor.parse()?))
    }
}
