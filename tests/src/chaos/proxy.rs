//! The proxy on one way: it accepts, connects, and applies the way's conduct.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Conduct, Flow, hold::hold, pipe::pass};

/// A proxy on a free port; dropping it closes everything.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    conduct: watch::Sender<Conduct>,
    /// How often everything was cut.
    cuts: watch::Sender<u64>,
    _tasks: JoinSet<()>,
}

/// What a connection obeys.
#[derive(Clone)]
struct Orders {
    conduct: watch::Receiver<Conduct>,
    cuts: watch::Receiver<u64>,
}

impl Proxy {
    /// A proxy to this `host:port`; `seed` is what chance depends on.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn to(target: &str, seed: u64) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let conduct = watch::Sender::new(Conduct::OPEN);
        let cuts = watch::Sender::new(0);
        let orders = Orders {
            conduct: conduct.subscribe(),
            cuts: cuts.subscribe(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, target.to_owned(), orders, seed));
        Ok(Self {
            address,
            conduct,
            cuts,
            _tasks: tasks,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same URL through this proxy.
    pub fn url(&self, url: &str) -> String {
        url.replacen(host_and_port(url), &self.address.to_string(), 1)
    }

    /// Behaves like this from now on, on connections that stand as well.
    pub fn behave(&self, conduct: Conduct) {
        self.conduct.send_replace(conduct);
    }

    /// Closes every connection; new ones are not affected.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

/// The `host:port` of a URL, with or without a user before it.
pub fn host_and_port(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.find(['/', '?']).map_or(rest, |end| &rest[..end]);
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

async fn serve(listener: TcpListener, target: String, orders: Orders, seed: u64) {
    let mut connections = JoinSet::new();
    let mut count: u64 = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        // Out of file descriptors, say: the next one may do better.
        let Ok((client, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        count += 1;
        let seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ count;
        connections.spawn(connection(client, target.clone(), orders.clone(), seed));
    }
}

async fn connection(client: TcpStream, target: String, mut orders: Orders, seed: u64) {
    orders.cuts.mark_unchanged();
    let Orders { conduct, mut cuts } = orders;
    let mut refusals = conduct.clone();
    tokio::select! {
        biased;
        _ = refusals.wait_for(|conduct| conduct.flow == Flow::Refused) => (),
        _ = cuts.changed() => (),
        () = carry(client, target, conduct, seed) => (),
    }
}

async fn carry(
    mut client: TcpStream,
    target: String,
    conduct: watch::Receiver<Conduct>,
    seed: u64,
) {
    if conduct.borrow().flow == Flow::HalfOpen {
        return hold(client, None).await;
    }
    // A target that is not there: the client's connection is closed, as by a gateway.
    let Ok(mut server) = TcpStream::connect(&target).await else {
        return;
    };
    // Only timing depends on it.
    drop(client.set_nodelay(true));
    drop(server.set_nodelay(true));
    let mut halves = conduct.clone();
    let half_open = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            biased;
            _ = halves.wait_for(|conduct| conduct.flow == Flow::HalfOpen) => true,
            () = pass(from_client, to_server, conduct.clone(), seed) => false,
            () = pass(from_server, to_client, conduct, !seed) => false,
        }
    };
    if half_open {
        hold(client, Some(server)).await;
    }
}
