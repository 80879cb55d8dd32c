//! A record as Insightly sends it, to its id, its dates, the digest of its content and what changed in it; pure.

mod changes;
mod digest;
mod fields;

use std::collections::HashMap;

use chrono::{DateTime, Datelike as _, Utc};
use ie_model::dates::{Format, Zone};
use ie_model::{DateField, Digest, ResourceConfig};
use serde_json::Value;
use serde_json::value::RawValue;

pub use changes::changes;
pub use digest::{digest, digest_without};

use crate::Record;
use fields::at;

/// The longest id of a record. A longer one is none, and would not fit into an index.
const LONGEST_ID: usize = 255;

/// How to read the records of one resource: its configuration with the patterns parsed.
#[derive(Clone, Debug)]
pub struct Reader {
    id_field: String,
    updated: DateReader,
    created: Option<DateReader>,
}

#[derive(Clone, Debug)]
struct DateReader {
    path: String,
    format: Format,
    zone: Zone,
}

/// One record, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The record's id, as text.
    pub object_id: String,
    /// When it was updated.
    pub updated: DateTime<Utc>,
    /// When it was created, if it says so.
    pub created: Option<DateTime<Utc>>,
    /// The digest of its content, the updated date left out.
    pub digest: Digest,
    /// The record itself.
    pub record: Record,
}

/// A record that cannot be read, and why.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadRecord {
    /// Its id, if that could be read.
    pub object_id: Option<String>,
    /// What is wrong with it.
    pub reason: String,
    /// The digest of its content.
    pub digest: Digest,
    /// Its JSON.
    pub content: String,
}

/// Without the content: it is somebody's data.
impl std::fmt::Debug for BadRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BadRecord")
            .field("object_id", &self.object_id)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// A stored configuration whose patterns do not parse any more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct BadConfig {
    /// Which field of the configuration.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Reader {
    /// Parses the patterns and zones of a configuration.
    ///
    /// # Errors
    /// A pattern or zone that does not parse; they were checked when the instance was created.
    pub fn new(config: &ResourceConfig) -> Result<Self, BadConfig> {
        Ok(Self {
            id_field: config.id_field.clone(),
            updated: DateReader::new(&config.updated)?,
            created: config.created.as_ref().map(DateReader::new).transpose()?,
        })
    }

    /// Where the updated date of a record stands.
    pub fn updated_path(&self) -> &str {
        &self.updated.path
    }

    /// The id of a record, if it has one that can be read.
    pub fn object_id(&self, record: &Value) -> Option<String> {
        match record {
            Value::Object(_) => self.id(at(record, &self.id_field)).ok(),
            other => self.no_record(other).0,
        }
    }

    /// Reads one record.
    ///
    /// # Errors
    /// [`BadRecord`] when it is no record, or has no id or no readable dates.
    pub fn read(&self, record: impl Into<Record>) -> Result<Observed, BadRecord> {
        let record = record.into();
        let value = record.value();
        match self.parts(&value) {
            Ok((object_id, updated, created)) => Ok(Observed {
                digest: digest_without(&value, &self.updated.path),
                object_id,
                updated,
                created,
                record,
            }),
            Err((object_id, reason)) => Err(BadRecord {
                object_id,
                reason,
                digest: digest(&value),
                content: match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                },
            }),
        }
    }

    fn parts(&self, record: &Value) -> Result<Parts, (Option<String>, String)> {
        if !record.is_object() {
            return Err(self.no_record(record));
        }
        let object_id = self.id(at(record, &self.id_field));
        let object_id = object_id.map_err(|reason| (None, reason))?;
        let dates = || {
            let updated = self.updated.read(record)?;
            let created = self.created.as_ref();
            let created = created.filter(|reader| at(record, &reader.path).is_some());
            let created = created.map(|reader| reader.read(record)).transpose()?;
            Ok((updated, created))
        };
        match dates() {
            Ok((updated, created)) => Ok((object_id, updated, created)),
            Err(reason) => Err((Some(object_id), reason)),
        }
    }

    fn id(&self, value: Option<&Value>) -> Result<String, String> {
        let problem = |text: &str| Err(format!("{} {text}", self.id_field));
        match value {
            None => problem("is missing"),
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => {
                Ok(number.to_string())
            }
            Some(Value::Number(_)) => problem("is a number with a fraction, or too big for an id"),
            Some(Value::String(text)) if text.is_empty() => problem("is missing"),
            Some(Value::String(text)) if text.len() > LONGEST_ID => {
                problem("is longer than 255 bytes")
            }
            Some(Value::String(text)) if text.chars().any(char::is_control) => {
                problem("holds a control character")
            }
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => problem("is neither a number nor a text"),
        }
    }

    /// What is wrong with something that is no object; the text of a record still tells its id.
    fn no_record(&self, record: &Value) -> (Option<String>, String) {
        let Value::String(text) = record else {
            return (None, "is no record but some other JSON".to_owned());
        };
        let Err(error) = serde_json::from_str::<Value>(text) else {
            return (None, "is no record but some other JSON".to_owned());
        };
        let fields: HashMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap_or_default();
        let id = fields.get(&self.id_field);
        let id = id.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        let id = id.and_then(|value| self.id(Some(&value)).ok());
        (id, format!("is beyond what can be read: {error}"))
    }
}

type Parts = (String, DateTime<Utc>, Option<DateTime<Utc>>);

impl DateReader {
    fn new(field: &DateField) -> Result<Self, BadConfig> {
        let bad = |reason: String| BadConfig {
            field: field.path.clone(),
            reason,
        };
        Ok(Self {
            path: field.path.clone(),
            format: field
                .format
                .parse()
                .map_err(|error| bad(format!("{error}")))?,
            zone: field
                .zone
                .parse()
                .map_err(|error| bad(format!("{error}")))?,
        })
    }

    fn read(&self, record: &Value) -> Result<DateTime<Utc>, String> {
        let value = at(record, &self.path).ok_or_else(|| format!("{} is missing", self.path))?;
        let date = self.format.parse_json(value, self.zone);
        let date = date.map_err(|error| format!("{}: {error}", self.path))?;
        if (1..=9999).contains(&date.year()) {
            Ok(date)
        } else {
            Err(format!("{} is beyond the year 9999", self.path))
        }
    }
}

#[cfg(test)]
mod tests;
