//! Kinds of failed deliveries in plain words.

use ie_model::ErrorClass;

/// What kind of failure it was, and what to do about it.
pub(super) fn words(class: Option<ErrorClass>) -> (&'static str, &'static str) {
    match class {
        None => (
            "Not attempted",
            "No attempt was made: look at the reason of each. Redrive them once it is mended.",
        ),
        Some(ErrorClass::Configuration) => (
            "The callback's configuration cannot be used",
            "Edit the instance: its callback URL, a header or a secret is not usable. Then redrive.",
        ),
        Some(ErrorClass::RefusedAddress) => (
            "The callback's address may not be called",
            "It leads into a private network. The operator can allow it with dispatcher.allow_networks; then redrive.",
        ),
        Some(ErrorClass::Dns) => (
            "The callback's name has no address",
            "Check the host name in the callback URL and its DNS record. Then redrive.",
        ),
        Some(ErrorClass::Connect) => (
            "The callback cannot be reached",
            "Nothing answered at that address. Start the receiver, or open the way to it. Then redrive.",
        ),
        Some(ErrorClass::Tls) => (
            "The callback's certificate is not accepted",
            "Renew it, or serve the whole chain. Then redrive.",
        ),
        Some(ErrorClass::Timeout) => (
            "The callback does not answer in time",
            "Have the receiver accept at once and work later. Then redrive.",
        ),
        Some(ErrorClass::Broken) => (
            "The connection to the callback broke",
            "The receiver, or something before it, closes connections in the middle. Then redrive.",
        ),
        Some(ErrorClass::Redirect) => (
            "The callback redirects",
            "Redirects are not followed: put the final address into the callback URL. Then redrive.",
        ),
        Some(ErrorClass::Client) => (
            "The callback refuses (4xx)",
            "The receiver says that the request is not right for it: compare path, credentials and signature key. Then redrive.",
        ),
        Some(ErrorClass::Gone) => (
            "The callback is gone (410)",
            "The receiver asked not to be called any more, so the instance was switched off. Resume it and redrive, or discard.",
        ),
        Some(ErrorClass::Server) => (
            "The callback fails (5xx)",
            "The receiver itself is failing: look at its log. Redrive once it is well.",
        ),
    }
}
