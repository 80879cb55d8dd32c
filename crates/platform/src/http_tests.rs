//! The client: limits, traces, TLS, and what it does not show.

use std::net::SocketAddr;

use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::telemetry::testing::recording;

const SECOND: Duration = Duration::from_secs(1);

fn short(timeout: Duration) -> Client {
    let settings = ClientSettings {
        connect_timeout: timeout,
        timeout,
        ..ClientSettings::default()
    };
    client(&settings).unwrap()
}

async fn server_answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_call_says_who_is_calling() {
    let server = MockServer::start().await;
    let agent = concat!("insightly-events/", env!("CARGO_PKG_VERSION"));
    Mock::given(header("user-agent", agent))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let client = short(SECOND);

    let response = send(client.get(server.uri()), &client, "probe")
        .await
        .unwrap();

    assert_eq!(response.status(), 204);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let server = MockServer::start().await;
    let elsewhere = ResponseTemplate::new(302).insert_header("location", "/elsewhere");
    Mock::given(path("/"))
        .respond_with(elsewhere)
        .mount(&server)
        .await;
    let client = short(SECOND);

    let response = send(client.get(server.uri()), &client, "probe")
        .await
        .unwrap();

    assert_eq!(response.status(), 302);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout_and_no_failed_connection() {
    let server = server_answering(ResponseTemplate::new(200).set_delay(60 * SECOND)).await;
    let client = short(Duration::from_millis(100));

    let error = send(client.get(server.uri()), &client, "probe")
        .await
        .unwrap_err();

    assert!(error.is_timeout(), "{error:?}");
    assert!(!error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_failed_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = short(SECOND);

    let error = send(client.get(format!("http://{address}/")), &client, "probe")
        .await
        .unwrap_err();

    assert!(error.is_connect(), "{error:?}");
    assert!(!error.is_timeout(), "{error:?}");
}

#[rstest]
#[case::a_bad_address("http://")]
#[case::nobody_there("http://user:s3cr3t@127.0.0.1:1/path?token=s3cr3t")]
#[tokio::test]
async fn an_error_shows_no_address(#[case] url: &str) {
    let client = short(SECOND);

    let error = send(client.get(url), &client, "probe").await.unwrap_err();

    assert_eq!(error.url(), None);
    assert!(
        !format!("{error} {error:?}").contains("s3cr3t"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_call_is_a_client_span_that_is_handed_on_and_holds_no_query() {
    let server = server_answering(ResponseTemplate::new(404)).await;
    let address = *server.address();
    let (spans, recorder) = recording();
    let client = short(SECOND);

    let url = format!("{}/hook?token=s3cr3t", server.uri());
    send(client.get(url), &client, "deliver notification")
        .await
        .unwrap();

    drop(recorder);
    let span = spans.finished().pop().unwrap();
    let sent = &server.received_requests().await.unwrap()[0].headers["traceparent"];
    assert_eq!(span.name, "deliver notification");
    assert_eq!(span.span_kind, opentelemetry::trace::SpanKind::Client);
    assert_eq!(
        sent.to_str().unwrap(),
        format!(
            "00-{}-{}-01",
            span.span_context.trace_id(),
            span.span_context.span_id()
        )
    );
    let shown = format!("{:?} {:?}", span.attributes, span.events);
    assert!(!shown.contains("s3cr3t"), "{shown}");
    let attribute = |key: &str| {
        let found = span
            .attributes
            .iter()
            .find(|attribute| attribute.key.as_str() == key);
        found
            .map(|attribute| attribute.value.to_string())
            .unwrap_or_default()
    };
    assert_eq!(attribute("http.request.method"), "GET");
    assert_eq!(attribute("server.address"), "127.0.0.1");
    assert_eq!(attribute("server.port"), address.port().to_string());
    assert_eq!(attribute("http.response.status_code"), "404");
    assert_eq!(attribute("url.scheme"), "http");
    assert_eq!(attribute("error.type"), "404");
}

#[tokio::test]
async fn without_a_trace_nothing_is_handed_on() {
    let server = server_answering(ResponseTemplate::new(200)).await;
    let client = short(SECOND);

    send(client.get(server.uri()), &client, "probe")
        .await
        .unwrap();

    let requests = server.received_requests().await.unwrap();
    assert!(!requests[0].headers.contains_key("traceparent"));
}

#[rstest]
#[case::empty(0, 10, 0, false)]
#[case::below_the_limit(9, 10, 9, false)]
#[case::at_the_limit(10, 10, 10, false)]
#[case::above_the_limit(11, 10, 10, true)]
#[case::nothing_wanted(11, 0, 0, true)]
#[tokio::test]
async fn a_body_is_read_up_to_the_limit(
    #[case] size: usize,
    #[case] limit: usize,
    #[case] kept: usize,
    #[case] truncated: bool,
) {
    let server =
        server_answering(ResponseTemplate::new(200).set_body_string("x".repeat(size))).await;
    let client = short(SECOND);
    let response = send(client.get(server.uri()), &client, "probe")
        .await
        .unwrap();

    let read = read_limited(response, limit).await.unwrap();

    assert_eq!(read, (Bytes::from("x".repeat(kept)), truncated));
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let lifecycle = crate::Lifecycle::new();
    let server = lifecycle.spawn_detail(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let asked = stream.read(&mut [0; 1024]).await.unwrap();
        assert!(asked > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        // Writes until the client hangs up.
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let client = short(10 * SECOND);
    let response = send(client.get(format!("http://{address}/")), &client, "probe")
        .await
        .unwrap();

    let (body, truncated) = read_limited(response, 10_000).await.unwrap();

    assert_eq!((body.len(), truncated), (10_000, true));
    server.await.unwrap();
}

/// Resolves every name to one address.
#[derive(Debug)]
struct Always(SocketAddr);

impl Resolve for Always {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(async { Ok(addresses) })
    }
}

#[tokio::test]
async fn a_resolver_of_ones_own_decides_where_a_name_leads() {
    let server = server_answering(ResponseTemplate::new(200)).await;
    let settings = ClientSettings {
        resolver: Some(Arc::new(Always(*server.address()))),
        ..ClientSettings::default()
    };
    let client = client(&settings).unwrap();

    let url = format!("http://callback.invalid:{}/", server.address().port());
    let response = send(client.get(url), &client, "probe").await.unwrap();

    assert_eq!(response.status(), 200);
}
