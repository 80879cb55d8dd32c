//! What the simulator can be told to write.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Records to make up: created over the time from `from` to `to`, two years until an hour ago when absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// The account; the first one when absent.
    #[serde(default)]
    pub account: Option<String>,
    /// The object.
    pub object: String,
    /// How many.
    pub count: usize,
    /// When the first is created.
    #[serde(default)]
    pub from: Option<DateTime<Utc>>,
    /// No update is later than that.
    #[serde(default)]
    pub to: Option<DateTime<Utc>>,
}

impl Seed {
    /// That many records of an object.
    pub fn of(object: &str, count: usize) -> Self {
        Self {
            account: None,
            object: object.to_owned(),
            count,
            from: None,
            to: None,
        }
    }

    /// In that account.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Over that time.
    #[must_use]
    pub fn between(mut self, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        self.from = Some(from);
        self.to = Some(to);
        self
    }
}

/// The ids that seeding gave, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeded {
    /// The first one.
    pub first_id: i64,
    /// The last one; less than the first when nothing was seeded.
    pub last_id: i64,
}

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Creates a record.
    Create,
    /// Changes some of its fields.
    Update,
    /// Deletes it.
    Delete,
}

/// One write, made up as far as it is not given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The account; the first one when absent.
    #[serde(default)]
    pub account: Option<String>,
    /// The object.
    pub object: String,
    /// What to do.
    pub action: Action,
    /// The record; any when absent.
    #[serde(default)]
    pub id: Option<i64>,
    /// Fields to set, beside those made up.
    #[serde(default)]
    pub fields: Map<String, Value>,
}

impl Change {
    /// A new record.
    pub fn create(object: &str) -> Self {
        Self {
            account: None,
            object: object.to_owned(),
            action: Action::Create,
            id: None,
            fields: Map::new(),
        }
    }

    /// A change of a record; of any when `id` is `None`.
    pub fn update(object: &str, id: impl Into<Option<i64>>) -> Self {
        Self {
            action: Action::Update,
            id: id.into(),
            ..Self::create(object)
        }
    }

    /// The end of a record; of any when `id` is `None`.
    pub fn delete(object: &str, id: impl Into<Option<i64>>) -> Self {
        Self {
            action: Action::Delete,
            id: id.into(),
            ..Self::create(object)
        }
    }

    /// With that value of a field.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    /// In that account.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }
}
