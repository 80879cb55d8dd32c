//! Which headers of a callback are not its owner's to set.

/// They frame the message, belong to one connection only (RFC 9110, 7.6.1), or are ours.
const RESERVED: [&str; 15] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Beginnings of the headers by which a receiver tells that a notification is ours, and of those for proxies.
const RESERVED_PREFIXES: [&str; 3] = ["elements-webhook-", "webhook-", "proxy-"];

/// Whether a header is set by this service alone, however its name is written.
pub fn is_reserved_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    RESERVED.contains(&name.as_str())
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Host")]
    #[case("CONTENT-LENGTH")]
    #[case("content-type")]
    #[case("Content-Encoding")]
    #[case("Transfer-Encoding")]
    #[case("Connection")]
    #[case("Keep-Alive")]
    #[case("Proxy-Authorization")]
    #[case("proxy-connection")]
    #[case("TE")]
    #[case("Trailer")]
    #[case("Upgrade")]
    #[case("Elements-Webhook-Signature")]
    #[case("webhook-id")]
    #[case("traceparent")]
    fn what_frames_a_message_or_proves_its_sender_is_reserved(#[case] name: &str) {
        assert!(is_reserved_header(name));
    }

    #[rstest]
    #[case("Authorization")]
    #[case("X-Host")]
    #[case("Accept")]
    #[case("x-webhook-id")]
    fn the_rest_is_the_owners(#[case] name: &str) {
        assert!(!is_reserved_header(name));
    }
}
