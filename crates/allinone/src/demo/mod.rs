//! `insightly-events demo`: the main job on one machine, with everything around it simulated.
//!
//! A simulated Insightly whose records change at a steady rate, the four services embedded, a receiver as callback.
//! As with a workflow rule of the real Insightly, saved records make the pollers due at once, so that one sees
//! events within seconds although the shortest interval is a minute.

mod config;
mod show;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use ie_platform::secret::ExposeSecret as _;
use ie_platform::{Context, Options};
use ie_simulator::{Settings, Simulator, Stream};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::cli::{DemoOptions, RunOptions};
use crate::receiver::Receiver;
use crate::remote::Remote;
use crate::{PROCESS, output, services};
use config::DemoConfig;

/// What the demonstration watches: the hub's names and Insightly's.
const RESOURCES: [(&str, &str); 4] = [
    ("contacts", "Contacts"),
    ("accounts", "Organisations"),
    ("leads", "Leads"),
    ("opportunities", "Opportunities"),
];

/// The key that the demonstration's instance signs with.
const SIGNATURE_KEY: &str = "the key of the demonstration";

/// The API key of the simulator's account.
const API_KEY: &str = "demo-key";

/// Runs until Ctrl-C, or until the events asked for have been shown.
pub(crate) fn run(run: &RunOptions, demo: DemoOptions) -> ExitCode {
    if !(demo.rate > 0.0 && demo.rate <= 1000.0) {
        output::warn("--rate: expected more than 0 and at most 1000 changes per second");
        return ExitCode::from(output::EXIT_USAGE);
    }
    let data = match tempfile::tempdir()
        .context("while creating a data directory for the demonstration")
    {
        Ok(data) => data,
        Err(error) => return output::fail(&error),
    };
    let options = Options {
        config: run.config.clone(),
    };
    let prepare = |config: &mut DemoConfig| config.prepare(data.path());
    ie_platform::run_with(
        PROCESS,
        options,
        prepare,
        async |context, config: DemoConfig| Box::pin(start(context, config, demo)).await,
    )
}

async fn start(context: Context, config: DemoConfig, demo: DemoOptions) -> anyhow::Result<()> {
    let config = config.into_inner();
    let (user, organization) = (
        config.api.bootstrap_user_secret.clone(),
        config.api.bootstrap_organization_secret.clone(),
    );
    let (user, organization) = user
        .zip(organization)
        .context("the first start makes credentials")?;

    let world = RESOURCES
        .iter()
        .fold(Settings::empty(), |world, (_, object)| {
            world.with_records(object, demo.records as usize)
        });
    let simulator = Simulator::start(world, context.clock.clone())
        .await
        .context("while starting the simulator")?;
    let (events, arriving) = mpsc::channel(1000);
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("while starting the receiver")?;
    let callback = Receiver::new(&context, events, Some(SIGNATURE_KEY.to_owned()))
        .serve(listener, &context)?;
    let running = services::start(&context, config).await?;

    let base = format!("http://{}", running.address);
    let remote = Remote::new(base, user.expose_secret(), organization.expose_secret())?;
    let (instance, hint_url) = create_instance(&remote, &simulator.base_url(), &callback).await?;
    output::warn(&format!(
        "demo: a simulated Insightly at {}, the API at {}/elements/api-v2, instance {instance} watching {}; Ctrl-C ends it",
        simulator.base_url(),
        remote.base(),
        RESOURCES.map(|(resource, _)| resource).join(", "),
    ));

    let objects = RESOURCES.map(|(_, object)| (object, 1.0));
    simulator
        .control()
        .start_stream(Stream::at_rate(demo.rate).of(&objects).mixed(0.3, 0.7, 0.0))?;
    let shown = show::Show::new(simulator.control(), context.clock.clone(), demo.events);
    context
        .lifecycle
        .spawn("show", shown.run(arriving, context.lifecycle.clone()));
    context.lifecycle.spawn(
        "workflow rule",
        save(
            context.clone(),
            remote,
            (hint_url, demo.poll_every),
            simulator,
        ),
    );
    Ok(())
}

/// Gives the instance's id, and the address that a workflow rule calls.
async fn create_instance(
    remote: &Remote,
    insightly: &str,
    callback: &str,
) -> anyhow::Result<(i64, String)> {
    let resources: serde_json::Map<_, _> = RESOURCES
        .iter()
        .map(|(resource, _)| ((*resource).to_owned(), json!({})))
        .collect();
    let body = json!({
        "element": {"key": "insightly"},
        "name": "Demonstration",
        "configuration": {
            "username": "demo@example.com",
            "password": API_KEY,
            "base.url": insightly,
            "event.notification.enabled": true,
            "event.vendor.type": "polling",
            "event.notification.callback.url": callback,
            "event.notification.signature.key": SIGNATURE_KEY,
            "event.poller.refresh_interval": "1",
            "event.poller.configuration": resources,
        }
    });
    let created = remote
        .post("/instances", body.to_string())
        .await
        .context("while creating the instance")?;
    let id = created.body["id"]
        .as_i64()
        .context("an instance without an id")?;
    let hint_url = created.body["hintUrl"]
        .as_str()
        .context("an instance without a hint URL")?;
    Ok((id, hint_url.to_owned()))
}

/// What a workflow rule does when records are saved: it says so, and the pollers are due at once.
async fn save(
    context: Context,
    remote: Remote,
    (hint_url, period): (String, Duration),
    simulator: Simulator,
) -> anyhow::Result<()> {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while context
        .lifecycle
        .run_until_stopped(ticks.tick())
        .await
        .is_some()
    {
        if let Err(error) = remote.hint(&hint_url).await {
            tracing::warn!(error = format!("{error:#}"), "the hint was not taken");
        }
    }
    simulator.stop().await;
    Ok(())
}
