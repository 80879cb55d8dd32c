//! One version of one record, and its JSON.

use std::sync::Arc;

use serde_json::Value;

use crate::dice::{Dice, hash, mix};
use crate::people::people;
use crate::schema::Schema;
use crate::value::Subject;

/// What a version holds beyond what is made up from its id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    /// Created by a client: fields that nobody gave are null and not made up.
    pub(crate) blank: bool,
    /// The fields that differ, by their place.
    pub(crate) fields: Vec<(u16, Source)>,
}

/// Where the value of a changed field comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Made up in that revision.
    Revised(u32),
    /// Given by a client, as JSON.
    Given(Arc<str>),
}

impl Content {
    pub(crate) fn set(&mut self, place: usize, source: Source) {
        let place = place as u16;
        match self.fields.binary_search_by_key(&place, |field| field.0) {
            Ok(at) => self.fields[at].1 = source,
            Err(at) => self.fields.insert(at, (place, source)),
        }
    }

    fn get(&self, place: usize) -> Option<&Source> {
        let place = place as u16;
        let at = self
            .fields
            .binary_search_by_key(&place, |field| field.0)
            .ok()?;
        Some(&self.fields[at].1)
    }
}

/// A record at one revision: small, and independent of the table that it came from.
#[derive(Clone, Debug)]
pub struct Record {
    pub(crate) schema: Arc<Schema>,
    /// Numbers of the table.
    pub(crate) dice: Dice,
    pub(crate) id: i64,
    pub(crate) revision: u32,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) content: Option<Arc<Content>>,
}

impl Record {
    /// Its id as a number; for objects known by a text (`Countries`) its place.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Its id as the API writes it: a number, or a text for objects known by one.
    pub fn shown_id(&self) -> Value {
        if !self.schema.known_by_text() {
            return Value::from(self.id);
        }
        let place = self
            .schema
            .position(&self.schema.id_field)
            .expect("every schema has its id field");
        self.value(place)
    }

    /// How often it was written, from 1.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// Appends its JSON; `brief` leaves the nested lists out.
    pub fn write_json(&self, brief: bool, out: &mut Vec<u8>) {
        let subject = self.subject();
        let mut separator = b'{';
        for (place, field) in self.schema.fields.iter().enumerate() {
            if brief && field.nested {
                continue;
            }
            out.push(separator);
            separator = b',';
            out.extend_from_slice(&field.prefix);
            self.write_field(place, &subject, out);
        }
        out.push(b'}');
    }

    /// Its JSON as a value, for tests and for whoever wants to look into it.
    pub fn to_value(&self) -> Value {
        let mut out = Vec::new();
        self.write_json(false, &mut out);
        serde_json::from_slice(&out).expect("a record is written as JSON")
    }

    /// Identifies its content; see [`digest`].
    pub(crate) fn digest(&self) -> u64 {
        let subject = self.subject();
        let mut text = Vec::new();
        let mut sum = Digest::default();
        for (place, field) in self.schema.fields.iter().enumerate() {
            text.clear();
            self.write_field(place, &subject, &mut text);
            sum.add(&field.name, &text);
        }
        sum.0
    }

    /// The value of the field at that place.
    pub(crate) fn value(&self, place: usize) -> Value {
        let mut out = Vec::new();
        self.write_field(place, &self.subject(), &mut out);
        serde_json::from_slice(&out).expect("a field is written as JSON")
    }

    fn subject(&self) -> Subject<'static> {
        let dice = self.dice.with(self.id as u64);
        Subject {
            id: self.id,
            created: self.created,
            updated: self.updated,
            locale: people().locale(dice.with(0).next()),
            dice,
        }
    }

    fn write_field(&self, place: usize, subject: &Subject<'_>, out: &mut Vec<u8>) {
        let field = &self.schema.fields[place];
        let mut revision = 1;
        if let Some(content) = &self.content {
            match content.get(place) {
                Some(Source::Given(text)) => return out.extend_from_slice(text.as_bytes()),
                Some(Source::Revised(at)) => revision = *at,
                None if content.blank && !field.make.is_fixed() => {
                    return out.extend_from_slice(if field.nested { b"[]" } else { b"null" });
                }
                None => {}
            }
        }
        let mut dice = subject
            .dice
            .with(mix(u64::from(revision)) ^ (place as u64 + 16));
        // A changed field shows its change, so it is not null.
        if revision == 1 && dice.percent(field.nulls) {
            return out.extend_from_slice(b"null");
        }
        field.make.write(subject, dice, revision, out);
    }
}

/// A sum over fields, so that their order does not matter.
#[derive(Default)]
struct Digest(u64);

impl Digest {
    fn add(&mut self, name: &str, text: &[u8]) {
        // Nulls are left out, because a reader may have dropped them.
        if text != b"null" {
            self.0 = self.0.wrapping_add(hash(&[name.as_bytes(), text]));
        }
    }
}

/// Identifies the content of a record that was read from the simulator: equal to the ledger's `digest` of its version.
///
/// The order of the fields, fields that are null and an added field `id` make no difference; the nested lists do,
/// so it is of no use for a record that was read with `brief`.
pub fn digest(record: &Value) -> String {
    let mut sum = Digest::default();
    for (name, value) in record.as_object().into_iter().flatten() {
        if name != "id" {
            sum.add(name, value.to_string().as_bytes());
        }
    }
    shown(sum.0)
}

/// A digest as text.
pub(crate) fn shown(digest: u64) -> String {
    format!("{digest:016x}")
}
