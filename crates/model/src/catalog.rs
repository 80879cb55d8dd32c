//! The objects of Insightly's API v3.1: the one table of their names, ids, dates and fields.
//!
//! It feeds the connector's default polling configuration, the hub's resource names, the client, the simulator and
//! `docs/objects.md`. Source: Insightly's published schemas, kept in `data/insightly-objects.json`.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, de::IgnoredAny};

/// One listable object of Insightly.
#[derive(Clone, Debug, Deserialize)]
pub struct Object {
    /// Its path in Insightly's API: `Contacts`, `Ticket`.
    pub object: String,
    /// Whether `/{object}/Search` exists, which is where `updated_after_utc` is; a list has no conditions.
    pub search: bool,
    /// The field that identifies a record: `CONTACT_ID`.
    pub id_field: String,
    /// The field with the time of creation, if it has one.
    pub created_field: Option<String>,
    /// The field with the time of the last update; without one an object cannot be polled by time.
    pub updated_field: Option<String>,
    /// Its name in Open Connectors' hub: `contacts`, `accounts`.
    pub hub_resource: String,
    /// Its fields; empty where they are not published, and then any name may be one.
    #[serde(deserialize_with = "published")]
    pub fields: Vec<Field>,
}

impl Object {
    /// Whether changes of this object can be found by time. One without a search is read as a whole for it.
    pub fn pollable(&self) -> bool {
        self.updated_field.is_some()
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether a record may have a field of that name, as far as is published.
    pub fn may_have(&self, name: &str) -> bool {
        self.fields.is_empty() || self.field(name).is_some()
    }

    /// The field whose name is most like `name`, to suggest in an error.
    pub fn nearest_field(&self, name: &str) -> Option<&str> {
        nearest(name, self.fields.iter().map(|field| field.name.as_str()))
    }
}

/// One field of an object.
#[derive(Clone, Debug, Deserialize)]
pub struct Field {
    /// Its name, as in the JSON of a record.
    pub name: String,
    /// The JSON type of its value.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// Whether the value may be null.
    pub nullable: bool,
    /// `date-time` for times.
    #[serde(default)]
    pub format: Option<String>,
    /// For a list: the names of its entries' fields, where they are published.
    #[serde(default)]
    pub items: Vec<String>,
}

/// The table says `"not published here"` where an object's fields are not known.
fn published<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Field>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Fields {
        Published(Vec<Field>),
        Unpublished(IgnoredAny),
    }
    Ok(match Fields::deserialize(deserializer)? {
        Fields::Published(fields) => fields,
        Fields::Unpublished(_) => Vec::new(),
    })
}

/// The JSON type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are JSON's own")]
pub enum FieldKind {
    Array,
    Boolean,
    Integer,
    Number,
    Object,
    String,
}

/// How the names of custom objects end.
const CUSTOM: &str = "__c";
/// The name in the table's row for all custom objects.
const ANY_CUSTOM: &str = "{name}__c";

struct Catalog {
    objects: Vec<Object>,
    custom: Object,
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let rows: Vec<Object> = serde_json::from_str(include_str!("../data/insightly-objects.json"))
        .expect("the table of objects is compiled in and parsed by a test");
    let (mut custom, objects): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.object == ANY_CUSTOM);
    let custom = custom
        .pop()
        .expect("the table has a row for custom objects");
    Catalog { objects, custom }
});

/// Every object that all accounts have, in the order of the table.
pub fn catalog() -> &'static [Object] {
    &CATALOG.objects
}

/// The row for all custom objects, under the name `{name}__c`.
pub fn any_custom() -> &'static Object {
    &CATALOG.custom
}

/// The custom object of that name, such as `Project_Site__c`; none when no custom object can have it.
///
/// Whether an account has it is known to Insightly alone.
pub fn custom(name: &str) -> Option<Object> {
    let own = name.strip_suffix(CUSTOM)?;
    let mut letters = own.bytes();
    let begins = letters
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    let goes_on = letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (begins && goes_on).then(|| Object {
        object: name.to_owned(),
        hub_resource: name.to_owned(),
        ..any_custom().clone()
    })
}

/// The object behind a hub resource, custom ones included.
pub fn resource(name: &str) -> Option<Cow<'static, Object>> {
    let known = by_hub(name).map(Cow::Borrowed);
    known.or_else(|| custom(name).map(Cow::Owned))
}

/// The object of that name in Insightly's API, custom ones included.
pub fn object(name: &str) -> Option<Cow<'static, Object>> {
    let known = by_object(name).map(Cow::Borrowed);
    known.or_else(|| custom(name).map(Cow::Owned))
}

/// The object behind a hub resource: `accounts` is `Organisations`.
pub fn by_hub(resource: &str) -> Option<&'static Object> {
    catalog()
        .iter()
        .find(|object| object.hub_resource == resource)
}

/// The object of that name in Insightly's API.
pub fn by_object(name: &str) -> Option<&'static Object> {
    catalog().iter().find(|object| object.object == name)
}

/// The candidate with the smallest edit distance to `name`.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates.min_by_key(|candidate| distance(name, candidate))
}

/// Levenshtein's distance, case folded.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().collect();
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_id_and_date_field_is_a_field_of_its_object() {
        for object in catalog() {
            let named = [
                Some(&object.id_field),
                object.created_field.as_ref(),
                object.updated_field.as_ref(),
            ];
            for name in named.into_iter().flatten() {
                assert!(
                    object.may_have(name),
                    "{} has no field {name}",
                    object.object
                );
            }
        }
    }

    #[test]
    fn hub_names_are_unique() {
        let names: std::collections::HashSet<_> =
            catalog().iter().map(|o| &o.hub_resource).collect();
        assert_eq!(names.len(), catalog().len());
    }

    #[rstest]
    #[case("Project_Site__c", true)]
    #[case("A1__c", true)]
    #[case("__c", false)]
    #[case("1A__c", false)]
    #[case("Site", false)]
    #[case("Si te__c", false)]
    #[case("../Contacts__c", false)]
    #[case("{name}__c", false)]
    fn a_custom_object_is_known_by_its_name(#[case] name: &str, #[case] is_known: bool) {
        let found = resource(name);

        assert_eq!(found.is_some(), is_known);
        if let Some(object) = found {
            assert_eq!(
                (object.object.as_str(), object.hub_resource.as_str()),
                (name, name)
            );
            assert!(object.pollable() && object.may_have("SITE_NAME"));
        }
    }

    #[test]
    fn the_seeds_mistyped_date_field_is_recognized() {
        let contacts = by_hub("contacts").unwrap();
        assert_eq!(
            contacts.nearest_field("DATE_UPDATED.UTC"),
            Some("DATE_UPDATED_UTC")
        );
    }
}
