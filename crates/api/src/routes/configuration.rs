//! `/instances/{id}/configuration`: an instance's configuration, entry by entry.

use axum::Json;
use axum::extract::{RawPathParams, State};
use serde_json::{Map, Value, json};

use super::body::Body;
use super::subject::Subject;
use crate::app::App;
use crate::connector;
use crate::draft::shown;
use crate::error::{ApiError, Result};
use crate::instances;
use crate::openapi::parameters::{OneEntry, OneInstance};
use crate::openapi::refusals::{OfChange, OfKeyCheck};
use crate::openapi::schemas::{ConfigurationEntry, EntryChange};
use crate::openapi::tags;

/// The member of a body that holds the new value.
const VALUE: &str = "propertyValue";

/// Lists the entries of an instance's configuration.
#[utoipa::path(
    get, path = "/instances/{id}/configuration", tag = tags::INSTANCES, operation_id = "listConfiguration",
    params(OneInstance),
    responses((status = 200, description = "The entries that are set, with stars for secrets.",
        body = Vec<ConfigurationEntry>))
)]
pub(super) async fn list(Subject(instance): Subject) -> Json<Vec<Value>> {
    let entries = instance.configuration.iter();
    Json(entries.map(|(key, value)| entry(key, value)).collect())
}

/// Shows one entry of an instance's configuration.
#[utoipa::path(
    get, path = "/instances/{id}/configuration/{key}", tag = tags::INSTANCES, operation_id = "getConfigurationEntry",
    params(OneInstance, OneEntry),
    responses((status = 200, description = "The entry, with stars for a secret.", body = ConfigurationEntry))
)]
pub(super) async fn get(Subject(instance): Subject, params: RawPathParams) -> Result<Json<Value>> {
    let key = key_of(&params);
    let value = instance.configuration.get(key);
    let value = value.ok_or_else(|| {
        ApiError::not_found(format!(
            "this instance has no entry {key:?} in its configuration"
        ))
    })?;
    Ok(Json(entry(key, value)))
}

/// Changes one entry of an instance's configuration.
///
/// As a `PATCH` of the instance with this entry; null removes it.
#[utoipa::path(
    patch, path = "/instances/{id}/configuration/{key}", tag = tags::INSTANCES,
    operation_id = "changeConfigurationEntry", params(OneInstance, OneEntry), request_body = EntryChange,
    responses((status = 200, description = "The entry.", body = ConfigurationEntry), OfKeyCheck, OfChange)
)]
pub(super) async fn patch(
    State(app): State<App>,
    Subject(instance): Subject,
    params: RawPathParams,
    Body(body): Body,
) -> Result<Json<Value>> {
    let key = key_of(&params).to_owned();
    let named = body.get("key").filter(|named| **named != key);
    if let Some(named) = named {
        let got = shown(named);
        return Err(ApiError::bad_request(format!(
            "key: expected {key:?}, as in the path, or none, got {got}"
        )));
    }
    let value = body.get(VALUE).ok_or_else(|| {
        ApiError::bad_request(format!(
            "{VALUE}: expected the entry's new value, or null to remove it"
        ))
    })?;
    let entries = Map::from_iter([(key.clone(), value.clone())]);
    let stored = instances::patch(&app, instance, &json!({ "configuration": entries })).await?;
    let kept = stored.instance.configuration.get(&key);
    Ok(Json(entry(&key, kept.unwrap_or(&Value::Null))))
}

fn key_of(params: &RawPathParams) -> &str {
    let key = params.iter().find(|(name, _)| *name == "key");
    key.map(|(_, key)| key).unwrap_or_default()
}

fn entry(key: &str, value: &Value) -> Value {
    let mut entry = connector::entry(key).unwrap_or_else(|| json!({ "key": key, "name": key }));
    entry[VALUE] = value.clone();
    entry
}
