//! A new webhook secret in place of the one before, which signs as well for a while.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ie_model::instance::secret;
use ie_model::{Instance, retiring_secret};
use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_store::PollerChanges;

use super::secrets;
use crate::app::App;
use crate::error::Result;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// How long the secret before goes on signing.
    pub(crate) grace: Duration,
}

/// What a client is told, once.
#[derive(Clone, Debug)]
pub(crate) struct Rotated {
    /// The new secret.
    pub(crate) secret: SecretString,
    /// Until when the one before signs as well; none when it does not.
    pub(crate) previous_until: Option<DateTime<Utc>>,
}

/// Replaces the webhook secret. Of earlier rotations nothing is left: no more than two secrets ever sign.
pub(crate) async fn rotate_webhook_secret(
    app: &App,
    mut instance: Instance,
    rotation: Rotation,
) -> Result<Rotated> {
    let now = app.clock.now();
    let grace = TimeDelta::from_std(rotation.grace).unwrap_or_default();
    let until = (grace > TimeDelta::zero()).then(|| now + grace);
    let (current, previous) = (secret::WEBHOOK_SECRET, secret::PREVIOUS_WEBHOOK_SECRET);
    instance.secrets.remove(previous);
    // An instance that is older than webhook secrets has none to retire.
    let until = until.filter(|_| instance.secrets.contains_key(current));
    if let Some(until) = until {
        let old = secrets::open(&app.sealer, &instance, current)?;
        let retiring = retiring_secret::write(old.expose_secret(), until).into();
        let sealed = secrets::seal_one(&app.sealer, instance.id, previous, &retiring);
        instance.secrets.insert(previous.to_owned(), sealed);
    }
    let new = secrets::new_webhook_secret();
    let sealed = secrets::seal_one(&app.sealer, instance.id, current, &new);
    instance.secrets.insert(current.to_owned(), sealed);
    let pollers = PollerChanges {
        upsert: Vec::new(),
        keep_others: true,
    };
    app.store.update_instance(&instance, &pollers).await?;
    tracing::info!(instance.id = %instance.id, grace = ?rotation.grace, "webhook secret rotated");
    Ok(Rotated {
        secret: new,
        previous_until: until,
    })
}
