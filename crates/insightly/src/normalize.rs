//! A record as Insightly sends it, to its id, its dates and the digest of its content; pure.

use chrono::{DateTime, Utc};
use ie_model::dates::{Format, Zone};
use ie_model::{DateField, Digest, ResourceConfig};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

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
    /// The digest of all its content.
    pub digest: Digest,
    /// The record itself.
    pub record: Value,
}

/// A record that cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadRecord {
    /// Its id, if that could be read.
    pub object_id: Option<String>,
    /// What is wrong with it; holds no value of the record.
    pub reason: String,
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

    /// Reads one record.
    ///
    /// # Errors
    /// [`BadRecord`] when it has no id or no readable dates.
    pub fn read(&self, record: Value) -> Result<Observed, BadRecord> {
        let object_id = match at(&record, &self.id_field) {
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            _ => {
                return Err(BadRecord {
                    object_id: None,
                    reason: format!("{} is missing", self.id_field),
                });
            }
        };
        let dates = self.updated.read(&record).and_then(|updated| {
            let created = self
                .created
                .as_ref()
                .filter(|reader| present(&record, &reader.path));
            Ok((
                updated,
                created.map(|reader| reader.read(&record)).transpose()?,
            ))
        });
        match dates {
            Ok((updated, created)) => Ok(Observed {
                digest: digest(&record),
                object_id,
                updated,
                created,
                record,
            }),
            Err(reason) => Err(BadRecord {
                object_id: Some(object_id),
                reason,
            }),
        }
    }
}

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
        self.format
            .parse_json(value, self.zone)
            .map_err(|error| format!("{}: {error}", self.path))
    }
}

/// The value at a dotted path; a field whose own name holds the dots wins.
fn at<'a>(record: &'a Value, path: &str) -> Option<&'a Value> {
    let found = record.get(path).or_else(|| {
        path.split('.')
            .try_fold(record, |value, name| value.get(name))
    });
    found.filter(|value| !value.is_null())
}

fn present(record: &Value, path: &str) -> bool {
    at(record, path).is_some()
}

/// The digest of a record's content, whatever the order of its fields.
pub fn digest(record: &Value) -> Digest {
    let mut hasher = Sha256::new();
    feed(&mut hasher, record);
    let hash = hasher.finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&hash[..16]);
    Digest(short)
}

/// Every value is preceded by a mark of its type and size, so that no two contents look alike.
fn feed(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hasher.update(b"n"),
        Value::Bool(flag) => hasher.update([b'b', u8::from(*flag)]),
        Value::Number(number) => feed_text(hasher, b'd', &number.to_string()),
        Value::String(text) => feed_text(hasher, b's', text),
        Value::Array(entries) => {
            feed_size(hasher, b'a', entries.len());
            entries.iter().for_each(|entry| feed(hasher, entry));
        }
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.iter().collect();
            names.sort_unstable_by_key(|(name, _)| *name);
            feed_size(hasher, b'o', names.len());
            for (name, field) in names {
                feed_text(hasher, b'k', name);
                feed(hasher, field);
            }
        }
    }
}

fn feed_text(hasher: &mut Sha256, mark: u8, text: &str) {
    feed_size(hasher, mark, text.len());
    hasher.update(text.as_bytes());
}

fn feed_size(hasher: &mut Sha256, mark: u8, size: usize) {
    hasher.update([mark]);
    hasher.update((size as u64).to_be_bytes());
}

#[cfg(test)]
mod tests;
