use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Conduct, Proxy, host_and_port};

const SOON: Duration = Duration::from_secs(10);

/// Says back whatever is said.
async fn echo() -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let (mut from, mut to) = stream.split();
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    (address, tasks)
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// What comes back within the limit: none is silence, an empty text the end.
async fn answer(stream: &mut TcpStream, limit: Duration) -> Option<String> {
    let mut buffer = [0; 64];
    let read = timeout(limit, stream.read(&mut buffer)).await.ok()?;
    let count = read.unwrap_or_default();
    Some(String::from_utf8_lossy(&buffer[..count]).into_owned())
}

async fn asked(stream: &mut TcpStream) -> Option<String> {
    // A connection that is closed may be found so when it is written to.
    drop(stream.write_all(b"hello").await);
    answer(stream, SOON).await
}

#[tokio::test]
async fn an_open_way_passes_everything_on() {
    let (address, _echo) = echo().await;
    let proxy = Proxy::to(&address, 1).await.unwrap();

    let mut stream = connect(&proxy).await;

    assert_eq!(asked(&mut stream).await.as_deref(), Some("hello"));
}

#[tokio::test]
async fn a_cut_closes_what_stands_and_lets_new_ones_through() {
    let (address, _echo) = echo().await;
    let proxy = Proxy::to(&address, 1).await.unwrap();
    let mut stream = connect(&proxy).await;
    asked(&mut stream).await;

    proxy.cut();

    assert_eq!(answer(&mut stream, SOON).await.as_deref(), Some(""));
    let mut next = connect(&proxy).await;
    assert_eq!(asked(&mut next).await.as_deref(), Some("hello"));
}

#[tokio::test]
async fn a_refused_way_closes_what_comes_until_it_is_open_again() {
    let (address, _echo) = echo().await;
    let proxy = Proxy::to(&address, 1).await.unwrap();

    proxy.behave(Conduct::REFUSED);
    let mut stream = connect(&proxy).await;
    assert_eq!(asked(&mut stream).await.as_deref(), Some(""));

    proxy.behave(Conduct::OPEN);
    let mut stream = connect(&proxy).await;
    assert_eq!(asked(&mut stream).await.as_deref(), Some("hello"));
}

#[tokio::test]
async fn a_connection_that_was_half_open_stays_silent_and_a_later_one_works() {
    let (address, _echo) = echo().await;
    let proxy = Proxy::to(&address, 1).await.unwrap();
    let mut stream = connect(&proxy).await;
    asked(&mut stream).await;

    proxy.behave(Conduct::HALF_OPEN);
    let mut during = connect(&proxy).await;
    stream.write_all(b"hello").await.unwrap();
    let silence = Duration::from_millis(200);
    assert_eq!(answer(&mut stream, silence).await, None);
    proxy.behave(Conduct::OPEN);

    for silent in [&mut stream, &mut during] {
        silent.write_all(b"hello").await.unwrap();
        assert_eq!(answer(silent, silence).await, None);
    }
    let mut later = connect(&proxy).await;
    assert_eq!(asked(&mut later).await.as_deref(), Some("hello"));
}

#[tokio::test]
async fn a_late_way_is_late_in_both_directions() {
    let (address, _echo) = echo().await;
    let proxy = Proxy::to(&address, 1).await.unwrap();
    proxy.behave(Conduct::late(Duration::from_millis(100)));
    let mut stream = connect(&proxy).await;

    let begin = Instant::now();

    assert_eq!(asked(&mut stream).await.as_deref(), Some("hello"));
    assert!(begin.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_cutting_way_ends_a_connection_within_a_message() {
    let (address, _echo) = echo().await;
    let proxy = Proxy::to(&address, 1).await.unwrap();
    proxy.behave(Conduct::cutting(1.0));
    let mut stream = connect(&proxy).await;

    stream.write_all(b"hello").await.unwrap();

    // Half of it reached the other side; whether its echo comes back before the end is a race.
    let got = answer(&mut stream, SOON).await;
    assert!(matches!(got.as_deref(), Some("" | "h" | "he")), "{got:?}");
}

#[test]
fn the_authority_of_a_url_is_found_with_and_without_a_user() {
    for (url, expected) in [
        ("amqp://guest:guest@127.0.0.1:5672/%2f", "127.0.0.1:5672"),
        ("postgres://ie:pw@127.0.0.1:5432/ie?a=b@c", "127.0.0.1:5432"),
        ("http://127.0.0.1:80/v3.1", "127.0.0.1:80"),
        ("127.0.0.1:80", "127.0.0.1:80"),
    ] {
        assert_eq!(host_and_port(url), expected);
    }
}
