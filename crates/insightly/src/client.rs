//! The client: one private `call`, one method per endpoint.

use chrono::{DateTime, SecondsFormat, Utc};
use ie_platform::http;
use ie_platform::secret::{ExposeSecret, SecretString};
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;
use crate::answer::{AccountInfo, Answer, Page, budget, number, refusal, server_date, unreadable};

/// Records in one page at the most; Insightly cuts a larger `top` silently.
pub const MAX_PAGE: u32 = 500;

/// A body that is larger is not one of Insightly's pages.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Asks one Insightly account. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: SecretString,
}

/// Which records to search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Only records updated after this time. Whether that second itself counts is not documented.
    pub updated_after: Option<DateTime<Utc>>,
    /// Only records where this field has this value.
    pub equals: Option<(String, String)>,
    /// Records to leave out at the beginning.
    pub skip: u64,
    /// Records wanted, at most [`MAX_PAGE`].
    pub top: u32,
    /// Whether to count all matches.
    pub count_total: bool,
}

impl Client {
    /// A client of the API at `base_url`, which includes the version: `https://api.na1.insightly.com/v3.1`.
    ///
    /// # Errors
    /// [`Error::BadAddress`] when `base_url` is not an http address.
    pub fn new(http: reqwest::Client, base_url: &str, key: SecretString) -> Result<Self, Error> {
        let bad = || Error::BadAddress {
            address: base_url.to_owned(),
        };
        let mut base = Url::parse(base_url).map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(bad());
        }
        base.set_query(None);
        base.path_segments_mut().map_err(|()| bad())?.pop_if_empty();
        Ok(Self { http, base, key })
    }

    /// `GET /Users/Me`: whether the key is good, and whose it is.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when the key is refused, and what any request may meet.
    pub async fn me(&self) -> Result<Answer<Value>, Error> {
        self.call("GET Users/Me", &["Users", "Me"], &[])
            .await
            .map(|(answer, _)| answer)
    }

    /// `GET /Instance`: which account the key belongs to.
    ///
    /// # Errors
    /// What any request may meet.
    pub async fn account(&self) -> Result<Answer<AccountInfo>, Error> {
        self.call("GET Instance", &["Instance"], &[])
            .await
            .map(|(answer, _)| answer)
    }

    /// `GET /{object}/Search`: one page of the records that match.
    ///
    /// # Errors
    /// What any request may meet; [`Error::NotAllowed`] for an object without a search.
    pub async fn search(&self, object: &str, search: &Search) -> Result<Answer<Page>, Error> {
        let (answer, total) = self
            .call("GET Search", &[object, "Search"], &search.parameters())
            .await?;
        let Answer {
            body,
            server_date,
            budget,
        } = answer;
        Ok(Answer {
            body: Page {
                records: body,
                total,
            },
            server_date,
            budget,
        })
    }

    /// `GET /{object}/{id}`: one record.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone or hidden from the key's user, and what any request may meet.
    pub async fn get(&self, object: &str, id: &str) -> Result<Answer<Value>, Error> {
        self.call("GET by id", &[object, id], &[])
            .await
            .map(|(answer, _)| answer)
    }

    /// Where the API is, to tell accounts of different pods apart.
    pub(crate) fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    pub(crate) fn key_bytes(&self) -> &[u8] {
        self.key.expose_secret().as_bytes()
    }

    async fn call<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &[&str],
        parameters: &[(&str, String)],
    ) -> Result<(Answer<T>, Option<u64>), Error> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http address has a path")
            .extend(path);
        let request = self
            .http
            .get(url)
            .query(parameters)
            .basic_auth(self.key.expose_secret(), Some(""));
        let response = http::send(request, &self.http, operation)
            .await
            .map_err(Error::unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let (body, truncated) = http::read_limited(response, MAX_BODY)
            .await
            .map_err(Error::unreachable)?;
        if !status.is_success() {
            return Err(refusal(status, &headers, &body));
        }
        if truncated {
            return Err(Error::Unexpected {
                what: format!("a body of more than {MAX_BODY} bytes"),
            });
        }
        let parsed = serde_json::from_slice(&body).map_err(|error| unreadable(&body, &error))?;
        let answer = Answer {
            body: parsed,
            server_date: server_date(&headers)?,
            budget: budget(&headers),
        };
        Ok((answer, number(&headers, "x-total-count")))
    }
}

impl Search {
    /// Query parameters, with times as ISO-8601: the form of bodies is refused here.
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![
            ("skip", self.skip.to_string()),
            ("top", self.top.min(MAX_PAGE).to_string()),
        ];
        if let Some(after) = self.updated_after {
            parameters.push((
                "updated_after_utc",
                after.to_rfc3339_opts(SecondsFormat::Secs, true),
            ));
        }
        if let Some((field, value)) = &self.equals {
            parameters.push(("field_name", field.clone()));
            parameters.push(("field_value", value.clone()));
        }
        if self.count_total {
            parameters.push(("count_total", "true".to_owned()));
        }
        parameters
    }
}
