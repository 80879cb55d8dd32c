//! What the scheduler says of the whole system: how late polls are, how short of requests the accounts are, how deep the
//! queues are.
//!
//! A task of its own, so that it goes on saying so while nothing can be published.

use std::time::Duration;

use ie_broker::Broker;
use ie_model::Queue;
use ie_platform::{Context, Lifecycle, SharedClock};
use ie_store::Store;
use metrics::gauge;
use tokio::time::{MissedTickBehavior, interval};

use crate::tick::Parts;

/// How often it looks: about as often as the numbers are asked for.
const PERIOD: Duration = Duration::from_secs(15);

/// Starts the task on the context's lifecycle.
pub(crate) fn start(context: &Context, parts: &Parts) {
    describe();
    let (store, broker) = (parts.store.clone(), parts.broker.clone());
    let task = run(
        (store, broker),
        context.clock.clone(),
        context.lifecycle.clone(),
    );
    context.lifecycle.spawn("gauges", task);
}

fn describe() {
    metrics::describe_histogram!(
        "ie_poll_lag_seconds",
        "How long pollers had been due when they were claimed"
    );
    metrics::describe_gauge!(
        "ie_poll_overdue_seconds",
        "For how long the poller has been due that is due for the longest"
    );
    metrics::describe_gauge!(
        "ie_budget_left_ratio",
        "What is left of the day's requests to the account with the smallest share left; 1 is all"
    );
    metrics::describe_gauge!(
        "ie_accounts_out_of_budget",
        "Insightly accounts whose requests of the day are used up"
    );
    metrics::describe_gauge!(
        "ie_queue_messages",
        "Messages of a queue, with its partitions and its bulk queue: ready, waiting for a retry, dead"
    );
}

async fn run(
    (store, broker): (Store, Broker),
    clock: SharedClock,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while lifecycle.run_until_stopped(ticks.tick()).await.is_some() {
        let look = async {
            tell_of_store(&store, &clock).await;
            tell_of_queues(&broker).await;
        };
        if lifecycle.run_until_stopped(look).await.is_none() {
            break;
        }
    }
    Ok(())
}

/// A number that cannot be known is none: an old one would look like a good one. Why is the scheduler's own to tell.
async fn tell_of_store(store: &Store, clock: &SharedClock) {
    let overdue = store.overdue(clock.now()).await;
    let overdue = overdue.map_or(f64::NAN, |overdue| overdue.as_secs_f64());
    gauge!("ie_poll_overdue_seconds").set(overdue);
    let shortage = store.shortage(clock.now()).await;
    let (left, spent) = shortage.map_or((f64::NAN, f64::NAN), |shortage| {
        (shortage.least_left, shortage.spent as f64)
    });
    gauge!("ie_budget_left_ratio").set(left);
    gauge!("ie_accounts_out_of_budget").set(spent);
}

async fn tell_of_queues(broker: &Broker) {
    for queue in [Queue::Poll, Queue::Changes] {
        let depth = broker.depth(queue).await.ok();
        let states = [
            ("ready", depth.map(|depth| depth.ready)),
            ("waiting", depth.map(|depth| depth.waiting)),
            ("dead", depth.map(|depth| depth.dead)),
        ];
        for (state, messages) in states {
            let messages = messages.map_or(f64::NAN, |messages| messages as f64);
            gauge!("ie_queue_messages", "queue" => queue.name(), "state" => state).set(messages);
        }
    }
}
