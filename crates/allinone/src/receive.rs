//! `insightly-events receive`: a callback that prints what arrives.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use ie_platform::Options;
use ie_platform::config::{Config, Problems};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::cli::{ReceiveOptions, RunOptions};
use crate::output::say;
use crate::receiver::{Arrived, Receiver};
use crate::{PROCESS, output};

/// It has no settings of its own, and its health port is not in the way of a server's on the same machine.
#[derive(Debug, Serialize, Deserialize)]
struct NoConfig {}

impl Config for NoConfig {
    fn defaults() -> Vec<&'static str> {
        vec!["[telemetry]\nfilter = \"warn\"\n[health]\naddress = \"127.0.0.1:0\"\n"]
    }

    fn validate(&self, _: &mut Problems) {}
}

/// Runs until a signal.
pub(crate) fn run(run: &RunOptions, receive: ReceiveOptions) -> ExitCode {
    let options = Options {
        config: run.config.clone(),
    };
    let prepare = |_: &mut NoConfig| Ok(());
    ie_platform::run_with(PROCESS, options, prepare, async |context, _: NoConfig| {
        let listener = listen(receive.address).await?;
        let (events, mut arriving) = mpsc::channel(1000);
        let receiver = Receiver::new(&context, events, receive.signature_key);
        let url = receiver.serve(listener, &context)?;
        output::warn(&format!("receiving notifications at {url}; Ctrl-C ends it"));
        let lifecycle = context.lifecycle.clone();
        context.lifecycle.spawn("show", async move {
            while let Some(Some(arrived)) = lifecycle.run_until_stopped(arriving.recv()).await {
                say(&line(&arrived, receive.json));
            }
            Ok(())
        });
        Ok(())
    })
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("while listening on {address}: choose another with --address"))
}

fn line(arrived: &Arrived, json: bool) -> String {
    let event = &arrived.event;
    if json {
        return event.to_string();
    }
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    format!(
        "{}  {:<7}  {}/{}  changed {}  notification {}",
        arrived.at.format("%H:%M:%S%.3f"),
        text("eventType"),
        text("objectType"),
        text("objectId"),
        text("date"),
        arrived.notification,
    )
}
