//! The client of a running server's API.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use ie_platform::http::{self, ClientSettings};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::cli::{RunOptions, Server};
use crate::{Config, data};

/// An answer that is larger is not one of the API's pages.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// How long an answer without an end may take in all.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long its next part may take.
const NEXT_PART: Duration = Duration::from_secs(90);

/// Asks a server as one user.
#[derive(Debug)]
pub(crate) struct Remote {
    http: reqwest::Client,
    base: String,
    authorization: String,
}

/// An answer: its body, and where the next page begins.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) next_page: Option<String>,
}

/// An answer that is read as it comes.
#[derive(Debug)]
pub(crate) struct Parts(reqwest::Response);

impl Parts {
    /// The next part; none at the proper end.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        let part = tokio::time::timeout(NEXT_PART, self.0.chunk()).await;
        let part = part.map_err(|_| anyhow!("nothing came for {NEXT_PART:?}"))?;
        part.map_err(|error| anyhow!(error.without_url()))
    }
}

impl Remote {
    /// The server that the command line names: by its options, or else the one of this machine's data directory.
    pub(crate) fn of(run: &RunOptions, server: &Server) -> anyhow::Result<Self> {
        let base = match &server.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", local_address(run)?),
        };
        let (user, organization) = match (&server.user_secret, &server.organization_secret) {
            (Some(user), Some(organization)) => (user.clone(), organization.clone()),
            (None, None) => {
                let found = data::read_credentials(&run.data)?;
                let found = found.with_context(|| {
                    format!(
                        "no credentials in {}: start the server there first, or give --user-secret and \
                         --organization-secret",
                        run.data.display()
                    )
                })?;
                (found.user_secret, found.organization_secret)
            }
            _ => {
                bail!("--user-secret and --organization-secret belong together: give both or none")
            }
        };
        Self::new(base, &user, &organization)
    }

    /// The server that the command line names, or that of this machine's configuration, as its operator.
    pub(crate) fn of_operator(
        run: &RunOptions,
        url: Option<&str>,
        admin_token: &str,
    ) -> anyhow::Result<Self> {
        let base = match url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", local_address(run)?),
        };
        Self::with(base, format!("Bearer {admin_token}"))
    }

    /// The server at `base`, as the user with these secrets.
    pub(crate) fn new(
        base: String,
        user_secret: &str,
        organization_secret: &str,
    ) -> anyhow::Result<Self> {
        let authorization = format!("User {user_secret}, Organization {organization_secret}");
        Self::with(base, authorization)
    }

    fn with(base: String, authorization: String) -> anyhow::Result<Self> {
        let settings = ClientSettings {
            timeout: Duration::from_secs(90),
            ..ClientSettings::default()
        };
        let http = http::client(&settings).context("while making the HTTP client")?;
        Ok(Self {
            http,
            base,
            authorization,
        })
    }

    /// Where the server is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// `GET` of a path below the API's base.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Answer> {
        self.ask(self.request(Method::GET, path).query(query)).await
    }

    /// Every page of a list.
    pub(crate) async fn list(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut query = query.to_vec();
        loop {
            let Answer { body, next_page } = self.get(path, &query).await?;
            let Value::Array(page) = body else {
                bail!("{path}: expected a list")
            };
            let empty = page.is_empty();
            all.extend(page);
            match next_page {
                Some(token) if !empty => {
                    query.retain(|(name, _)| *name != "nextPage");
                    query.push(("nextPage", token));
                }
                _ => return Ok(all),
            }
        }
    }

    /// `GET` of what may be larger than memory.
    pub(crate) async fn open(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Parts> {
        let request = self.request(Method::GET, path).query(query);
        let response = self.send(request.timeout(LONGEST)).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Parts(response));
        }
        let body = http::read_limited(response, MAX_BODY).await;
        let (body, _) = body.context("while reading the answer")?;
        Err(refusal(status, &body))
    }

    /// `POST` of a text that should be JSON: the server says what is wrong with it.
    pub(crate) async fn post(&self, path: &str, body: String) -> anyhow::Result<Answer> {
        self.send_json(Method::POST, path, body).await
    }

    /// `PATCH` with JSON.
    pub(crate) async fn patch(&self, path: &str, body: String) -> anyhow::Result<Answer> {
        self.send_json(Method::PATCH, path, body).await
    }

    async fn send_json(&self, method: Method, path: &str, body: String) -> anyhow::Result<Answer> {
        let request = self
            .request(method, path)
            .header("content-type", "application/json")
            .body(body);
        self.ask(request).await
    }

    /// `POST` to an address of its own, without credentials: what a workflow rule does.
    pub(crate) async fn hint(&self, url: &str) -> anyhow::Result<()> {
        self.ask(self.http.post(url)).await.map(drop)
    }

    /// `DELETE` of a path.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask(self.request(Method::DELETE, path)).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}/elements/api-v2{path}", self.base))
            .header("authorization", &self.authorization)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let sent = http::send(request, &self.http, "api").await;
        sent.map_err(|error| {
            anyhow!(error.without_url()).context(format!(
                "no answer from {}: is the server running there?",
                self.base
            ))
        })
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let response = self.send(request).await?;
        let status = response.status();
        let next_page = response.headers().get("elements-next-page-token");
        let next_page = next_page
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let (body, _) = http::read_limited(response, MAX_BODY)
            .await
            .context("while reading the answer")?;
        if status.is_success() {
            let body = if body.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(&body)?
            };
            return Ok(Answer { body, next_page });
        }
        Err(refusal(status, &body))
    }
}

/// The server's own words.
fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = body["message"].as_str().unwrap_or("without a message");
    let mut text = format!("{status}: {message}");
    for (name, label) in [
        ("providerMessage", "Insightly says"),
        ("requestId", "request"),
    ] {
        if let Some(value) = body[name].as_str() {
            text.push_str(&format!("\n  {label}: {value}"));
        }
    }
    anyhow!(text)
}

/// Where the API of this machine's configuration listens.
fn local_address(run: &RunOptions) -> anyhow::Result<String> {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct ApiOnly {
        api: ie_api::Config,
    }
    impl ie_platform::config::Config for ApiOnly {
        fn defaults() -> Vec<&'static str> {
            <Config as ie_platform::config::Config>::defaults()
        }
        fn validate(&self, _: &mut ie_platform::config::Problems) {}
    }
    let config: ApiOnly = ie_platform::config::load(run.config.as_deref())?;
    let address = config
        .api
        .address
        .replace("0.0.0.0", "127.0.0.1")
        .replace("[::]", "[::1]");
    Ok(address)
}
