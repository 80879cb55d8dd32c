//! Records: as clients of the hub see them, and as Insightly takes them.

use ie_model::catalog::{FieldKind, Object};
use serde_json::{Map, Value};

use super::target::Target;
use crate::draft::shown as told;
use crate::error::{ApiError, Result};

/// The copy of a record's id, of the hub's own making.
pub(super) const ID: &str = "id";

/// A record as Insightly has it, with `id`, and without its nulls when the instance says so.
pub(super) fn shown(target: &Target, record: Value) -> Value {
    let id = record.get(&target.object.id_field).and_then(text);
    let mut record = tidied(target, record);
    // A record that is beyond what can be read stands as its text.
    if let (Some(fields), Some(id)) = (record.as_object_mut(), id) {
        fields.insert(ID.to_owned(), Value::from(id));
    }
    record
}

/// A value without its nulls, when the instance says so.
pub(super) fn tidied(target: &Target, mut value: Value) -> Value {
    if target.drops_nulls() {
        drop_nulls(&mut value);
    }
    value
}

/// The fields of a new record.
pub(super) fn to_create(body: &Value) -> Result<Map<String, Value>> {
    let mut fields = fields(body)?;
    fields.shift_remove(ID);
    Ok(fields)
}

/// The fields to change in the record of that id, which is one of them; a body that names another one is refused.
pub(super) fn to_update(object: &Object, id: &str, body: &Value) -> Result<Map<String, Value>> {
    let mut fields = fields(body)?;
    for name in [ID, &object.id_field] {
        let Some(given) = fields.shift_remove(name).filter(|given| !given.is_null()) else {
            continue;
        };
        if text(&given).as_deref() != Some(id) {
            return Err(ApiError::bad_request(format!(
                "$.{name}: expected {id}, as in the path, got {}; leave it out",
                told(&given)
            )));
        }
    }
    let kind = object.field(&object.id_field).map(|field| field.kind);
    let own = match id.parse::<i64>() {
        Ok(number) if kind != Some(FieldKind::String) => Value::from(number),
        _ => Value::from(id),
    };
    fields.insert(object.id_field.clone(), own);
    Ok(fields)
}

fn fields(body: &Value) -> Result<Map<String, Value>> {
    let fields = body.as_object().cloned();
    fields.ok_or_else(|| {
        ApiError::bad_request(format!(
            "$: expected an object with the fields of a record, got {}",
            told(body)
        ))
    })
}

fn text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(entries) => entries.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use ie_model::catalog;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn contacts() -> &'static Object {
        catalog::by_hub("contacts").unwrap()
    }

    #[test]
    fn nulls_are_dropped_at_every_depth_but_not_from_lists() {
        let mut record =
            json!({"CONTACT_ID": 7, "FIRST_NAME": null, "TAGS": [{"TAG_NAME": null}, null]});

        drop_nulls(&mut record);

        assert_eq!(record, json!({"CONTACT_ID": 7, "TAGS": [{}, null]}));
    }

    #[test]
    fn what_was_read_can_be_sent_back() {
        let read = json!({"CONTACT_ID": 7, "FIRST_NAME": "Ada", "id": "7"});

        let fields = to_update(contacts(), "7", &read).unwrap();

        assert_eq!(
            Value::from(fields),
            json!({"FIRST_NAME": "Ada", "CONTACT_ID": 7})
        );
        let new = to_create(&json!({"id": "7", "FIRST_NAME": null})).unwrap();
        assert_eq!(Value::from(new), json!({"FIRST_NAME": null}));
    }

    #[rstest]
    #[case(json!({"CONTACT_ID": 8}), "$.CONTACT_ID: expected 7")]
    #[case(json!({"id": "8"}), "$.id: expected 7")]
    #[case(json!([]), "$: expected an object")]
    fn a_body_of_another_record_is_refused(#[case] body: Value, #[case] why: &str) {
        let error = to_update(contacts(), "7", &body).unwrap_err();

        assert!(error.message().starts_with(why), "{error:?}");
    }
}
