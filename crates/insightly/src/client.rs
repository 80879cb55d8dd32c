//! The client: one private `call`, one method per endpoint.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use ie_model::catalog;
use ie_platform::http;
use ie_platform::secret::{ExposeSecret, SecretString};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde_json::Value;

use crate::Error;
use crate::answer::{AccountInfo, Answer, Page, budget, number, refusal, server_date, unreadable};
use crate::body::Body;

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
    /// Whether to leave out the nested lists, such as `CUSTOMFIELDS`.
    pub brief: bool,
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

    /// `GET /{object}/Search`: one page of the records that match; for an object that has no search, of all.
    ///
    /// # Errors
    /// What any request may meet; [`Error::NotAllowed`] for an object that this account cannot search.
    pub async fn search(&self, object: &str, search: &Search) -> Result<Answer<Page>, Error> {
        if catalog::object(object).is_some_and(|known| !known.search) {
            return self.list(object, search).await;
        }
        let path = [object, "Search"];
        let (answer, total) = self.call("GET Search", &path, &search.parameters()).await?;
        Ok(answer.map(|records| Page { records, total }))
    }

    /// `GET /{object}`: one page of all records. A list knows no conditions: those of `page` are not sent.
    ///
    /// # Errors
    /// What any request may meet; [`Error::NotAllowed`] for an object without a list.
    pub async fn list(&self, object: &str, page: &Search) -> Result<Answer<Page>, Error> {
        let parameters = page.place();
        let (answer, total) = self.call("GET list", &[object], &parameters).await?;
        Ok(answer.map(|records| Page { records, total }))
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

    /// `GET /{object}/{id}` where absence is an answer: none for a record that is gone or hidden from the key's user,
    /// together with Insightly's time.
    ///
    /// # Errors
    /// What any request may meet. A 404 that comes with a page of HTML is none of Insightly's.
    pub async fn find(&self, object: &str, id: &str) -> Result<Answer<Option<Value>>, Error> {
        let response = self.ask("GET by id", &[object, id], &[]).await?;
        if response.status != StatusCode::NOT_FOUND {
            return response.read().map(|answer| answer.map(Some));
        }
        if response.body.trim_ascii_start().starts_with(b"<") {
            return Err(Error::Unexpected {
                what: "an HTML page with status 404".to_owned(),
            });
        }
        response.answer(None)
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

    async fn call<T: Body>(
        &self,
        operation: &'static str,
        path: &[&str],
        parameters: &[(&str, String)],
    ) -> Result<(Answer<T>, Option<u64>), Error> {
        let response = self.ask(operation, path, parameters).await?;
        let total = number(&response.headers, "x-total-count");
        Ok((response.read()?, total))
    }

    async fn ask(
        &self,
        operation: &'static str,
        path: &[&str],
        parameters: &[(&str, String)],
    ) -> Result<Response, Error> {
        let request = self.request(Method::GET, path).query(parameters);
        self.send(operation, request).await
    }

    /// A request for that path, with the key.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http address has a path")
            .extend(path);
        self.http
            .request(method, url)
            .basic_auth(self.key.expose_secret(), Some(""))
    }

    pub(crate) async fn send(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<Response, Error> {
        let response = http::send(request, &self.http, operation)
            .await
            .map_err(Error::unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let (body, truncated) = http::read_limited(response, MAX_BODY)
            .await
            .map_err(Error::unreachable)?;
        Ok(Response {
            status,
            headers,
            body,
            truncated,
        })
    }
}

/// An answer as it came.
pub(crate) struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    truncated: bool,
}

impl Response {
    /// The body, when the status is a success.
    pub(crate) fn read<T: Body>(&self) -> Result<Answer<T>, Error> {
        self.check()?;
        let body = &self.body;
        if self.truncated {
            return Err(Error::Unexpected {
                what: format!("a body of more than {MAX_BODY} bytes"),
            });
        }
        self.answer(T::parse(body).map_err(|error| unreadable(body, &error))?)
    }

    /// That the status is a success, whatever the body.
    pub(crate) fn done(&self) -> Result<Answer<()>, Error> {
        self.check()?;
        self.answer(())
    }

    fn check(&self) -> Result<(), Error> {
        if self.status.is_success() {
            return Ok(());
        }
        Err(refusal(self.status, &self.headers, &self.body))
    }

    fn answer<T>(&self, body: T) -> Result<Answer<T>, Error> {
        Ok(Answer {
            body,
            server_date: server_date(&self.headers)?,
            budget: budget(&self.headers),
        })
    }
}

impl Search {
    /// Query parameters, with times as ISO-8601: the form of bodies is refused here.
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = self.place();
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
        parameters
    }

    /// Which page, and what of it.
    fn place(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![
            ("skip", self.skip.to_string()),
            ("top", self.top.min(MAX_PAGE).to_string()),
        ];
        if self.count_total {
            parameters.push(("count_total", "true".to_owned()));
        }
        if self.brief {
            parameters.push(("brief", "true".to_owned()));
        }
        parameters
    }
}
