//! The load: a steady stream of writes in Insightly, and hints, as from a workflow rule that says that records were saved.

use std::time::Duration;

use ie_platform::http::{self, ClientSettings};
use ie_simulator::Stream;
use tokio_util::sync::CancellationToken;

use crate::system::System;

/// How often a hint comes.
const HINTS: Duration = Duration::from_millis(500);

/// Half of the writes are new records, so that most versions are nobody's predecessors.
const CREATE: f64 = 0.5;

/// Starts to write.
pub(crate) fn write(system: &System, rate: f64) -> anyhow::Result<()> {
    let objects = [
        ("Contacts", 1.0),
        ("Organisations", 1.0),
        ("Leads", 1.0),
        ("Opportunities", 1.0),
    ];
    let stream = Stream::at_rate(rate)
        .of(&objects)
        .mixed(CREATE, 1.0 - CREATE, 0.0);
    system.insightly().start_stream(stream)?;
    Ok(())
}

/// Gives hints to one api after another until this is cancelled or the system stops.
pub(crate) fn hint(system: &System) -> anyhow::Result<CancellationToken> {
    let settings = ClientSettings {
        timeout: Duration::from_secs(2),
        ..ClientSettings::default()
    };
    let client = http::client(&settings)?;
    let (urls, lifecycle) = (system.hints.clone(), system.context.lifecycle.clone());
    let end = lifecycle.stopping().child_token();
    let ended = end.clone();
    drop(lifecycle.spawn_detail(async move {
        let giving = async {
            for url in urls.iter().cycle() {
                // The api may be away just now; the next hint comes soon.
                drop(http::send(client.post(url), &client, "hint").await);
                tokio::time::sleep(HINTS).await;
            }
        };
        ended.run_until_cancelled(giving).await.unwrap_or_default();
    }));
    Ok(end)
}
