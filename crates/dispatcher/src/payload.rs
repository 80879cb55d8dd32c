//! What goes over the wire: the stored bytes or their compressed form, and the headers that say which.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use ie_model::Notification;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};

/// The bytes to post; `headers` say what they are.
///
/// Signatures are over the JSON, which every receiver has once its framework has unpacked the body.
pub(crate) fn make(notification: &Notification, gzip: bool, headers: &mut HeaderMap) -> Bytes {
    let media_type = HeaderValue::from_static(notification.media_type.as_str());
    headers.insert(CONTENT_TYPE, media_type);
    let json = notification.body.get().as_bytes();
    if !gzip {
        return Bytes::copy_from_slice(json);
    }
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    compressed(json).into()
}

fn compressed(json: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 2), Compression::fast());
    encoder
        .write_all(json)
        .and_then(|()| encoder.finish())
        .expect("writing into memory does not fail")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use ie_model::{InstanceId, MediaType, NotificationId};
    use serde_json::value::RawValue;

    use super::*;

    fn notification(media_type: MediaType) -> Notification {
        Notification {
            id: NotificationId(1042),
            instance: InstanceId(17),
            resource: "contacts".to_owned(),
            created_at: chrono::DateTime::UNIX_EPOCH,
            body: RawValue::from_string(r#"{ "b": 1.50,  "a": "é" }"#.to_owned()).unwrap(),
            purpose: ie_model::Purpose::Changes,
            media_type,
        }
    }

    #[test]
    fn the_type_is_that_of_the_body_and_the_bytes_are_its_own() {
        for media_type in MediaType::ALL {
            let mut headers = HeaderMap::new();

            let bytes = make(&notification(media_type), false, &mut headers);

            assert_eq!(headers[CONTENT_TYPE], media_type.as_str());
            assert_eq!(headers.get(CONTENT_ENCODING), None);
            assert_eq!(bytes, r#"{ "b": 1.50,  "a": "é" }"#.as_bytes());
        }
    }

    #[test]
    fn a_compressed_body_says_so_and_is_the_same_once_unpacked() {
        let mut headers = HeaderMap::new();

        let bytes = make(&notification(MediaType::CloudEvent), true, &mut headers);

        assert_eq!(headers[CONTENT_ENCODING], "gzip");
        assert_eq!(headers[CONTENT_TYPE], "application/cloudevents+json");
        let mut text = String::new();
        GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
        assert_eq!(text, r#"{ "b": 1.50,  "a": "é" }"#);
    }
}
