//! `/hubs/crm/{resource}/{id}/addresses`: what Insightly keeps as fields of the record itself, such as
//! `ADDRESS_MAIL_CITY`, one address for each kind.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use ie_model::catalog::Object;
use serde_json::{Map, Value, json};

use super::super::body::Body;
use super::super::subject::parameter;
use super::desk::Desk;
use super::record::{self, ID};
use super::target::Record;
use crate::app::App;
use crate::draft::shown;
use crate::error::{ApiError, Result};
use crate::openapi::parameters::{HubAddress, HubRecord, HubResource};
use crate::openapi::refusals::OfInsightly;
use crate::openapi::schemas::{self, AddressFields};
use crate::openapi::tags;

/// The member that names an address' kind.
const TYPE: &str = "ADDRESS_TYPE";
/// What an address is made of.
const PARTS: [&str; 5] = ["STREET", "CITY", "STATE", "POSTCODE", "COUNTRY"];
/// The kind of the only address of an object whose fields name none.
const ONLY: &str = "PRIMARY";

/// One of the addresses that a record can have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    /// `MAIL`
    name: String,
    /// `ADDRESS_MAIL_`
    prefix: String,
}

/// One address of a record.
#[derive(Clone, Debug)]
pub(super) struct Address {
    record: Record,
    kind: Kind,
}

impl FromRequestParts<App> for Address {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let record = Record::from_request_parts(parts, app).await?;
        let name = parameter(parts, "address").await?.unwrap_or_default();
        let kinds = kinds(&record.target.object)?;
        let known = names(&kinds);
        let kind = kinds.into_iter().find(|kind| kind.name == name);
        let kind = kind.ok_or_else(|| {
            let resource = &record.target.object.hub_resource;
            ApiError::not_found(format!("{resource} have no address {name:?}, but {known}"))
        })?;
        Ok(Self { record, kind })
    }
}

/// Lists the addresses of a record that are not empty.
#[utoipa::path(
    get, path = "/hubs/crm/{resource}/{record}/addresses", tag = tags::HUB, operation_id = "listAddresses",
    params(HubResource, HubRecord),
    responses((status = 200, description = "The addresses.", body = Vec<schemas::Address>), OfInsightly)
)]
pub(super) async fn list(State(app): State<App>, record: Record) -> Result<Json<Vec<Value>>> {
    let Record { target, id } = &record;
    let kinds = kinds(&target.object)?;
    let desk = Desk::new(&app, target)?;
    let found = desk
        .ask(desk.insightly.get(&target.object.object, id))
        .await?;
    let addresses = kinds.iter().map(|kind| kind.of(&found)).filter(is_given);
    let addresses = addresses.map(|address| record::tidied(target, address));
    Ok(Json(addresses.collect()))
}

/// Gives a record the address of the kind that the body names.
#[utoipa::path(
    post, path = "/hubs/crm/{resource}/{record}/addresses", tag = tags::HUB, operation_id = "createAddress",
    params(HubResource, HubRecord), request_body = AddressFields,
    responses((status = 200, description = "The address.", body = schemas::Address), OfInsightly)
)]
pub(super) async fn create(
    State(app): State<App>,
    record: Record,
    Body(body): Body,
) -> Result<Json<Value>> {
    let kinds = kinds(&record.target.object)?;
    let known = names(&kinds);
    let named = body.get(TYPE).unwrap_or(&Value::Null);
    let kind = kinds.into_iter().find(|kind| *named == kind.name);
    let kind = kind.ok_or_else(|| {
        ApiError::bad_request(format!("$.{TYPE}: expected {known}, got {}", shown(named)))
    })?;
    let fields = kind.fields(&body)?;
    write(&app, &Address { record, kind }, fields)
        .await
        .map(Json)
}

/// Changes the parts in the body of an address, and no others.
#[utoipa::path(
    patch, path = "/hubs/crm/{resource}/{record}/addresses/{address}", tag = tags::HUB,
    operation_id = "changeAddress", params(HubResource, HubRecord, HubAddress), request_body = AddressFields,
    responses((status = 200, description = "The address.", body = schemas::Address), OfInsightly)
)]
pub(super) async fn update(
    State(app): State<App>,
    address: Address,
    Body(body): Body,
) -> Result<Json<Value>> {
    let fields = address.kind.fields(&body)?;
    write(&app, &address, fields).await.map(Json)
}

/// Changes the parts in the body of an address, and no others, as a `PATCH` does.
#[utoipa::path(
    put, path = "/hubs/crm/{resource}/{record}/addresses/{address}", tag = tags::HUB,
    operation_id = "replaceAddress", params(HubResource, HubRecord, HubAddress), request_body = AddressFields,
    responses((status = 200, description = "The address.", body = schemas::Address), OfInsightly)
)]
pub(super) async fn replace(app: State<App>, address: Address, body: Body) -> Result<Json<Value>> {
    update(app, address, body).await
}

/// Clears an address.
#[utoipa::path(
    delete, path = "/hubs/crm/{resource}/{record}/addresses/{address}", tag = tags::HUB,
    operation_id = "deleteAddress", params(HubResource, HubRecord, HubAddress),
    responses((status = 200, description = "It is empty."), OfInsightly)
)]
pub(super) async fn delete(State(app): State<App>, address: Address) -> Result<StatusCode> {
    let nothing = PARTS.map(|part| (address.kind.field(part), Value::Null));
    write(&app, &address, Map::from_iter(nothing)).await?;
    Ok(StatusCode::OK)
}

async fn write(app: &App, address: &Address, fields: Map<String, Value>) -> Result<Value> {
    let Record { target, id } = &address.record;
    let fields = record::to_update(&target.object, id, &Value::from(fields))?;
    let desk = Desk::new(app, target)?;
    let asked = desk.insightly.update(&target.object.object, &fields);
    let updated = desk.ask(asked).await?;
    Ok(record::tidied(target, address.kind.of(&updated)))
}

impl Kind {
    fn field(&self, part: &str) -> String {
        format!("{}{part}", self.prefix)
    }

    /// The record's address of this kind.
    fn of(&self, record: &Value) -> Value {
        let mut address = json!({ ID: self.name, TYPE: self.name });
        for part in PARTS {
            address[part] = record.get(self.field(part)).cloned().unwrap_or_default();
        }
        address
    }

    /// The record's fields for the parts that a body gives.
    fn fields(&self, body: &Value) -> Result<Map<String, Value>> {
        let expected = PARTS.join(", ");
        let given = body.as_object().ok_or_else(|| {
            ApiError::bad_request(format!(
                "$: expected an object of {expected}, got {}",
                shown(body)
            ))
        })?;
        let mut fields = Map::new();
        for (name, value) in given {
            if PARTS.contains(&name.as_str()) {
                fields.insert(self.field(name), value.clone());
            } else if ![ID, TYPE].contains(&name.as_str()) {
                return Err(ApiError::bad_request(format!(
                    "$.{name}: is no part of an address; expected {expected}"
                )));
            } else if *value != self.name {
                return Err(ApiError::bad_request(format!(
                    "$.{name}: expected {:?}, got {}; an address does not change its kind",
                    self.name,
                    shown(value)
                )));
            }
        }
        Ok(fields)
    }
}

/// The addresses that records of an object can have, by the names of its fields.
fn kinds(object: &Object) -> Result<Vec<Kind>> {
    let kinds = object.fields.iter().filter_map(|field| {
        let prefix = field.name.strip_suffix(PARTS[0])?;
        let name = prefix.strip_prefix("ADDRESS_")?.trim_end_matches('_');
        let name = if name.is_empty() { ONLY } else { name };
        Some(Kind {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
        })
    });
    let kinds: Vec<Kind> = kinds.collect();
    if kinds.is_empty() {
        let resource = &object.hub_resource;
        return Err(ApiError::not_found(format!(
            "{resource} have no addresses in Insightly"
        )));
    }
    Ok(kinds)
}

fn names(kinds: &[Kind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    names.join(" or ")
}

fn is_given(address: &Value) -> bool {
    let given = |part: &Value| !part.is_null() && part != "";
    PARTS.iter().any(|part| given(&address[*part]))
}

#[cfg(test)]
mod tests {
    use ie_model::catalog;
    use rstest::rstest;

    use super::*;

    fn names_of(resource: &str) -> Option<String> {
        let kinds = kinds(catalog::by_hub(resource).unwrap());
        kinds.ok().map(|kinds| names(&kinds))
    }

    #[rstest]
    #[case("contacts", Some("MAIL or OTHER"))]
    #[case("accounts", Some("BILLING or SHIP"))]
    #[case("leads", Some("PRIMARY"))]
    #[case("opportunities", None)]
    fn fields_say_which_addresses_there_are(#[case] resource: &str, #[case] names: Option<&str>) {
        assert_eq!(names_of(resource).as_deref(), names);
    }

    #[test]
    fn an_address_has_every_field_of_its_kind() {
        for resource in ["contacts", "accounts", "leads"] {
            let object = catalog::by_hub(resource).unwrap();
            for kind in kinds(object).unwrap() {
                for part in PARTS {
                    let field = kind.field(part);
                    assert!(object.field(&field).is_some(), "{resource}: {field}");
                }
            }
        }
    }
}
