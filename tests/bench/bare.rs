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

/// Sends every request, so many at once; gives how many per second.
pub(crate) async fn requests_per_second(
    client: &Client,
    requests: Vec<Request>,
    at_once: usize,
) -> anyhow::Result<f64> {
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
    for worker in workers {
        worker.await??;
    }
    Ok(requests.len() as f64 / started.elapsed().as_secs_f64())
}

async fn work(client: &Client, requests: &[Request], next: &AtomicUsize) -> anyhow::Result<()> {
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        let request = request
            .try_clone()
            .expect("a body of bytes can be sent again");
        let response = client.execute(request).await?.error_for_status()?;
        drop(response.bytes().await?);
    }
    Ok(())
}
