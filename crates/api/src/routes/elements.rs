//! `/elements`: the connector that there is, and what it can be told.

use axum::Json;
use axum::extract::{Path, RawPathParams, Request};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::connector;
use crate::draft::{Rejection, shown};
use crate::error::Result;
use crate::openapi::parameters::OneElement;
use crate::openapi::schemas::{Connector, ConnectorSummary, Metadata};
use crate::openapi::tags;

/// The name of the path parameter.
const ELEMENT: &str = "element";

/// Lists the connectors: there is one.
#[utoipa::path(
    get, path = "/elements", tag = tags::CONNECTOR, operation_id = "listConnectors",
    responses((status = 200, description = "The connectors.", body = Vec<ConnectorSummary>))
)]
pub(super) async fn list(_: Caller) -> Json<Value> {
    Json(json!([connector::summary()]))
}

/// Describes a connector and every entry of its configuration.
#[utoipa::path(
    get, path = "/elements/{element}", tag = tags::CONNECTOR, operation_id = "getConnector", params(OneElement),
    responses((status = 200, description = "The connector.", body = Connector))
)]
pub(super) async fn get(_: Caller, Path(element): Path<String>) -> Result<Json<Value>> {
    known(&element)?;
    Ok(Json(connector::described()))
}

/// Says what a connector can do.
#[utoipa::path(
    get, path = "/elements/{element}/metadata", tag = tags::CONNECTOR, operation_id = "getConnectorMetadata",
    params(OneElement),
    responses((status = 200, description = "What it can do.", body = Metadata))
)]
pub(super) async fn metadata(_: Caller, Path(element): Path<String>) -> Result<Json<Value>> {
    known(&element)?;
    Ok(Json(connector::metadata()))
}

/// Lets requests for `/elements/{key or id}/instances…` through when that connector exists.
pub(super) async fn exists(
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Result<Response> {
    let element = params.iter().find(|(name, _)| *name == ELEMENT);
    known(element.map(|(_, element)| element).unwrap_or_default())?;
    Ok(next.run(request).await)
}

fn known(element: &str) -> Result<()> {
    if connector::is(element) {
        return Ok(());
    }
    Err(Rejection::UnknownConnector(shown(&Value::from(element))).into())
}
