//! The bare client: the same requests over as many connections, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use ie_platform::Lifecycle;
use ie_platform::http::{self, ClientSettings};
use reqwest::{Client, Request};

/// A client as the services have it, without tracing, limits and checks around it.
pub(crate) fn client(connections: usize) -> anyhow::Result<Client> {
    Ok(http::client(&ClientSettings {
        pool_max_idle_per_host: connections,
        ..ClientSettings::default()
    })?)
}

/// What a bare client did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Requests per second.
    pub(crate) per_second: f64,
    /// Bytes of the answers, decompressed.
    pub(crate) bytes: usize,
}

/// Sends every request, so many at once.
pub(crate) async fn send_all(
    client: &Client,
    requests: Vec<Request>,
    at_once: usize,
) -> anyhow::Result<Sent> {
    let lifecycle = Lifecycle::new();
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (client, requests, next) = (client.clone(), requests.clone(), next.clone());
            lifecycle.spawn_detail(async move { work(&client, &requests, &next).await })
        })
        .collect();
    let mut bytes = 0;
    for worker in workers {
        bytes += worker.await??;
    }
    Ok(Sent {
        per_second: requests.len() as f64 / started.elapsed().as_secs_f64(),
        bytes,
    })
}

async fn work(client: &Client, requests: &[Request], next: &AtomicUsize) -> anyhow::Result<usize> {
    let mut bytes = 0;
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        let request = request
            .try_clone()
            .expect("a body of bytes can be sent again");
        let response = client.execute(request).await?.error_for_status()?;
        bytes += response.bytes().await?.len();
    }
    Ok(bytes)
}
