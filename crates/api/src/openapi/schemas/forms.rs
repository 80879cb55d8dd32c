//! Members that may be written in several ways; null is as if they were not there.

use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Array, Object, ObjectBuilder, RefOr, Schema, Type};

const MOMENT: &str =
    "a time such as 2026-11-24T10:00:00Z, a day such as 2026-11-24, or milliseconds since 1970";

/// The id of an instance.
pub(super) fn id() -> RefOr<Schema> {
    described(
        [Type::Integer, Type::String, Type::Null],
        "Only of this instance.",
    )
}

/// The id of an event, after which it goes on.
pub(super) fn after() -> RefOr<Schema> {
    described(
        [Type::Integer, Type::String, Type::Null],
        "Only those with a higher id: where a call before has ended, its `last`.",
    )
}

/// Ids of events.
pub(super) fn ids() -> RefOr<Schema> {
    let id = Object::with_type(SchemaType::from_iter([Type::String, Type::Integer]));
    list([Type::Array, Type::Null], id, "Only these.")
}

/// The beginning of a span.
pub(super) fn from() -> RefOr<Schema> {
    moment(&format!("Stored at this time or later: {MOMENT}."))
}

/// The end of a span.
pub(super) fn to() -> RefOr<Schema> {
    moment(&format!("Stored before this time: {MOMENT}."))
}

/// Names of resources, or one name.
pub(super) fn resources() -> RefOr<Schema> {
    let name = Object::with_type(Type::String);
    list(
        [Type::Array, Type::String, Type::Null],
        name,
        "Only of these resources, or of this one.",
    )
}

/// How events ended.
pub(super) fn ended() -> RefOr<Schema> {
    let status = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["NOTIFIED", "FAILED"]));
    list(
        [Type::Array, Type::String, Type::Null],
        status.build(),
        "Only those that ended so; both without it.",
    )
}

fn moment(text: &str) -> RefOr<Schema> {
    described([Type::String, Type::Integer, Type::Null], text)
}

fn described<const N: usize>(types: [Type; N], text: &str) -> RefOr<Schema> {
    let mut object = Object::with_type(SchemaType::from_iter(types));
    object.description = Some(text.to_owned());
    RefOr::T(Schema::Object(object))
}

fn list<const N: usize>(types: [Type; N], of: Object, text: &str) -> RefOr<Schema> {
    let mut array = Array::new(of);
    array.schema_type = SchemaType::from_iter(types);
    array.description = Some(text.to_owned());
    RefOr::T(Schema::Array(array))
}
