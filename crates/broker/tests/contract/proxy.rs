//! A TCP proxy in front of RabbitMQ that can cut its connections, refuse new ones, or go silent.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Passes everything on.
    Open,
    /// Takes bytes and passes nothing on, as a network does that lost its way.
    Silent,
    /// Closes what there is and what comes.
    Cut,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// A proxy to the host and port of an AMQP address.
    pub(crate) async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = host_and_port(url).to_owned();
        let mode = Arc::new(watch::Sender::new(Mode::Open));
        let modes = Arc::clone(&mode);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if *modes.borrow() == Mode::Cut {
                    continue;
                }
                let server = TcpStream::connect(&target).await.unwrap();
                connections.spawn(pass_both_ways(client, server, modes.subscribe()));
            }
        });
        Self {
            address,
            mode,
            _tasks: tasks,
        }
    }

    /// The same AMQP address through this proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replacen(host_and_port(url), &self.address.to_string(), 1)
    }

    /// Closes every connection and refuses new ones.
    pub(crate) fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Lets connections be, and no byte through.
    pub(crate) fn go_silent(&self) {
        self.mode.send_replace(Mode::Silent);
    }

    /// Works again.
    pub(crate) fn restore(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// Closes every connection; new ones work at once.
    pub(crate) async fn cut_once(&self) {
        self.cut();
        // The connections see the change before it is taken back.
        tokio::task::yield_now().await;
        while self.mode.receiver_count() > 0 {
            tokio::task::yield_now().await;
        }
        self.restore();
    }
}

fn host_and_port(url: &str) -> &str {
    let rest = url.split_once('@').expect("an address with a user").1;
    rest.split_once('/')
        .map_or(rest, |(authority, _)| authority)
}

async fn pass_both_ways(client: TcpStream, server: TcpStream, mode: watch::Receiver<Mode>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass(from_client, to_server, mode.clone()) => (),
        () = pass(from_server, to_client, mode) => (),
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            biased;
            cut = mode.wait_for(|mode| *mode == Mode::Cut) => { drop(cut); return }
            read = from.read(&mut buffer) => read,
        };
        let Ok(count @ 1..) = read else { return };
        let open = *mode.borrow() == Mode::Open;
        if open && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
