//! Fields that a client sends, checked against the schema.

use ie_model::catalog::FieldKind;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::record::Source;
use crate::schema::{Field, Schema};
use crate::time::{parse_body_time, parse_query_time, write_body_time};
use crate::value::Make;

/// The places and values of the fields given. Unknown ones are ignored, and so are the id and the two dates,
/// which are Insightly's own.
pub(crate) fn given(
    schema: &Schema,
    fields: &Map<String, Value>,
    lenient: bool,
) -> Result<Vec<(usize, Source)>, Error> {
    let mut sources = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let Some(place) = schema.position(name) else {
            continue;
        };
        let field = &schema.fields[place];
        if field.make.is_fixed() {
            continue;
        }
        let text = checked(field, value, lenient).ok_or_else(|| {
            Error::Invalid(format!(
                "The value of {name} is not valid: expected {}.",
                expected(field)
            ))
        })?;
        sources.push((place, Source::Given(text.into())));
    }
    Ok(sources)
}

/// The JSON of a value, if its type is right.
fn checked(field: &Field, value: &Value, lenient: bool) -> Option<String> {
    if value.is_null() {
        let empty = if field.nested { "[]" } else { "null" };
        return Some(empty.to_owned());
    }
    if let Some(text) = value.as_str().filter(|_| is_time(field)) {
        let time = parse_body_time(text).or_else(|| parse_query_time(text).filter(|_| lenient))?;
        let mut out = Vec::new();
        write_body_time(&mut out, time.timestamp());
        return String::from_utf8(out)
            .ok()
            .map(|time| format!("\"{time}\""));
    }
    let right = match field.kind {
        FieldKind::Array => value.is_array(),
        FieldKind::Boolean => value.is_boolean(),
        FieldKind::Integer => value.is_i64(),
        FieldKind::Number => value.is_number(),
        FieldKind::Object => value.is_object(),
        FieldKind::String => value.is_string(),
    };
    right.then(|| value.to_string())
}

fn expected(field: &Field) -> &'static str {
    match field.kind {
        _ if is_time(field) => "a date as yyyy-MM-dd HH:mm:ss",
        FieldKind::Array => "a list",
        FieldKind::Boolean => "true or false",
        FieldKind::Integer => "a whole number",
        FieldKind::Number => "a number",
        FieldKind::Object => "an object",
        FieldKind::String => "a text",
    }
}

fn is_time(field: &Field) -> bool {
    matches!(field.make, Make::Later(_) | Make::Recently | Make::Birthday)
}

#[cfg(test)]
mod tests {
    use ie_model::catalog;
    use serde_json::json;

    use super::*;

    fn contacts() -> Schema {
        Schema::of(catalog::by_object("Contacts").unwrap(), &|_| (1, 1))
    }

    fn check(body: &Value, lenient: bool) -> Result<usize, Error> {
        given(&contacts(), body.as_object().unwrap(), lenient).map(|sources| sources.len())
    }

    #[test]
    fn values_of_the_wrong_type_are_named() {
        let refused = check(&json!({"ORGANISATION_ID": "seven"}), false);

        let Err(Error::Invalid(text)) = refused else {
            panic!("{refused:?}")
        };
        assert!(
            text.contains("ORGANISATION_ID") && text.contains("whole number"),
            "{text}"
        );
    }

    #[test]
    fn the_two_date_forms_are_not_mixed_unless_allowed() {
        let body_form = json!({"DATE_OF_BIRTH": "1980-02-03 00:00:00"});
        let query_form = json!({"DATE_OF_BIRTH": "1980-02-03T00:00:00Z"});

        assert_eq!(check(&body_form, false), Ok(1));
        assert!(check(&query_form, false).is_err());
        assert_eq!(check(&query_form, true), Ok(1));
    }

    #[test]
    fn ids_dates_and_unknown_fields_are_left_alone() {
        let body =
            json!({"CONTACT_ID": 5, "DATE_UPDATED_UTC": "x", "NO_SUCH": 1, "FIRST_NAME": null});

        assert_eq!(check(&body, false), Ok(1));
    }
}
