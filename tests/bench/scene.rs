//! What every measurement of deliveries needs: callbacks, an instance for each, and queues of its own for each turn.

use std::time::Duration;

use ie_broker::Broker;

use crate::callbacks::Callbacks;
use crate::queued::{Bodies, Storing};
use crate::stage::{Stage, Watching, create_instance, prefix};
use crate::world::World;

/// A distributed system with instances that nobody polls.
pub(crate) struct Scene {
    /// The system.
    pub(crate) stage: Stage,
    /// Where notifications go.
    pub(crate) callbacks: Callbacks,
    /// One for each callback, in their order.
    pub(crate) instances: Vec<i64>,
    world: World,
}

/// Queues that nobody has used yet.
pub(crate) struct Queues {
    /// Their name.
    pub(crate) prefix: String,
    /// The way to them.
    pub(crate) broker: Broker,
}

impl Scene {
    /// So many callbacks, each of which answers after `delay`.
    pub(crate) async fn start(callbacks: usize, delay: Duration) -> anyhow::Result<Self> {
        let stage = Stage::start().await?;
        let world = World::start(stage.context.clock.clone(), &[("Contacts", 200)]).await?;
        let callbacks = Callbacks::start(&stage.context.lifecycle, callbacks, delay).await?;
        let mut scene = Self {
            stage,
            callbacks,
            instances: Vec::new(),
            world,
        };
        for url in scene.callbacks.urls() {
            let instance = scene.instance(&url).await?;
            scene.instances.push(instance);
        }
        Ok(scene)
    }

    /// One more instance.
    pub(crate) async fn instance(&self, callback: &str) -> anyhow::Result<i64> {
        let watching = Watching {
            insightly: &self.world.url(),
            callback,
            resources: &["contacts"],
        };
        create_instance(&self.stage.client, watching).await
    }

    /// Bodies with real records.
    pub(crate) fn bodies(&self) -> anyhow::Result<Bodies> {
        Bodies::of(&self.world.control())
    }

    /// Notifications for every callback in turn.
    pub(crate) async fn storing(&self, bodies: Bodies) -> anyhow::Result<Storing> {
        Storing::new(&self.stage, &self.instances, bodies).await
    }

    /// Fresh queues.
    pub(crate) async fn queues(&self) -> anyhow::Result<Queues> {
        let prefix = prefix();
        let broker = self.stage.broker(&prefix).await?;
        Ok(Queues { prefix, broker })
    }

    /// Ends everything.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.world.stop().await;
        self.stage.stop().await
    }
}
