//! The extra headers that a callback's owner asked for, from their JSON.

use ie_model::is_reserved_header;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// The extra headers cannot be used. Values are not shown: they may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    /// Not JSON, or not an object.
    #[error("event.notification.callback.headers is no JSON object of names and values")]
    NoObject,
    /// A name that HTTP does not allow.
    #[error("event.notification.callback.headers: {0:?} is no name of a header")]
    Name(String),
    /// A value that HTTP does not allow.
    #[error(
        "event.notification.callback.headers: the value of {0:?} is no value of a header, \
         expected a text without line breaks"
    )]
    Value(String),
}

/// Reads a JSON object of names and values; reserved names are left out.
pub(crate) fn parse(json: &str) -> Result<HeaderMap, Invalid> {
    let object: Map<String, Value> = serde_json::from_str(json).map_err(|_| Invalid::NoObject)?;
    let mut headers = HeaderMap::with_capacity(object.len());
    for (name, value) in &object {
        let header: HeaderName = name.parse().map_err(|_| Invalid::Name(name.clone()))?;
        if is_reserved_header(header.as_str()) {
            continue;
        }
        let invalid = || Invalid::Value(name.clone());
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return Err(invalid()),
        };
        let mut value = HeaderValue::from_str(text.trim()).map_err(|_| invalid())?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn names_and_values_become_headers() {
        let headers = parse(r#"{"X-Tenant": "7", "Authorization": " Bearer t ", "X-Count": 3}"#);

        let headers = headers.unwrap();
        assert_eq!(headers.len(), 3);
        assert_eq!(headers["x-tenant"], "7");
        assert_eq!(headers["authorization"], "Bearer t");
        assert_eq!(headers["x-count"], "3");
        assert!(headers.values().all(HeaderValue::is_sensitive));
    }

    #[rstest]
    #[case("Host")]
    #[case("CONTENT-LENGTH")]
    #[case("content-type")]
    #[case("Transfer-Encoding")]
    #[case("Connection")]
    #[case("TE")]
    #[case("Upgrade")]
    #[case("Elements-Webhook-Signature")]
    #[case("webhook-id")]
    #[case("traceparent")]
    fn a_reserved_name_is_left_out(#[case] name: &str) {
        let headers = parse(&format!(r#"{{"{name}": "mine", "x-kept": "yes"}}"#)).unwrap();

        assert_eq!(headers.len(), 1);
        assert_eq!(headers["x-kept"], "yes");
    }

    #[rstest]
    #[case("[]", Invalid::NoObject)]
    #[case("X-A: b", Invalid::NoObject)]
    #[case(r#"{"a b": "c"}"#, Invalid::Name("a b".to_owned()))]
    #[case(r#"{"a": "b\r\nHost: evil"}"#, Invalid::Value("a".to_owned()))]
    #[case(r#"{"a": ["b"]}"#, Invalid::Value("a".to_owned()))]
    #[case(r#"{"a": null}"#, Invalid::Value("a".to_owned()))]
    fn what_is_no_header_is_named_without_its_value(#[case] json: &str, #[case] expected: Invalid) {
        let invalid = parse(json).unwrap_err();

        assert_eq!(invalid, expected);
        assert!(!invalid.to_string().contains("evil"));
    }
}
