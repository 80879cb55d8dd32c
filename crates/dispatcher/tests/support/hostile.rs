//! A callback that speaks TCP itself, so that it can break every rule of HTTP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ie_platform::Lifecycle;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Longer than any call takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is written to whoever calls: a beginning, and then the same again until the caller hangs up.
#[derive(Clone, Debug)]
pub(crate) struct Attack {
    pub(crate) head: Vec<u8>,
    pub(crate) again: Vec<u8>,
    /// Between two writes.
    pub(crate) pause: Duration,
}

impl Attack {
    pub(crate) fn new(head: impl Into<Vec<u8>>, again: impl Into<Vec<u8>>) -> Self {
        Self {
            head: head.into(),
            again: again.into(),
            pause: Duration::ZERO,
        }
    }

    pub(crate) fn slowly(self) -> Self {
        Self {
            pause: Duration::from_millis(20),
            ..self
        }
    }
}

pub(crate) struct Hostile {
    address: SocketAddr,
    written: mpsc::UnboundedReceiver<usize>,
    lifecycle: Lifecycle,
}

impl Hostile {
    pub(crate) async fn start(attack: Attack) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, written) = mpsc::unbounded_channel();
        let lifecycle = Lifecycle::new();
        lifecycle.spawn("hostile", async move {
            loop {
                let (stream, _) = listener.accept().await?;
                let mut count = 0;
                // Ends with an error: the caller has hung up, and the count is what matters.
                drop(strike(stream, &attack, &mut count).await);
                if sender.send(count).is_err() {
                    // The test has ended already.
                    return Ok(());
                }
            }
        });
        Self {
            address,
            written,
            lifecycle,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// How many bytes the next caller let us write before it hung up; more than it read by what sockets buffer.
    pub(crate) async fn written(&mut self) -> usize {
        let written = timeout(PATIENCE, self.written.recv()).await;
        written.expect("the caller hangs up").unwrap()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.lifecycle.abort();
    }
}

async fn strike(mut stream: TcpStream, attack: &Attack, count: &mut usize) -> io::Result<()> {
    let mut request = vec![0; 65_536];
    if stream.read(&mut request).await? == 0 {
        return Ok(());
    }
    stream.write_all(&attack.head).await?;
    loop {
        *count += stream.write(&attack.again).await?;
        if !attack.pause.is_zero() {
            sleep(attack.pause).await;
        }
    }
}
