//! Creating and changing instances.

mod key;
mod pollers;
mod rotation;
mod secrets;
mod trial;
mod waiting;

pub(crate) use rotation::{Rotated, Rotation, rotate_webhook_secret};
pub(crate) use trial::{Written, try_callback, try_key};

use std::time::Duration;

use axum::http::StatusCode;
use ie_insightly::{Client, Identity};
use ie_model::instance::secret;
use ie_model::{Instance, InstanceId};
use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_platform::telemetry::current_traceparent;
use ie_store::{NewPoller, PollerChanges, Principal, Receipt, Urge};
use serde_json::Value;

use crate::app::App;
use crate::auth;
use crate::draft::{self, Draft, Secret};
use crate::error::{ApiError, Result};

/// Why an instance is off that its owner has switched off.
pub(crate) const OFF_BY_OWNER: &str = "disabled by a client of the API";

/// An instance after it was created or changed, and what is said of it just then.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// The instance.
    pub(crate) instance: Instance,
    /// What was kept without effect.
    pub(crate) warnings: Vec<String>,
}

/// An instance that is about to be stored.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The instance as it will be.
    pub(crate) stored: Stored,
    /// The webhook secret, which is told this once.
    pub(crate) webhook_secret: SecretString,
    token_hash: String,
    pollers: Vec<NewPoller>,
}

impl Prepared {
    /// Stores it; with the answer of the request that asked for it, if that has a key.
    pub(crate) async fn store(self, app: &App, receipt: Option<Receipt<'_>>) -> Result<Self> {
        let instance = &self.stored.instance;
        let created =
            app.store
                .create_instance_once(instance, &self.token_hash, &self.pollers, receipt);
        created.await.map_err(|error| match error {
            ie_store::Error::Overtaken => ApiError::new(
                StatusCode::CONFLICT,
                "another request with the same Idempotency-Key has taken this one over; send it again for its answer",
            ),
            error => error.into(),
        })?;
        tracing::info!(instance.id = %instance.id, pollers = self.pollers.len(), "instance created");
        Ok(self)
    }
}

/// Creates an instance.
pub(crate) async fn create(app: &App, principal: Principal, body: &Value) -> Result<Prepared> {
    let prepared = prepare(app, principal, body).await?;
    prepared.store(app, None).await
}

/// Makes an instance of a body, and checks its key; nothing is stored yet.
pub(crate) async fn prepare(app: &App, principal: Principal, body: &Value) -> Result<Prepared> {
    let draft = draft::parse(body, &[], &app.rules)?;
    let key = api_key(app, None, &draft)?;
    let identity = key::check(app, &draft.settings.base_url, key).await?;
    let id = app.store.next_instance_id().await?;
    let (token, webhook_secret) = (secrets::new_token(), secrets::new_webhook_secret());
    let hint_token = secrets::new_hint_token();
    let own = [
        (secret::TOKEN, &token),
        (secret::WEBHOOK_SECRET, &webhook_secret),
        (secret::HINT_TOKEN, &hint_token),
    ];
    let own = own.map(|(name, plain)| {
        let sealed = secrets::seal_one(&app.sealer, id, name, plain);
        (name.to_owned(), sealed)
    });
    let now = app.clock.now();
    let instance = Instance {
        id,
        organization: principal.organization,
        user: principal.user,
        secrets: secrets::seal(&app.sealer, id, &draft.secrets, &own.into()),
        name: draft.name,
        tags: draft.tags,
        configuration: draft.configuration,
        settings: draft.settings,
        account: identity.account,
        valid: true,
        disabled: false,
        reason: None,
        hint_hash: Some(auth::hash_secret(&hint_token)),
        failing_since: None,
        created_at: now,
        updated_at: now,
    };
    let pollers = pollers::plan(
        &draft.resources,
        &instance.settings,
        pollers::status(&instance.settings, instance.disabled),
        start(app, identity.server_date),
    );
    let warnings = draft.warnings;
    Ok(Prepared {
        stored: Stored { instance, warnings },
        webhook_secret,
        token_hash: auth::hash_secret(&token),
        pollers,
    })
}

/// Changes what the body names of an instance.
pub(crate) async fn patch(app: &App, instance: Instance, body: &Value) -> Result<Stored> {
    let merged = draft::merge(
        body,
        &instance.name,
        &instance.tags,
        &instance.configuration,
    )?;
    replace(app, instance, &merged).await
}

/// Replaces what the client decides about an instance. Its token and its history stay.
pub(crate) async fn replace(app: &App, stored: Instance, body: &Value) -> Result<Stored> {
    let names: Vec<String> = stored.secrets.keys().cloned().collect();
    let draft = draft::parse(body, &names, &app.rules)?;
    check_kept_key(app, &stored, &draft)?;
    let identity = check_if_needed(app, &stored, &draft).await?;
    let now = app.clock.now();
    let same_callback = draft.settings.callback_url == stored.settings.callback_url;
    let mut instance = Instance {
        secrets: secrets::seal(&app.sealer, stored.id, &draft.secrets, &stored.secrets),
        name: draft.name,
        tags: draft.tags,
        configuration: draft.configuration,
        settings: draft.settings,
        // How the callback before stood says nothing of another.
        failing_since: stored.failing_since.filter(|_| same_callback),
        ..stored
    };
    let refused_before = !instance.valid;
    let mut cursor = now;
    if let Some(identity) = identity {
        cursor = identity.server_date;
        instance.account = identity.account;
        // Insightly has just accepted the key; a disabled instance keeps the reason for that.
        instance.valid = true;
        instance.reason = instance.reason.filter(|_| instance.disabled);
    }
    let changes = PollerChanges {
        upsert: pollers::plan(
            &draft.resources,
            &instance.settings,
            pollers::status(&instance.settings, instance.disabled),
            start(app, cursor),
        ),
        keep_others: false,
    };
    secrets::forget_retired(&app.sealer, &mut instance, app.clock.now());
    instance.updated_at = app.store.update_instance(&instance, &changes).await?;
    waiting::reschedule(app, instance.id).await?;
    if refused_before && instance.valid {
        // Pollers of a refused key are due rarely.
        let urge = Urge {
            resource: None,
            now,
            gap: Duration::ZERO,
            modest: false,
            traceparent: None,
        };
        app.store.make_due(instance.id, urge).await?;
    }
    tracing::info!(instance.id = %instance.id, pollers = changes.upsert.len(), "instance changed");
    let warnings = draft.warnings;
    Ok(Stored { instance, warnings })
}

/// Turns an instance on or off.
pub(crate) async fn set_enabled(app: &App, instance: Instance, enabled: bool) -> Result<Instance> {
    let mut instance = Instance {
        disabled: !enabled,
        reason: match enabled {
            // Why Insightly refuses the key stays true.
            true => instance.reason.filter(|_| !instance.valid),
            false => Some(OFF_BY_OWNER.to_owned()),
        },
        ..instance
    };
    let status = pollers::status(&instance.settings, instance.disabled);
    let pollers = app.store.pollers(instance.id).await?;
    let changes = pollers::with_status(pollers, status, start(app, app.clock.now()));
    secrets::forget_retired(&app.sealer, &mut instance, app.clock.now());
    instance.updated_at = app.store.update_instance(&instance, &changes).await?;
    tracing::info!(instance.id = %instance.id, enabled, "instance turned on or off");
    Ok(instance)
}

/// Makes an instance's resources, or one of them, due now; how many they are.
pub(crate) async fn poll_now(app: &App, id: InstanceId, resource: Option<&str>) -> Result<u64> {
    let traceparent = current_traceparent();
    let urge = Urge {
        resource,
        now: app.clock.now(),
        gap: app.config.hint_gap,
        modest: false,
        traceparent: traceparent.as_deref(),
    };
    Ok(app.store.make_due(id, urge).await?)
}

/// Gives an instance another hint URL; the one before is void.
pub(crate) async fn rotate_hint(app: &App, mut instance: Instance) -> Result<Instance> {
    let token = secrets::new_hint_token();
    let sealed = secrets::seal_one(&app.sealer, instance.id, secret::HINT_TOKEN, &token);
    instance
        .secrets
        .insert(secret::HINT_TOKEN.to_owned(), sealed);
    instance.hint_hash = Some(auth::hash_secret(&token));
    let pollers = PollerChanges {
        upsert: Vec::new(),
        keep_others: true,
    };
    secrets::forget_retired(&app.sealer, &mut instance, app.clock.now());
    instance.updated_at = app.store.update_instance(&instance, &pollers).await?;
    tracing::info!(instance.id = %instance.id, "hint URL rotated");
    Ok(instance)
}

/// Where hints for an instance go; none for one that is older than hints.
pub(crate) fn hint_url(app: &App, instance: &Instance) -> Result<Option<String>> {
    if !instance.secrets.contains_key(secret::HINT_TOKEN) {
        return Ok(None);
    }
    let token = secrets::open(&app.sealer, instance, secret::HINT_TOKEN)?;
    let (base, token) = (&app.public_url, token.expose_secret());
    Ok(Some(format!("{base}/events/insightly/{token}")))
}

/// Deletes an instance.
pub(crate) async fn delete(app: &App, id: InstanceId) -> Result<()> {
    if !app.store.delete_instance(id).await? {
        return Err(ApiError::not_found(format!("there is no instance {id}")));
    }
    tracing::info!(instance.id = %id, "instance deleted");
    Ok(())
}

/// The token of an instance's `Element` credential.
pub(crate) fn token(app: &App, instance: &Instance) -> Result<SecretString> {
    secrets::open(&app.sealer, instance, secret::TOKEN)
}

/// A client key that is kept belongs to the certificate as it is now.
fn check_kept_key(app: &App, stored: &Instance, draft: &Draft) -> Result<()> {
    let tls = &draft.settings.delivery.tls;
    let (Some(certificate), Some(Secret::Kept)) =
        (&tls.certificate, draft.secrets.get(secret::CLIENT_KEY))
    else {
        return Ok(());
    };
    let key = secrets::open(&app.sealer, stored, secret::CLIENT_KEY)?;
    draft::check_pair(certificate, &key).map_err(|problem| {
        let path = draft::Path::root()
            .key("configuration")
            .key(secret::CLIENT_KEY);
        ApiError::bad_request(format!("{path}: {problem}"))
    })
}

/// Insightly is asked again when the key or the address is another, when the key was refused before,
/// and when a resource is new: that one begins at Insightly's time.
async fn check_if_needed(app: &App, stored: &Instance, draft: &Draft) -> Result<Option<Identity>> {
    let key = api_key(app, Some(stored), draft)?;
    let new_key = matches!(draft.secrets.get(secret::API_KEY), Some(Secret::New(_)));
    let known = app.store.pollers(stored.id).await?;
    let polled = |name: &str| known.iter().any(|poller| poller.resource == name);
    let new_resource = draft
        .resources
        .iter()
        .any(|resource| !polled(&resource.name));
    let other_address = draft.settings.base_url != stored.settings.base_url;
    if !(new_key || other_address || new_resource || !stored.valid) {
        return Ok(None);
    }
    let identity = key::check(app, &draft.settings.base_url, key).await?;
    Ok(Some(identity))
}

/// The key that a draft brings, or else the one that is stored.
fn api_key(app: &App, stored: Option<&Instance>, draft: &Draft) -> Result<SecretString> {
    match (draft.secrets.get(secret::API_KEY), stored) {
        (Some(Secret::New(key)), _) => Ok(key.clone()),
        (_, Some(stored)) => secrets::open(&app.sealer, stored, secret::API_KEY),
        _ => Err(ApiError::internal(anyhow::anyhow!("a draft has no key"))),
    }
}

/// Asks Insightly with the instance's key.
pub(crate) async fn ping(app: &App, instance: &Instance) -> Result<Identity> {
    let key = secrets::open(&app.sealer, instance, secret::API_KEY)?;
    key::check(app, &instance.settings.base_url, key).await
}

/// Insightly as the instance's key sees it.
pub(crate) fn insightly(app: &App, instance: &Instance) -> Result<Client> {
    let key = secrets::open(&app.sealer, instance, secret::API_KEY)?;
    key::client(app, &instance.settings.base_url, key)
}

fn start(app: &App, cursor: chrono::DateTime<chrono::Utc>) -> pollers::Start {
    pollers::Start {
        cursor: pollers::whole_seconds(cursor),
        due_at: app.clock.now(),
        spread: app.config.first_poll_spread,
    }
}
