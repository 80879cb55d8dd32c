//! Trying a configuration before it is saved: whose key it is, and what the callback says.

use std::collections::BTreeMap;

use ie_insightly::Identity;
use ie_model::instance::secret;
use ie_model::{AccountKey, Instance};
use ie_platform::secret::SecretString;
use ie_store::Principal;
use serde_json::Value;

use super::{api_key, key, secrets};
use crate::app::App;
use crate::draft::{self, Draft, Secret};
use crate::error::Result;
use crate::routes::test_event;

/// A configuration that somebody is writing, and the instance that it is to change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    /// As the body of `POST /instances`.
    pub(crate) body: &'a Value,
    /// What is there; none for a new instance.
    pub(crate) stored: Option<&'a Instance>,
}

impl Written<'_> {
    fn draft(&self, app: &App) -> Result<Draft> {
        let names = self.stored.map(|stored| stored.secrets.keys().cloned());
        let names: Vec<String> = names.into_iter().flatten().collect();
        Ok(draft::parse(self.body, &names, &app.rules)?)
    }
}

/// Asks Insightly whose key it is: two requests, as when it is saved.
pub(crate) async fn try_key(app: &App, written: Written<'_>) -> Result<Identity> {
    let draft = written.draft(app)?;
    let key = api_key(app, written.stored, &draft)?;
    key::check(app, &draft.settings.base_url, key).await
}

/// Has a dispatcher send a sample to the callback, as it would to that of an instance.
///
/// The configuration is in the store, sealed, for no longer than that takes.
pub(crate) async fn try_callback(
    app: &App,
    principal: Principal,
    written: Written<'_>,
) -> Result<Value> {
    let draft = written.draft(app)?;
    let trial = trial(app, principal, (&draft, written.stored)).await?;
    let until = trial.created_at + app.config.request_timeout;
    app.store.keep_trial(&trial, until).await?;
    let about = draft.resources.first();
    let about = about.map(|resource| (resource.name.as_str(), &resource.config));
    let told = test_event::call(app, &trial, about).await;
    if let Err(error) = app.store.end_trial(trial.id).await {
        tracing::warn!(%error, "a configuration that was tried stays until its time is over");
    }
    told
}

/// The instance that the draft would be, under an id that no instance gets.
async fn trial(
    app: &App,
    principal: Principal,
    (draft, stored): (&Draft, Option<&Instance>),
) -> Result<Instance> {
    let id = app.store.next_instance_id().await?;
    let now = app.clock.now();
    let mut sealed = BTreeMap::new();
    let mut seal = |name: &str, plain: &SecretString| {
        sealed.insert(
            name.to_owned(),
            secrets::seal_one(&app.sealer, id, name, plain),
        );
    };
    for (name, value) in &draft.secrets {
        match (value, stored) {
            // A callback has nothing to do with it.
            _ if name == secret::API_KEY => {}
            (Secret::New(plain), _) => seal(name, plain),
            (Secret::Kept, Some(stored)) => seal(name, &secrets::open(&app.sealer, stored, name)?),
            (Secret::Kept, None) => {}
        }
    }
    // An instance that is there signs as its receiver expects; a new one as it will, with a secret of its own.
    let webhook_secret = match stored {
        Some(stored) if stored.secrets.contains_key(secret::WEBHOOK_SECRET) => {
            secrets::open(&app.sealer, stored, secret::WEBHOOK_SECRET)?
        }
        _ => secrets::new_webhook_secret(),
    };
    seal(secret::WEBHOOK_SECRET, &webhook_secret);
    Ok(Instance {
        id,
        organization: principal.organization,
        user: principal.user,
        secrets: sealed,
        name: draft.name.clone(),
        tags: draft.tags.clone(),
        configuration: draft.configuration.clone(),
        settings: draft.settings.clone(),
        account: AccountKey(String::new()),
        valid: true,
        disabled: false,
        reason: None,
        hint_hash: None,
        failing_since: None,
        created_at: now,
        updated_at: now,
    })
}
