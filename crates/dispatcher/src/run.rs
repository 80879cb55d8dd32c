//! Builds the dispatcher and starts its tasks.

use std::sync::Arc;

use anyhow::Context as _;
use ie_broker::{Broker, ConsumerSettings};
use ie_model::{Notification, Queue};
use ie_platform::http::ClientSettings;
use ie_platform::seal::Sealer;
use ie_platform::tls::Tls;
use ie_platform::{Context, OutgoingConfig};
use ie_store::Store;

use crate::Config;
use crate::address::Rules;
use crate::breaker::Breakers;
use crate::call::Caller;
use crate::callback::Target;
use crate::callbacks::Callbacks;
use crate::changed_schedule;
use crate::clients::Clients;
use crate::deliver::Deliverer;
use crate::memory::Memory;
use crate::rate::Rates;
use crate::reconcile::{self, Reconciler};
use crate::recorder::{self, Recorder};
use crate::resolver::Resolver;
use crate::slots::{Limits, Slots};
use crate::standing::Standing;
use crate::telling;

/// What a dispatcher needs from its process.
pub struct Parts {
    /// Where notifications come from.
    pub broker: Broker,
    /// Where callbacks and attempts are kept.
    pub store: Store,
    /// Opens the callbacks' secrets.
    pub sealer: Sealer,
    /// What holds for addresses that clients name.
    pub outgoing: OutgoingConfig,
    /// How notifications are delivered.
    pub config: Config,
}

/// Starts the dispatcher on the context's lifecycle and returns.
///
/// After the soft stop it takes no further notification and finishes those under way.
pub async fn run(context: Context, parts: Parts) -> anyhow::Result<()> {
    let Parts {
        broker,
        store,
        sealer,
        outgoing,
        config,
    } = parts;
    let rules = config.rules(outgoing);
    telling::describe();
    let settings = ConsumerSettings {
        prefetch: config.prefetch,
    };
    let window = broker.window(Queue::Changes, config.prefetch);
    let deliverer = build(&context, store.clone(), sealer, rules, (&config, window))?;
    let listens = !config.operational_url.trim().is_empty();
    let remembered = store.remember_operator(listens).await;
    remembered.context("while noting whether the operator wants notices")?;
    let schedule = config.schedule().delays;
    let (clock, stop) = (Arc::clone(&context.clock), context.lifecycle.clone());
    context.lifecycle.spawn(
        "change of the retry schedule",
        changed_schedule::run(store, schedule, clock, stop),
    );
    let reconciler = Reconciler {
        store: deliverer.store.clone(),
        broker: broker.clone(),
        clock: Arc::clone(&context.clock),
        period: config.reconcile,
    };
    let comparing = reconcile::run(reconciler, context.lifecycle.clone());
    context.lifecycle.spawn("dead letters", comparing);
    let lifecycle = context.lifecycle.clone();
    context.lifecycle.spawn("dispatcher", async move {
        broker
            .consume::<Notification, Deliverer>(settings, Arc::new(deliverer), &lifecycle)
            .await
            .context("while consuming notifications")
    });
    tracing::info!(dispatcher.prefetch = config.prefetch, "dispatcher started");
    Ok(())
}

pub(crate) fn build(
    context: &Context,
    store: Store,
    sealer: Sealer,
    rules: Rules,
    (config, window): (&Config, u16),
) -> anyhow::Result<Deliverer> {
    let clients = clients(rules.clone(), config)?;
    let caller = Caller {
        clients: Arc::clone(&clients),
        rules,
        timeout: config.timeout,
    };
    let grouping = recorder::Settings {
        batch: config.record_batch,
        linger: config.record_linger,
        limit: config.record_limit,
    };
    let remembered = Memory::new(config.callbacks());
    Ok(Deliverer {
        clock: Arc::clone(&context.clock),
        recorder: Recorder::start(store.clone(), grouping, &context.lifecycle),
        callbacks: Callbacks::new(
            store.clone(),
            sealer,
            remembered,
            operator(config)?,
            clients,
        ),
        standing: Standing {
            clock: Arc::clone(&context.clock),
            store: store.clone(),
            disable_after: config.disable_after,
        },
        store,
        breakers: Breakers::new(config.breaker()),
        rates: Rates::new(config.park()),
        slots: Slots::new(limits(config, window)),
        caller,
        schedule: config.schedule(),
    })
}

fn clients(rules: Rules, config: &Config) -> anyhow::Result<Arc<Clients>> {
    let resolver =
        Resolver::new(rules, config.names()).context("while preparing to resolve names")?;
    let settings = ClientSettings {
        connect_timeout: config.connect_timeout,
        timeout: config.timeout,
        resolver: Some(Arc::new(resolver)),
        ..ClientSettings::default()
    };
    let tls = Tls::of_system().context("while reading the system's certificate authorities")?;
    Ok(Arc::new(Clients::new(settings, tls, config.connections())))
}

fn operator(config: &Config) -> anyhow::Result<Target> {
    let callback = config.operator().map_err(anyhow::Error::msg)?;
    Ok(match callback {
        Some(callback) => Target::Ready(Arc::new(callback)),
        None => Target::Off("the operator wants no notices (dispatcher.operational_url)".into()),
    })
}

/// A line never fills more than half of the window, so that the other callbacks' notifications get by. The window is that
/// of one shard of the queue.
fn limits(config: &Config, window: u16) -> Limits {
    Limits {
        // Nor does a callback hold more than half of it, however small the window is.
        slots: config.callback_limit.min(usize::from(window / 2)).max(1),
        line: usize::from(window / 2),
        crowd: usize::from(window / 2).max(config.callback_limit),
        park: config.park(),
    }
}
