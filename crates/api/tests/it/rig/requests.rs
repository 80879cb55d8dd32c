//! Requests to the API, and what it answers: each answer is compared with its description.

use ie_platform::http;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::Rig;
use crate::documented;

/// What the API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// What an error says.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }

    /// The message of a failure.
    #[track_caller]
    pub(crate) fn refused(self, status: StatusCode) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        self.message().to_owned()
    }
}

impl Rig {
    /// A request with the account's credentials.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send(method, path, Some(&self.credentials), &body)
            .await
    }

    /// A request with these credentials and this body, as they stand.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        credentials: Option<&str>,
        body: &str,
    ) -> Answer {
        let request = self
            .request(&method, path, credentials)
            .body(body.to_owned());
        self.answer((&method, path), request).await
    }

    /// A `POST` with the account's credentials and an `Idempotency-Key`.
    pub(crate) async fn post_once(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send_once(path, &self.credentials, key, body).await
    }

    /// The same with these credentials.
    pub(crate) async fn send_once(
        &self,
        path: &str,
        credentials: &str,
        key: &str,
        body: &Value,
    ) -> Answer {
        let request = self
            .request(&Method::POST, path, Some(credentials))
            .header("idempotency-key", key)
            .body(body.to_string());
        self.answer((&Method::POST, path), request).await
    }

    /// The same as [`Self::send`], with the body of the answer still to be read.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        credentials: Option<&str>,
        body: &str,
    ) -> Response {
        let request = self
            .request(&method, path, credentials)
            .body(body.to_owned());
        http::send(request, &self.http, "test").await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    fn request(&self, method: &Method, path: &str, credentials: Option<&str>) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        let request = self.http.request(method.clone(), url);
        match credentials {
            Some(credentials) => request.header("authorization", credentials),
            None => request,
        }
    }

    async fn answer(&self, asked: (&Method, &str), request: RequestBuilder) -> Answer {
        let response = http::send(request, &self.http, "test").await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        documented::check(asked, (status, &headers), &text);
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            headers,
            body,
        }
    }
}
