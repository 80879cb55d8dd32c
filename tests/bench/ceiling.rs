//! The most that any dispatcher could do here: the queue's messages, posted by the bare client and acknowledged. Nothing
//! is checked, signed or recorded.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use ie_broker::{Broker, ConsumerSettings, Delivery, Failure, Handler};
use ie_model::{InstanceId, Notification};
use ie_platform::Lifecycle;
use reqwest::Client;

use crate::bare;
use crate::running::PATIENCE;
use crate::scene::Scene;

/// How it consumes and calls.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// Messages under way at once.
    pub(crate) at_once: usize,
    /// Connections kept to each callback.
    pub(crate) connections: usize,
}

struct Post {
    client: Client,
    urls: HashMap<InstanceId, String>,
}

#[async_trait]
impl Handler<Notification> for Post {
    async fn handle(&self, notification: Notification, _: &Delivery) -> Result<(), Failure> {
        let request = self
            .client
            .post(&self.urls[&notification.instance])
            .header("content-type", "application/json")
            .header("elements-webhook-id", notification.id.to_string())
            .body(notification.body.get().to_owned())
            .build()
            .map_err(Failure::retry)?;
        let response = self.client.execute(request).await;
        let response = response.map_err(Failure::retry)?;
        let response = response.error_for_status().map_err(Failure::retry)?;
        response.bytes().await.map_err(Failure::retry)?;
        Ok(())
    }
}

/// Deliveries per second, from the first arrival to the last, of what the queue holds.
pub(crate) async fn measure(
    scene: &Scene,
    broker: &Broker,
    (count, window): (usize, Window),
) -> anyhow::Result<f64> {
    scene.callbacks.clear();
    let ids = scene.instances.iter().copied().map(InstanceId);
    let post = Post {
        client: bare::client(window.connections)?,
        urls: ids.zip(scene.callbacks.urls()).collect(),
    };
    let settings = ConsumerSettings {
        prefetch: u16::try_from(window.at_once)?,
    };
    let lifecycle = Lifecycle::new();
    let consumer = {
        let (broker, lifecycle) = (broker.clone(), lifecycle.clone());
        let consuming = lifecycle.clone();
        lifecycle
            .spawn_detail(async move { broker.consume(settings, Arc::new(post), &consuming).await })
    };
    scene.callbacks.wait_for(count, PATIENCE).await?;
    let arrivals = scene.callbacks.arrivals();
    anyhow::ensure!(arrivals.len() == count, "{} arrivals", arrivals.len());
    lifecycle.stop();
    consumer.await??;
    let took = arrivals[count - 1].at - arrivals[0].at;
    Ok((count - 1) as f64 / took.as_secs_f64())
}
