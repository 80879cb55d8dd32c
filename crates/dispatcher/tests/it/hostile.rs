//! Callbacks that answer with too much, or too slowly, cost a bounded time and memory.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use ie_model::NotificationStatus::{Failed, Notified};
use rstest::rstest;

use crate::support::{Attack, Hostile, Rig};

/// Far more than the sockets of both sides buffer, far less than a caller reads who does not stop.
const TAKEN_LIMIT: usize = 64 << 20;

/// How much of an answer is kept, as the README says.
const KEPT_LIMIT: usize = 4096;

fn endless_length() -> Attack {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\n";
    Attack::new(head, [b'x'; 65_536])
}

fn endless_chunks() -> Attack {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    Attack::new(head, chunk)
}

/// A thousand times larger when it is unpacked, and without an end.
fn gzip_bomb() -> Attack {
    let mut head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n".to_vec();
    head.extend([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![b'x'; 1 << 20]).unwrap();
        // A block that can follow itself.
        encoder.flush().unwrap();
    }
    Attack::new(head, encoder.get_ref().clone())
}

#[rstest]
#[case::length(endless_length())]
#[case::chunks(endless_chunks())]
#[case::gzip(gzip_bomb())]
#[tokio::test]
async fn of_an_endless_answer_only_the_beginning_is_read(#[case] attack: Attack) {
    let rig = Rig::start(&[("schedule", "[]")]).await;
    let mut hostile = Hostile::start(attack).await;
    let instance = rig.instance(&hostile.url()).await;

    let notification = rig.notify(instance).await;

    assert!(hostile.written().await < TAKEN_LIMIT);
    rig.reaches(&notification, Notified).await;
    let attempts = rig.attempts(&notification).await;
    let kept = attempts[0].response.as_deref().unwrap_or_default();
    assert_eq!(kept, "x".repeat(KEPT_LIMIT));
    rig.stop(0).await;
}

#[rstest]
#[case::many_headers(Attack::new("HTTP/1.1 200 OK\r\n", "x-more: and more\r\n".repeat(4096)))]
#[case::one_header(Attack::new("HTTP/1.1 200 OK\r\nx-long: ", [b'x'; 65_536]))]
#[case::status_line(Attack::new("HTTP/1.1 200 ", [b'x'; 65_536]))]
#[case::no_http(Attack::new("SSH-2.0-OpenSSH\r\n", [b'x'; 65_536]))]
#[tokio::test]
async fn an_endless_head_is_a_failed_attempt(#[case] attack: Attack) {
    let rig = Rig::start(&[("schedule", "[]")]).await;
    let mut hostile = Hostile::start(attack).await;
    let instance = rig.instance(&hostile.url()).await;

    let notification = rig.notify(instance).await;

    assert!(hostile.written().await < TAKEN_LIMIT);
    let stored = rig.reaches(&notification, Failed).await;
    let error = stored.last_error.unwrap();
    assert!(error.starts_with("the call failed"), "{error}");
    rig.stop(1).await;
}

#[rstest]
#[case::headers(Attack::new("HTTP/1.1 200 OK\r\nx-slow: ", "x").slowly())]
#[case::before_the_status(Attack::new("", "HTTP/1.1 100 Continue\r\n\r\n").slowly())]
#[tokio::test]
async fn a_head_that_drips_runs_into_the_timeout(#[case] attack: Attack) {
    let rig = Rig::start(&[("schedule", "[]"), ("timeout", "500ms")]).await;
    let mut hostile = Hostile::start(attack).await;
    let instance = rig.instance(&hostile.url()).await;

    let notification = rig.notify(instance).await;

    hostile.written().await;
    let stored = rig.reaches(&notification, Failed).await;
    assert_eq!(stored.last_error.unwrap(), "no answer within 500ms");
    rig.stop(1).await;
}

/// The status is there, so that the callback has the notification; its body is waited for no longer than a call lasts.
#[tokio::test]
async fn a_body_that_drips_ends_with_the_timeout_and_takes_no_acceptance_back() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let rig = Rig::start(&[("schedule", "[]"), ("timeout", "3s")]).await;
    let mut hostile = Hostile::start(Attack::new(head, "x").slowly()).await;
    let instance = rig.instance(&hostile.url()).await;

    let notification = rig.notify(instance).await;

    hostile.written().await;
    rig.reaches(&notification, Notified).await;
    rig.stop(0).await;
}
