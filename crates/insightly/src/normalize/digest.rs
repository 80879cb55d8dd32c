//! The digest of a record's content: the same for the same content, whatever the order in which it is told.

use ie_model::Digest;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::fields::{CUSTOM_FIELDS, custom_fields, steps};

/// The digest of a record's content, whatever the order of its fields.
pub fn digest(record: &Value) -> Digest {
    finish(|hasher| feed(hasher, record, &[]))
}

/// The digest of a record's content without the value at a dotted path, such as its updated date: of two versions with
/// one digest nothing else changed. The order of fields and of custom fields does not matter; that of lists does.
pub fn digest_without(record: &Value, path: &str) -> Digest {
    finish(|hasher| match record {
        Value::Object(fields) => feed_fields(hasher, fields, &steps(fields, path), true),
        other => feed(hasher, other, &[]),
    })
}

fn finish(feed: impl FnOnce(&mut Sha256)) -> Digest {
    let mut hasher = Sha256::new();
    feed(&mut hasher);
    let hash = hasher.finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&hash[..16]);
    Digest(short)
}

/// Every value is preceded by a mark of its type and size, so that no two contents look alike.
fn feed(hasher: &mut Sha256, value: &Value, without: &[&str]) {
    match value {
        Value::Null => hasher.update(b"n"),
        Value::Bool(flag) => hasher.update([b'b', u8::from(*flag)]),
        Value::Number(number) => feed_text(hasher, b'd', &number.to_string()),
        Value::String(text) => feed_text(hasher, b's', text),
        Value::Array(entries) => {
            feed_size(hasher, b'a', entries.len());
            entries.iter().for_each(|entry| feed(hasher, entry, &[]));
        }
        Value::Object(fields) => feed_fields(hasher, fields, without, false),
    }
}

/// `without` are the names that lead to the value that does not count, `root` says that this is the record itself.
fn feed_fields(hasher: &mut Sha256, fields: &Map<String, Value>, without: &[&str], root: bool) {
    let mut names: Vec<_> = fields.iter().collect();
    names.sort_unstable_by_key(|(name, _)| *name);
    feed_size(hasher, b'o', names.len());
    for (name, field) in names {
        feed_text(hasher, b'k', name);
        match without.split_first() {
            Some((first, [])) if first == name => hasher.update(b"-"),
            Some((first, rest)) if first == name => feed(hasher, field, rest),
            _ if root && name == CUSTOM_FIELDS => feed_custom_fields(hasher, field),
            _ => feed(hasher, field, &[]),
        }
    }
}

/// In the order of their names: Insightly promises none.
fn feed_custom_fields(hasher: &mut Sha256, list: &Value) {
    let Some(by_name) = custom_fields(list) else {
        return feed(hasher, list, &[]);
    };
    feed_size(hasher, b'c', by_name.len());
    for (name, value) in by_name {
        feed_text(hasher, b'k', name);
        feed(hasher, value, &[]);
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
