//! One entry of `event.poller.configuration`.

use std::borrow::Cow;

use chrono::DateTime;
use ie_model::catalog::{self, Object};
use ie_model::dates::Zone;
use ie_model::hub_query::HubQuery;
use ie_model::template::Template;
use ie_model::{DateField, ResourceConfig};
use serde_json::{Map, Value};

use super::Resource;
use super::dates;
use super::problem::{Path, Problems, shown};
use super::reader::Reader;
use super::resources::unknown;
use crate::connector::{self, HUB_PATH};

const URL: &str = "url";
const ID_FIELD: &str = "idField";
const DATES: &str = "datesConfiguration";
const FILTER: &str = "filterByUpdatedDate";
const TOLERANCE: &str = "createdCheckTolerance";
const PAGE_SIZE: &str = "pageSize";
const POLL_DELAY: &str = "pollDelay";

/// The members of an entry.
const KEYS: [&str; 7] = [
    URL, ID_FIELD, DATES, FILTER, TOLERANCE, PAGE_SIZE, POLL_DELAY,
];
/// A day in seconds: longer ones would be mistakes.
const MAX_SECONDS: u32 = 24 * 60 * 60;
/// The longest name of a resource that is not the hub's.
const MAX_NAME: usize = 64;

/// What a bad entry and an odd one are noted in.
type Notes<'a> = (&'a mut Problems, &'a mut Vec<String>);

/// Reads an entry; none after noting what makes it useless.
pub(super) fn read(
    name: &str,
    entry: &Map<String, Value>,
    path: &Path,
    (problems, warnings): Notes<'_>,
) -> Option<Resource> {
    warn_of_unknown(entry, &KEYS, path, warnings);
    let mut reader = Reader::new(entry, path.clone(), problems);
    let (object, url) = object_and_url(name, &mut reader)?;
    let Some(default) = connector::default_config(&object) else {
        reader.problems().add(path, unknown(&object.hub_resource));
        return None;
    };
    let id_field = reader
        .text(ID_FIELD, "the name of a field")
        .map(str::to_owned);
    if let Some(Err(text)) = id_field
        .as_deref()
        .map(|id| dates::field_exists(id, &object))
    {
        reader.refuse(ID_FIELD, text);
    }
    let (updated, created) = dates(&mut reader, &object, warnings);
    Some(Resource {
        name: name.to_owned(),
        object: object.object.clone(),
        config: ResourceConfig {
            url: url.unwrap_or(default.url),
            id_field: id_field.unwrap_or(default.id_field),
            updated: updated.unwrap_or(default.updated),
            created,
            filter_by_updated_date: reader
                .boolean(FILTER)
                .unwrap_or(default.filter_by_updated_date),
            created_check_tolerance: reader
                .whole(TOLERANCE, 0..=MAX_SECONDS, "seconds")
                .unwrap_or(default.created_check_tolerance),
            page_size: page_size(&mut reader, warnings),
            poll_delay: reader
                .whole(POLL_DELAY, 0..=MAX_SECONDS, "seconds")
                .unwrap_or(default.poll_delay),
        },
    })
}

/// What the entry asks for: by its url, or else by its name.
fn object_and_url(
    name: &str,
    reader: &mut Reader<'_>,
) -> Option<(Cow<'static, Object>, Option<String>)> {
    let by_name = catalog::resource(name);
    if reader.given(URL).is_none() {
        if by_name.is_none() {
            reader.refuse(
                URL,
                format!("is missing, and the name has no default; {}", unknown(name)),
            );
        }
        return by_name.map(|object| (object, None));
    }
    let url = reader.text(URL, "a path such as /hubs/crm/contacts")?;
    match object_of(url) {
        Err(text) => {
            reader.refuse(URL, text);
            by_name.map(|object| (object, None))
        }
        Ok(object)
            if by_name
                .as_ref()
                .is_some_and(|named| named.object != object.object) =>
        {
            reader.refuse(
                URL,
                format!(
                    "expected {HUB_PATH}{name}, as the resource is called, got {HUB_PATH}{}",
                    object.hub_resource
                ),
            );
            None
        }
        Ok(_) if by_name.is_none() && !is_name(name) => {
            reader.refuse(
                URL,
                format!("belongs to a resource whose name is not one: expected up to {MAX_NAME} letters, digits, - or _"),
            );
            None
        }
        Ok(object) => Some((object, Some(url.to_owned()))),
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

/// The object behind a url, once it is known that every poll can ask it.
fn object_of(url: &str) -> Result<Cow<'static, Object>, String> {
    let template: Template = url
        .parse()
        .map_err(|error| format!("the template cannot be read: {error}"))?;
    let filled = template.render(DateTime::UNIX_EPOCH, Zone::UTC);
    let query: HubQuery = filled.parse().map_err(|error| {
        let filled = shown(&Value::from(filled.as_str()));
        format!("{error}, of the path with its variables filled: {filled}")
    })?;
    let object = catalog::resource(&query.resource).ok_or_else(|| unknown(&query.resource))?;
    for (field, _) in &query.equals {
        dates::field_exists(field, &object)?;
    }
    Ok(object)
}

/// Both dates, from `datesConfiguration` or else the object's own.
fn dates(
    reader: &mut Reader<'_>,
    object: &Object,
    warnings: &mut Vec<String>,
) -> (Option<DateField>, Option<DateField>) {
    let path = reader.path(DATES);
    let map = reader.object(DATES).unwrap_or_default();
    let known: Vec<String> = dates::UPDATED
        .into_iter()
        .chain(dates::CREATED)
        .flat_map(|spelling| dates::PARTS.map(|part| format!("{spelling}{part}")))
        .collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    warn_of_unknown(&map, &known, &path, warnings);
    dates::read(&map, path, object, reader.problems())
}

/// Insightly gives fewer records than a larger number asks for, without a word.
fn page_size(reader: &mut Reader<'_>, warnings: &mut Vec<String>) -> Option<u32> {
    let most = ie_insightly::MAX_PAGE;
    let size = reader.whole(PAGE_SIZE, 1..=u32::MAX, "records")?;
    if size > most {
        let path = reader.path(PAGE_SIZE);
        warnings.push(format!(
            "{path} is {size}: Insightly gives {most} records at the most"
        ));
    }
    Some(size.min(most))
}

fn warn_of_unknown(
    map: &Map<String, Value>,
    known: &[&str],
    path: &Path,
    warnings: &mut Vec<String>,
) {
    let unknown = map.keys().filter(|key| !known.contains(&key.as_str()));
    warnings.extend(unknown.map(|key| {
        format!(
            "{} is not known: it is kept and has no effect",
            path.key(key)
        )
    }));
}
