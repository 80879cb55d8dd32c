//! Records of Insightly.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// A record as Insightly has it, with `id`: its id as text.
#[derive(ToSchema)]
#[schema(example = json!({"CONTACT_ID": 318219, "FIRST_NAME": "Ada", "LAST_NAME": "Lovelace", "id": "318219"}))]
pub(crate) struct Record(BTreeMap<String, Value>);

/// An address of a record.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) struct Address {
    #[schema(rename = "id", example = "MAIL")]
    id: String,
    #[schema(example = "MAIL")]
    address_type: String,
    street: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postcode: Option<String>,
    country: Option<String>,
}

/// Parts of an address; what is not given stays, null clears.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE", example = json!({"ADDRESS_TYPE": "MAIL", "CITY": "Adelaide"}))]
pub(crate) struct AddressFields {
    #[schema(nullable = false)]
    address_type: Option<String>,
    street: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postcode: Option<String>,
    country: Option<String>,
}
