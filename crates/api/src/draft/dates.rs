//! `datesConfiguration`: which fields hold a record's dates, and how they are written.

use ie_model::DateField;
use ie_model::catalog::Object;
use ie_model::dates::{Format, Zone};
use serde_json::{Map, Value};

use super::problem::{Path, Problems, shown};
use super::reader::Reader;
use crate::connector;

/// Both spellings of the two dates: that of the reference, and that of the Insightly Events page.
pub(super) const UPDATED: [&str; 2] = ["updatedDate", "updatedAt"];
/// See [`UPDATED`].
pub(super) const CREATED: [&str; 2] = ["createdDate", "createdAt"];
/// What is said of a date.
pub(super) const PARTS: [&str; 3] = ["Field", "Format", "Timezone"];

/// The dates of a resource, each part from the configuration or else the object's own.
pub(super) fn read(
    map: &Map<String, Value>,
    path: Path,
    object: &Object,
    problems: &mut Problems,
) -> (Option<DateField>, Option<DateField>) {
    let mut reader = Reader::new(map, path, problems);
    let updated = date(
        &mut reader,
        UPDATED,
        object,
        object.updated_field.as_deref(),
    );
    let created = date(
        &mut reader,
        CREATED,
        object,
        object.created_field.as_deref(),
    );
    (updated, created)
}

fn date(
    reader: &mut Reader<'_>,
    spellings: [&str; 2],
    object: &Object,
    own: Option<&str>,
) -> Option<DateField> {
    let [field, format, zone] = PARTS.map(|part| member(reader, spellings, part));
    let field = field.and_then(|(key, path)| check_field(reader, &key, path, object));
    let format = format.and_then(|(key, text)| check_format(reader, &key, text));
    let zone = zone.and_then(|(key, text)| check_zone(reader, &key, text));
    let own = connector::date_field(field.as_deref().or(own)?);
    Some(DateField {
        format: format.unwrap_or(own.format),
        zone: zone.unwrap_or(own.zone),
        path: own.path,
    })
}

/// The member under the spelling that was sent, and its text.
fn member<'a>(
    reader: &mut Reader<'a>,
    spellings: [&str; 2],
    part: &str,
) -> Option<(String, &'a str)> {
    let [first, second] = spellings.map(|spelling| format!("{spelling}{part}"));
    let expected = match part {
        "Field" => "the name of a field",
        "Format" => "a date pattern",
        _ => "the name of a time zone",
    };
    let text = reader.text(&first, expected);
    let other = reader.text(&second, expected);
    match (text, other) {
        (Some(text), Some(other)) if text != other => {
            let mend = format!(
                "is the other spelling of {first}, which says something else; keep one of the two"
            );
            reader.refuse(&second, mend);
            None
        }
        (Some(text), _) => Some((first, text)),
        (None, other) => other.map(|text| (second, text)),
    }
}

fn check_field(reader: &mut Reader<'_>, key: &str, path: &str, object: &Object) -> Option<String> {
    if let Err(text) = field_exists(path, object) {
        reader.refuse(key, text);
        return None;
    }
    let times: Vec<&str> = object
        .fields
        .iter()
        .filter(|field| field.format.as_deref() == Some("date-time"))
        .map(|field| field.name.as_str())
        .collect();
    if object.field(path).is_some() && !times.contains(&path) {
        let (name, got) = (&object.object, shown(&Value::from(path)));
        reader.refuse(
            key,
            format!(
                "expected a field of Insightly's {name} that holds a time ({}), got {got}",
                times.join(", ")
            ),
        );
        return None;
    }
    Some(path.to_owned())
}

/// Whether a record may have that field, which may be dotted.
///
/// # Errors
/// What was expected, and the nearest that there is.
pub(super) fn field_exists(path: &str, object: &Object) -> Result<(), String> {
    let nested = path.split_once('.').is_some_and(|(outer, _)| {
        object.field(outer).is_some_and(|field| {
            use ie_model::catalog::FieldKind::{Array, Object};
            matches!(field.kind, Array | Object)
        })
    });
    if nested || object.may_have(path) {
        return Ok(());
    }
    let nearest = object
        .nearest_field(path)
        .map(|field| format!("; did you mean {field}?"))
        .unwrap_or_default();
    Err(format!(
        "expected a field of Insightly's {}, got {}{nearest}",
        object.object,
        shown(&Value::from(path))
    ))
}

fn check_format(reader: &mut Reader<'_>, key: &str, text: &str) -> Option<String> {
    match text.parse::<Format>() {
        Ok(format) if format.precision().is_none() => {
            let got = shown(&Value::from(text));
            reader.refuse(
                key,
                format!("expected a pattern that says at least the day, such as yyyy-MM-dd HH:mm:ss, got {got}"),
            );
            None
        }
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            reader.refuse(
                key,
                format!(
                    "expected a pattern of Java's SimpleDateFormat such as yyyy-MM-dd HH:mm:ss, \
                     or milliseconds, or seconds: {error}"
                ),
            );
            None
        }
    }
}

fn check_zone(reader: &mut Reader<'_>, key: &str, text: &str) -> Option<String> {
    match text.parse::<Zone>() {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            reader.refuse(key, error.to_string());
            None
        }
    }
}
