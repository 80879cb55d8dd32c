//! RabbitMQ: two connections, since a broker that runs out of memory stops listening to those that publish, and
//! acknowledgements must still get through.

mod acknowledge;
mod consume;
mod declare;
mod headers;
mod inspect;
mod link;
mod publish;

use std::sync::Arc;
use std::time::Duration;

use ie_model::Queue;
use ie_platform::secret::ExposeSecret as _;
use ie_platform::{Context, Lifecycle, SharedClock};
use lapin::uri::AMQPUri;
use tokio::sync::{Mutex, Semaphore};

use crate::shard::Shard;
use crate::topology::Topology;
use crate::{Config, Error};
use declare::find_partitions;
use link::{Board, Link, Purpose};

/// How often the state of a connection is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// The largest frame, in bytes, where the address names no other (`?frame_max=`). The client keeps 32 of them for each
/// direction of a connection and goes through them again and again: with RabbitMQ's own 128 KiB that is 16 MiB of a
/// process, and more than the processor's caches hold. A longer message takes more frames.
const FRAME_MAX: u32 = 32 * 1024;

/// A RabbitMQ, and how to get to it.
#[derive(Debug)]
pub(crate) struct Amqp {
    topology: Arc<Topology>,
    publishing: Link,
    consuming: Link,
    /// One permit for each message that may be without a confirmation.
    window: Semaphore,
    publish_timeout: Duration,
    clock: SharedClock,
    /// Two looks at the dead letters at once would hide them from each other.
    looking: Mutex<()>,
}

impl Amqp {
    /// Opens the publishing connection, with patience for a broker that is not there yet.
    pub(crate) async fn connect(config: &Config, context: &Context) -> Result<Arc<Self>, Error> {
        let uri = address(config)?;
        let topology = Arc::new(Topology::new(config));
        let board = Board::new(context.health.component("broker"));
        let link = |purpose: Purpose| {
            let name = format!("{} {}", context.process.name, purpose.label());
            Link::new(
                purpose,
                name,
                uri.clone(),
                (Arc::clone(&topology), board.clone()),
            )
            .with_limit(config.connect_timeout)
        };
        let amqp = Arc::new(Self {
            publishing: link(Purpose::Publishing),
            consuming: link(Purpose::Consuming),
            window: Semaphore::new(config.publish_window),
            publish_timeout: config.publish_timeout,
            clock: Arc::clone(&context.clock),
            looking: Mutex::new(()),
            topology,
        });
        amqp.first_connection(&context.lifecycle).await?;
        let watched = Arc::downgrade(&amqp);
        let lifecycle = context.lifecycle.clone();
        context.lifecycle.spawn_detail(async move {
            // Ends with the soft stop, so that no drain waits for it, or when nobody has the broker any more.
            while let Some(amqp) = watched.upgrade() {
                let look = async {
                    amqp.publishing.keep().await;
                    drop(amqp);
                    tokio::time::sleep(WATCH_INTERVAL).await;
                };
                if lifecycle.run_until_stopped(look).await.is_none() {
                    break;
                }
            }
        });
        Ok(amqp)
    }

    /// Every shard that may hold messages.
    pub(crate) fn shards(&self, queue: Queue) -> Vec<Shard> {
        self.topology.shards(queue)
    }

    async fn first_connection(&self, lifecycle: &Lifecycle) -> Result<(), Error> {
        loop {
            let attempt = async {
                let session = self.publishing.session().await?;
                find_partitions(&session, &self.topology).await
            };
            match lifecycle.run_until_stopped(attempt).await {
                Some(Ok(())) => return Ok(()),
                Some(Err(Error::Disconnected { .. })) => (),
                Some(Err(error)) => return Err(error),
                None => return Err(Error::disconnected("stopped before there was a connection")),
            }
        }
    }
}

fn address(config: &Config) -> Result<AMQPUri, Error> {
    // The text of the error may hold a part of the address, the address itself holds a password.
    let parsed = config.url.expose_secret().parse::<AMQPUri>();
    let mut uri = parsed.map_err(|_| Error::Url("it cannot be parsed".to_owned()))?;
    let seconds = u16::try_from(config.heartbeat.as_secs()).unwrap_or(u16::MAX);
    uri.query.heartbeat = uri.query.heartbeat.or(Some(seconds));
    uri.query.frame_max = uri.query.frame_max.or(Some(FRAME_MAX));
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("amqp://localhost/%2f", FRAME_MAX)]
    #[case("amqp://localhost/%2f?frame_max=65536", 65_536)]
    fn frames_are_small_unless_the_address_says_otherwise(#[case] url: &str, #[case] most: u32) {
        let config = Config {
            url: url.into(),
            ..Config::default()
        };

        assert_eq!(address(&config).unwrap().query.frame_max, Some(most));
    }
}
