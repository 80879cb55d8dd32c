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
    /// Requests.
    pub(crate) requests: usize,
    /// Requests per second.
    pub(crate) per_second: f64,
    /// What the answers came to, as `read` counts it.
    pub(crate) count: usize,
}

/// What is done with the body of an answer, and how much it held.
pub(crate) type Read = fn(&[u8]) -> anyhow::Result<usize>;

/// Takes the bytes and does nothing with them.
pub(crate) fn bytes(body: &[u8]) -> anyhow::Result<usize> {
    Ok(body.len())
}

/// Sends every request, so many at once.
pub(crate) async fn send_all(
    client: &Client,
    requests: Vec<Request>,
    at_once: usize,
    read: Read,
) -> anyhow::Result<Sent> {
    let lifecycle = Lifecycle::new();
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (client, requests, next) = (client.clone(), requests.clone(), next.clone());
            lifecycle.spawn_detail(async move { work(&client, &requests, (&next, read)).await })
        })
        .collect();
    let mut count = 0;
    for worker in workers {
        count += worker.await??;
    }
    Ok(Sent {
        requests: requests.len(),
        per_second: requests.len() as f64 / started.elapsed().as_secs_f64(),
        count,
    })
}

async fn work(
    client: &Client,
    requests: &[Request],
    (next, read): (&AtomicUsize, Read),
) -> anyhow::Result<usize> {
    let mut count = 0;
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        let request = request
            .try_clone()
            .expect("a body of bytes can be sent again");
        let response = client.execute(request).await?.error_for_status()?;
        count += read(&response.bytes().await?)?;
    }
    Ok(count)
}
