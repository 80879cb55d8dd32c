//! An object as the simulator serves it: the catalog's entry, with a kind of value for every field.

use std::collections::HashMap;
use std::sync::LazyLock;

use ie_model::catalog::{self, FieldKind};

use crate::make::{Named, References, make};
use crate::value::Make;

/// Objects whose records the API gives out but does not take.
const READ_ONLY: &[&str] = &[
    "ActivitySets",
    "Countries",
    "Currencies",
    "Emails",
    "Pipelines",
    "PipelineStages",
    "Users",
];

/// The name under which the fields of custom objects are kept.
const CUSTOM: &str = "__c";

/// Fields of the objects whose schemas are not published, and of custom objects: a plausible guess.
/// The id and the two dates are not among them.
static UNPUBLISHED: LazyLock<HashMap<String, Vec<catalog::Field>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../data/unpublished.json"))
        .expect("the table is compiled in and parsed by a test")
});

/// One field.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// `"NAME":`, ready to be written.
    pub(crate) prefix: Vec<u8>,
    pub(crate) kind: FieldKind,
    pub(crate) make: Make,
    /// How many made-up values in a hundred are null.
    pub(crate) nulls: u8,
    /// Left out under `brief`.
    pub(crate) nested: bool,
}

/// One object.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) object: String,
    pub(crate) id_field: String,
    pub(crate) search: bool,
    pub(crate) read_only: bool,
    pub(crate) fields: Vec<Field>,
    /// The fields that a made-up change may touch; the first is touched every time.
    pub(crate) revisable: Vec<usize>,
}

impl Schema {
    /// An object of the catalog.
    pub(crate) fn of(object: &catalog::Object, references: References<'_>) -> Self {
        let fields = if object.fields.is_empty() {
            unpublished(&object.object)
        } else {
            object.fields.clone()
        };
        let frame = Frame {
            object: &object.object,
            id: &object.id_field,
            created: object.created_field.as_deref(),
            updated: object.updated_field.as_deref(),
        };
        Self {
            search: object.search,
            ..frame.schema(fields, references)
        }
    }

    /// A custom object, `Project_Site__c`.
    pub(crate) fn custom(name: &str, references: References<'_>) -> Self {
        let frame = Frame {
            object: name,
            id: "RECORD_ID",
            created: Some("DATE_CREATED_UTC"),
            updated: Some("DATE_UPDATED_UTC"),
        };
        frame.schema(unpublished(CUSTOM), references)
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// Whether records are known by a text (a country's name) and not by a number.
    pub(crate) fn known_by_text(&self) -> bool {
        self.position(&self.id_field)
            .is_some_and(|id| self.fields[id].make != Make::Id)
    }
}

fn unpublished(object: &str) -> Vec<catalog::Field> {
    UNPUBLISHED.get(object).cloned().unwrap_or_default()
}

/// The names that an object cannot do without.
struct Frame<'a> {
    object: &'a str,
    id: &'a str,
    created: Option<&'a str>,
    updated: Option<&'a str>,
}

impl Frame<'_> {
    fn schema(&self, mut named: Vec<catalog::Field>, references: References<'_>) -> Schema {
        let frame = [
            (Some(self.id), FieldKind::Integer),
            (self.created, FieldKind::String),
            (self.updated, FieldKind::String),
        ];
        for (name, kind) in frame {
            if let Some(name) = name
                && !named.iter().any(|field| field.name == name)
            {
                named.push(catalog::Field {
                    name: name.to_owned(),
                    kind,
                    nullable: false,
                    format: None,
                    items: Vec::new(),
                });
            }
        }
        named.sort_by(|one, other| one.name.cmp(&other.name));
        let fields: Vec<Field> = named
            .iter()
            .map(|field| self.field(field, references))
            .collect();
        Schema {
            object: self.object.to_owned(),
            id_field: self.id.to_owned(),
            search: true,
            read_only: READ_ONLY.contains(&self.object),
            revisable: revisable(&fields),
            fields,
        }
    }

    fn field(&self, field: &catalog::Field, references: References<'_>) -> Field {
        let name = field.name.as_str();
        let make = match name {
            "COUNTRY_NAME" if name == self.id => Make::Country,
            "CURRENCY_CODE" if name == self.id => Make::CurrencyCode,
            _ if name == self.id => Make::Id,
            _ if Some(name) == self.created => Make::Created,
            _ if Some(name) == self.updated => Make::Updated,
            _ => make(
                &Named {
                    object: self.object,
                    name,
                    kind: field.kind,
                    time: field.format.as_deref() == Some("date-time"),
                },
                references,
            ),
        };
        Field {
            name: name.to_owned(),
            prefix: format!("\"{name}\":").into_bytes(),
            kind: field.kind,
            nulls: if field.nullable {
                nulls(name, &make)
            } else {
                0
            },
            make,
            nested: field.kind == FieldKind::Array,
        }
    }
}

/// How often a value is missing: people are known by name, rarely by the phone number of their assistant.
fn nulls(name: &str, make: &Make) -> u8 {
    match make {
        Make::Id
        | Make::Created
        | Make::Updated
        | Make::Given
        | Make::Family
        | Make::Flag(_)
        | Make::Company => 0,
        Make::Title | Make::Choice(_) | Make::Whole(..) | Make::Money => 8,
        Make::Email => 5,
        _ if name.contains("OTHER") || name.contains("ASSISTANT") || name.contains("FAX") => 80,
        _ if matches!(name, "OWNER_USER_ID" | "CREATED_USER_ID" | "INSTANCE_ID") => 0,
        Make::Phone | Make::Reference(..) | Make::Sentence => 35,
        Make::Image | Make::Social(_) | Make::Later(_) | Make::Birthday => 60,
        _ => 20,
    }
}

fn revisable(fields: &[Field]) -> Vec<usize> {
    let of = |wanted: fn(&Make) -> bool| {
        fields
            .iter()
            .enumerate()
            .filter(move |(_, field)| wanted(&field.make))
            .map(|(place, _)| place)
    };
    // Free text names its revision, so the first of them tells two versions apart.
    let mut places: Vec<usize> = of(|make| *make == Make::Sentence).collect();
    places.extend(of(|make| *make == Make::Title));
    places.extend(of(|make| {
        matches!(
            make,
            Make::Phone
                | Make::Choice(_)
                | Make::Whole(..)
                | Make::Money
                | Make::Street
                | Make::Image
                | Make::Later(_)
                | Make::Slug
                | Make::Colour
        )
    }));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(_: &str) -> (i64, u64) {
        (1_000, 10)
    }

    #[test]
    fn every_object_of_the_catalog_has_its_id_and_dates() {
        for object in catalog::catalog() {
            let schema = Schema::of(object, &references);

            assert!(
                schema.position(&schema.id_field).is_some(),
                "{}",
                schema.object
            );
            for date in [&object.created_field, &object.updated_field]
                .into_iter()
                .flatten()
            {
                assert!(schema.position(date).is_some(), "{} {date}", schema.object);
            }
        }
    }

    #[test]
    fn objects_that_can_be_polled_have_something_to_change() {
        for object in catalog::catalog().iter().filter(|object| object.pollable()) {
            assert!(
                !Schema::of(object, &references).revisable.is_empty(),
                "{}",
                object.object
            );
        }
    }

    #[test]
    fn countries_are_known_by_name() {
        let countries = catalog::by_object("Countries").unwrap();
        let contacts = catalog::by_object("Contacts").unwrap();

        assert!(Schema::of(countries, &references).known_by_text());
        assert!(!Schema::of(contacts, &references).known_by_text());
    }
}
