//! Tests of [`super`] with a DNS server on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::config::NameServerConfig;
use ie_platform::Lifecycle;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;

/// Longer than anything takes that is going to happen.
const PATIENCE: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_secs(60);
const FOUND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

/// A server that knows the address of every name but of those that begin with "silent", whose questions it leaves
/// unanswered, and with "gone".
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    lifecycle: Lifecycle,
}

impl Server {
    async fn start(ttl: u32) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, lifecycle) = (Arc::clone(&asked), Lifecycle::new());
        lifecycle.spawn("names", async move {
            let mut packet = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut packet).await?;
                let Some(answer) = answer(&packet[..length], ttl, &count) else {
                    continue;
                };
                socket.send_to(&answer, from).await?;
            }
        });
        Self {
            address,
            asked,
            lifecycle,
        }
    }

    fn lookup(&self, age: Duration) -> Lookup {
        let mut server = NameServerConfig::udp(self.address.ip());
        server.connections[0].port = self.address.port();
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let mut options = ResolverOpts::default();
        options.timeout = MINUTE;
        with(config, options, Limits { age, size: 10 }).unwrap()
    }

    /// Questions for addresses of version 4.
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.lifecycle.abort();
    }
}

/// The answer to a question (RFC 1035, 4.1), which stands behind a header of twelve bytes.
fn answer(packet: &[u8], ttl: u32, asked: &AtomicUsize) -> Option<Vec<u8>> {
    let name_ends = 12 + packet[12..].iter().position(|byte| *byte == 0)? + 1;
    let question = &packet[12..name_ends + 4];
    let is_v4 = question[question.len() - 4..] == [0, 1, 0, 1];
    if is_v4 {
        asked.fetch_add(1, Ordering::SeqCst);
    }
    let name = &question[1..];
    if name.starts_with(b"silent") {
        return None;
    }
    let is_gone = name.starts_with(b"gone");
    let count = u8::from(is_v4 && !is_gone);
    let code = if is_gone { 0x83 } else { 0x80 };
    let mut answer = packet[..2].to_vec();
    answer.extend([0x81, code, 0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend(question);
    if count > 0 {
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(ttl.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(FOUND.octets());
    }
    Some(answer)
}

async fn find(lookup: &Lookup, name: &str) -> Vec<IpAddr> {
    lookup(name.to_owned()).await.unwrap()
}

/// Looks the name up again and again until the server was asked so often.
async fn until_asked(server: &Server, lookup: &Lookup, times: usize) {
    let again = async {
        while server.asked() < times {
            find(lookup, "callback.example.").await;
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, again).await.expect("it is asked again");
}

#[tokio::test]
async fn a_name_is_asked_for_once_within_its_ttl() {
    let server = Server::start(300).await;
    let lookup = server.lookup(MINUTE);

    for _ in 0..20 {
        assert_eq!(find(&lookup, "callback.example.").await, [FOUND]);
    }

    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn after_its_ttl_a_name_is_asked_for_again() {
    let server = Server::start(1).await;
    let lookup = server.lookup(MINUTE);

    until_asked(&server, &lookup, 2).await;
}

#[tokio::test]
async fn a_long_ttl_is_cut_to_what_is_configured() {
    let server = Server::start(86_400).await;
    let lookup = server.lookup(Duration::from_secs(1));

    until_asked(&server, &lookup, 2).await;
}

#[tokio::test]
async fn without_an_age_every_connection_asks() {
    let server = Server::start(300).await;
    let lookup = server.lookup(Duration::ZERO);

    find(&lookup, "callback.example.").await;
    find(&lookup, "callback.example.").await;

    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_name_that_is_gone_is_asked_for_each_time_and_told_in_words() {
    let server = Server::start(300).await;
    let lookup = server.lookup(MINUTE);

    for _ in 0..2 {
        let error = lookup("gone.example.".to_owned()).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no such name");
    }

    assert_eq!(server.asked(), 2);
}

/// One thread for blocking work, which slow names must not hold.
#[test]
fn slow_names_hold_up_neither_others_nor_blocking_work() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build();
    runtime.unwrap().block_on(async {
        let server = Server::start(300).await;
        let lookup = server.lookup(MINUTE);
        let mut slow = JoinSet::new();
        for number in 0..200 {
            slow.spawn(lookup(format!("silent{number}.example.")));
        }
        let asked = async {
            while server.asked() < 200 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, asked).await.expect("all are under way");

        let quick = timeout(PATIENCE, find(&lookup, "callback.example."));
        assert_eq!(quick.await.unwrap(), [FOUND]);
        let file = timeout(PATIENCE, tokio::task::spawn_blocking(|| 7));
        assert_eq!(file.await.unwrap().unwrap(), 7);

        assert!(slow.try_join_next().is_none(), "the slow ones still wait");
    });
}
