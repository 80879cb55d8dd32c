//! One Insightly account: its objects, its limits, and the keys that open it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use ie_model::catalog;

use crate::dice::{Dice, hash};
use crate::error::Error;
use crate::limits::{Limits, Meter};
use crate::schema::Schema;
use crate::settings::{AccountSettings, Settings};
use crate::table::Table;

/// How many records of reference data an account has at least.
pub(crate) const REFERENCE: &[(&str, usize)] = &[
    ("ActivitySets", 3),
    ("Countries", 50),
    ("Currencies", 13),
    ("LeadSources", 5),
    ("LeadStatuses", 4),
    ("OpportunityCategories", 4),
    ("OpportunityStateReasons", 4),
    ("PipelineStages", 8),
    ("Pipelines", 3),
    ("ProjectCategories", 4),
    ("Relationships", 3),
    ("TaskCategories", 5),
    ("TeamMembers", 5),
    ("Teams", 3),
    ("Users", 5),
];
/// How many records of other objects references name. More may exist, or fewer: references may dangle.
const REFERRED: u64 = 1_000;

/// What an API key may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key {
    /// The account's place.
    pub(crate) account: usize,
    /// Which of the account's users it belongs to, from 0.
    pub(crate) user: u32,
    pub(crate) revoked: bool,
    /// Objects that answer 403.
    pub(crate) forbidden: HashSet<String>,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) instance_id: i64,
    pub(crate) limits: Limits,
    pub(crate) meter: Meter,
    tables: BTreeMap<String, Table>,
}

impl Account {
    pub(crate) fn new(settings: &Settings, own: &AccountSettings) -> Self {
        let seed = hash(&[&settings.seed.to_le_bytes(), own.name.as_bytes()]);
        let references = |object: &str| (first_id(seed, object), referred(object));
        let published = catalog::catalog()
            .iter()
            .map(|object| Schema::of(object, &references));
        let custom = settings
            .custom_objects
            .iter()
            .map(|name| Schema::custom(name, &references));
        let tables = published.chain(custom).map(|schema| {
            let dice = Dice::new(seed).with(hash(&[schema.object.as_bytes()]));
            let base = if schema.known_by_text() {
                0
            } else {
                first_id(seed, &schema.object)
            };
            (
                schema.object.clone(),
                Table::new(Arc::new(schema), dice, base),
            )
        });
        Self {
            name: own.name.clone(),
            instance_id: first_id(seed, "Instance"),
            limits: settings.limits(own),
            meter: Meter::default(),
            tables: tables.collect(),
        }
    }

    pub(crate) fn table(&self, object: &str) -> Result<&Table, Error> {
        self.tables
            .get(object)
            .ok_or_else(|| Error::UnknownObject(object.to_owned()))
    }

    pub(crate) fn table_mut(&mut self, object: &str) -> Result<&mut Table, Error> {
        self.tables
            .get_mut(object)
            .ok_or_else(|| Error::UnknownObject(object.to_owned()))
    }

    /// The objects, by name.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    pub(crate) fn settle(&mut self, now: i64) {
        for table in self.tables.values_mut() {
            table.settle(now);
        }
    }
}

/// Ids increase from a number that differs by account and object, so that mistaking one for another shows.
fn first_id(seed: u64, object: &str) -> i64 {
    let place = hash(&[&seed.to_le_bytes(), object.as_bytes()]) % 90_000;
    1_000_000 + place as i64 * 1_000
}

fn referred(object: &str) -> u64 {
    if object == "Instance" {
        return 1;
    }
    REFERENCE
        .iter()
        .find(|(name, _)| *name == object)
        .map_or(REFERRED, |(_, count)| *count as u64)
}
