//! One call of a callback.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ie_model::{ErrorClass, Notification};
use ie_platform::http;
use ie_platform::tls::{self, Objection};
use reqwest::Response;
use reqwest::header::{HeaderMap, InvalidHeaderValue, RETRY_AFTER};

use crate::address::{Refused, Rules};
use crate::callback::Callback;
use crate::clients::{self, Clients};
use crate::payload;
use crate::resolver;
use crate::sign;

/// How much of an answer is kept.
pub(crate) const RESPONSE_LIMIT: usize = 4096;

/// Calls callbacks, with clients whose resolver follows the same rules.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The clients.
    pub(crate) clients: Arc<Clients>,
    /// Which addresses a callback may have.
    pub(crate) rules: Rules,
    /// How long a call may take; the client enforces it, this is for the words.
    pub(crate) timeout: Duration,
}

/// What a callback said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The header `Retry-After`, as it was sent.
    pub(crate) retry_after: Option<String>,
    /// The beginning of the body.
    pub(crate) response: Option<String>,
    /// The headers, as a JSON object.
    pub(crate) headers: Option<String>,
}

/// Why there is no answer, in words for people; no URL is shown, since its query may hold a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The callback's configuration cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// The address is not allowed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no client for it.
    #[error(transparent)]
    Client(#[from] clients::Error),
    /// A header cannot be written.
    #[error("a header of the notification cannot be written: {0}")]
    Header(#[from] InvalidHeaderValue),
    /// It took too long.
    #[error("no answer within {}", humantime_serde::re::humantime::format_duration(*.0))]
    Timeout(Duration),
    /// There is no connection.
    #[error("cannot connect: {0}")]
    Connect(String, ErrorClass),
    /// Anything else.
    #[error("the call failed: {0}")]
    Failed(String),
}

impl NoAnswer {
    /// The word for it.
    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            Self::Unusable(_) | Self::Client(_) | Self::Header(_) => ErrorClass::Configuration,
            Self::Refused(_) => ErrorClass::RefusedAddress,
            Self::Timeout(_) => ErrorClass::Timeout,
            Self::Connect(_, class) => *class,
            Self::Failed(_) => ErrorClass::Broken,
        }
    }
}

impl Caller {
    /// Posts the notification's body, byte for byte, or compressed when its owner asks for that.
    pub(crate) async fn call(
        &self,
        callback: &Callback,
        notification: &Notification,
        at: DateTime<Utc>,
    ) -> Result<Answer, NoAnswer> {
        self.rules.check_url(&callback.url)?;
        let id = notification.id.to_string();
        let json = notification.body.get().as_bytes();
        let mut headers = sign::headers(&callback.credentials, &id, at, json)?;
        let body = payload::make(notification, callback.gzip, &mut headers);
        let client = self.clients.of(notification.instance, callback)?;
        let request = client.post(callback.url.clone());
        let request = request.headers(headers).body(body);
        let answer = match http::send(request, &client, "deliver notification").await {
            Ok(response) => Ok(read(response).await),
            Err(error) => Err(self.no_answer(&error)),
        };
        drop(client);
        self.clients.settle();
        answer
    }

    fn no_answer(&self, error: &reqwest::Error) -> NoAnswer {
        let causes = look_into(error);
        match causes.refused {
            Some(refused) => NoAnswer::Refused(refused),
            // A server that wants another certificate says so when the connection seems to stand.
            None if causes.class == ErrorClass::Tls => {
                NoAnswer::Connect(causes.root, ErrorClass::Tls)
            }
            None if error.is_connect() => NoAnswer::Connect(causes.root, causes.class),
            None if error.is_timeout() => NoAnswer::Timeout(self.timeout),
            None => NoAnswer::Failed(causes.root),
        }
    }
}

/// What the causes of an error tell.
struct Causes {
    /// The refusal by the resolver.
    refused: Option<Refused>,
    /// The words of the deepest cause.
    root: String,
    /// Where a connection failed.
    class: ErrorClass,
}

fn look_into(error: &reqwest::Error) -> Causes {
    let mut causes = Causes {
        refused: None,
        root: error.to_string(),
        class: ErrorClass::Connect,
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        match error.downcast_ref() {
            Some(resolver::Error::Refused(why)) => causes.refused = Some(why.clone()),
            Some(_) => causes.class = ErrorClass::Dns,
            None => {}
        }
        causes.root = error.to_string();
        if let Some(objection) = tls::objection(error) {
            causes.class = ErrorClass::Tls;
            causes.root.push_str(help(&objection));
            break;
        }
        cause = error.source();
    }
    causes
}

/// What the owner of the callback can do about it.
fn help(objection: &Objection) -> &'static str {
    match objection {
        Objection::UnknownAuthority => {
            "; where the callback has an authority of its own, set event.notification.tls.ca"
        }
        Objection::ClientCertificate => {
            "; the callback wants another client certificate: see event.notification.tls.client.certificate"
        }
        Objection::Other => "",
    }
}

/// The headers that fit, as a JSON object; of one that came several times the last.
fn kept(headers: &HeaderMap) -> Option<String> {
    let mut size = 0;
    let mut kept = serde_json::Map::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        size += name.as_str().len() + value.len();
        if size > RESPONSE_LIMIT {
            break;
        }
        kept.insert(name.to_string(), serde_json::Value::from(value));
    }
    (!kept.is_empty()).then(|| serde_json::Value::from(kept).to_string())
}

/// The status counts once it is there; a body that cannot be read does not take an acceptance back.
async fn read(response: Response) -> Answer {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let headers = kept(response.headers());
    let response = match http::read_limited(response, RESPONSE_LIMIT).await {
        Ok((body, _)) if !body.is_empty() => Some(text(&body)),
        Ok(_) | Err(_) => None,
    };
    Answer {
        status,
        retry_after,
        response,
        headers,
    }
}

/// The bytes as text that every store can hold: PostgreSQL refuses NUL.
fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}");
    // A replaced byte has become three.
    text.truncate(text.floor_char_boundary(RESPONSE_LIMIT));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_as_it_is() {
        assert_eq!(text("übel".as_bytes()), "übel");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_never_grow_beyond_the_limit() {
        let kept = text(&[0xff; RESPONSE_LIMIT]);

        assert!(kept.len() <= RESPONSE_LIMIT, "{}", kept.len());
        assert!(kept.chars().all(|c| c == '\u{fffd}'));
    }

    #[test]
    fn nul_is_replaced() {
        assert_eq!(text(b"a\0b"), "a\u{fffd}b");
    }

    #[test]
    fn a_timeout_is_told_in_the_units_of_the_configuration() {
        let told = NoAnswer::Timeout(Duration::from_secs(15)).to_string();

        assert_eq!(told, "no answer within 15s");
    }
}
