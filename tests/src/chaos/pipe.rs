//! One direction of a connection: bytes come, wait as long as the way is late, and go on, or are cut.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::Conduct;

/// Bytes that are read at once.
const CHUNK: usize = 16 * 1024;

/// Chunks on the way at the most: beyond that the sender waits, as for a full window.
const IN_FLIGHT: usize = 256;

struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
    /// It is the last one, cut in the middle.
    cut: bool,
}

/// Passes bytes on until an end closes or a chunk is cut.
pub(super) async fn pass(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    conduct: watch::Receiver<Conduct>,
    seed: u64,
) {
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    tokio::join!(
        read(from, sender, conduct, StdRng::seed_from_u64(seed)),
        write(to, receiver)
    );
}

async fn read(
    mut from: ReadHalf<'_>,
    on: mpsc::Sender<Chunk>,
    conduct: watch::Receiver<Conduct>,
    mut dice: StdRng,
) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let Conduct { latency, cut, .. } = *conduct.borrow();
        let cut = dice.random_bool(cut.clamp(0.0, 1.0));
        let kept = if cut { count / 2 } else { count };
        let chunk = Chunk {
            due: due(latency),
            bytes: buffer[..kept].to_vec(),
            cut,
        };
        if on.send(chunk).await.is_err() || cut {
            return;
        }
    }
}

fn due(latency: Duration) -> Instant {
    Instant::now() + latency
}

async fn write(mut to: WriteHalf<'_>, mut chunks: mpsc::Receiver<Chunk>) {
    while let Some(chunk) = chunks.recv().await {
        sleep_until(chunk.due).await;
        if to.write_all(&chunk.bytes).await.is_err() || chunk.cut {
            return;
        }
    }
}
