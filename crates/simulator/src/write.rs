//! Writes: seeding by the thousand, made-up changes, and what clients send.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::dice::Dice;
use crate::error::Error;
use crate::given::given;
use crate::ledger::{self, Entry, Kind};
use crate::orders::{Action, Change, Seed, Seeded};
use crate::record::{Content, Record, Source};
use crate::schema::Schema;
use crate::table::{Table, Write};
use crate::world::{World, gone, row_of};

impl World {
    /// Makes up records, at once visible.
    pub fn seed(&mut self, seed: &Seed, now: DateTime<Utc>) -> Result<Seeded, Error> {
        let place = self.account_place(seed.account.as_deref())?;
        let table = self.accounts[place].table_mut(&seed.object)?;
        let to = seed.to.unwrap_or(now - TimeDelta::hours(1));
        let from = seed.from.unwrap_or(to - TimeDelta::days(730));
        if from > to || from.timestamp() < 0 {
            return Err(Error::Invalid(
                "from must not be later than to, and neither before 1970".to_owned(),
            ));
        }
        let first = table.rows.len() as u32;
        let (from, span) = (from.timestamp(), (to - from).num_seconds());
        for n in 0..seed.count {
            let mut dice = Dice::new(u64::from(first) + n as u64);
            let age = span * n as i64 / seed.count as i64;
            // Two of three were changed after their creation.
            let later = if dice.percent(66) {
                dice.below((span - age + 1) as u64) as i64
            } else {
                0
            };
            let row = table.add_row((from + age) as u32);
            let write = Write {
                row,
                kind: Kind::Seeded,
                content: None,
                updated: (from + age + later) as u32,
                visible_at: now.timestamp_millis(),
            };
            table.write(write, now.timestamp_millis());
        }
        Ok(Seeded {
            first_id: table.id(first),
            last_id: table.id(first) + seed.count as i64 - 1,
        })
    }

    /// Applies one change.
    pub fn change(&mut self, change: &Change, now: DateTime<Utc>) -> Result<Entry, Error> {
        let place = self.account_place(change.account.as_deref())?;
        let lenient = self.behaviour.lenient_dates;
        let dice = self.streams.roll();
        let table = self.accounts[place].table(&change.object)?;
        let fields = given(&table.schema, &change.fields, lenient)?;
        let (kind, row, content) = match change.action {
            Action::Create => (Kind::Created, None, made_up(fields)),
            Action::Update => {
                let row = target(table, change, dice)?;
                (
                    Kind::Updated,
                    Some(row),
                    Some(revise(table, row, fields, dice)),
                )
            }
            Action::Delete => (Kind::Deleted, Some(target(table, change, dice)?), None),
        };
        let object = &change.object;
        let index = self.write(Target { place, object, row }, kind, content, now)?;
        Ok(ledger::entry(self.accounts[place].table(object)?, index))
    }

    /// A record as a client creates it: what it does not give is null.
    pub(crate) fn create(
        &mut self,
        at: At<'_>,
        fields: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Record, Error> {
        let At { place, object } = at;
        let schema = &self.accounts[place].table(object)?.schema;
        let mut content = Content {
            blank: true,
            fields: Vec::new(),
        };
        for (field, source) in given(schema, fields, self.behaviour.lenient_dates)? {
            content.set(field, source);
        }
        let target = Target {
            place,
            object,
            row: None,
        };
        let index = self.write(target, Kind::Created, Some(content), now)?;
        Ok(self.accounts[place].table(object)?.record(index))
    }

    /// A change as a client makes it: the fields given, no others.
    pub(crate) fn update(
        &mut self,
        at: At<'_>,
        id: &str,
        fields: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Record, Error> {
        let At { place, object } = at;
        let table = self.accounts[place].table(object)?;
        let row = alive(table, id)?;
        let mut content = current(table, row);
        for (field, source) in given(&table.schema, fields, self.behaviour.lenient_dates)? {
            content.set(field, source);
        }
        let target = Target {
            place,
            object,
            row: Some(row),
        };
        let index = self.write(target, Kind::Updated, Some(content), now)?;
        Ok(self.accounts[place].table(object)?.record(index))
    }

    /// A deletion by a client.
    pub(crate) fn delete(&mut self, at: At<'_>, id: &str, now: DateTime<Utc>) -> Result<(), Error> {
        let At { place, object } = at;
        let row = alive(self.accounts[place].table(object)?, id)?;
        let target = Target {
            place,
            object,
            row: Some(row),
        };
        self.write(target, Kind::Deleted, None, now).map(drop)
    }

    /// What was last written of a record, whether or not readers see it yet.
    pub(crate) fn latest(&self, at: At<'_>, id: &str) -> Result<Record, Error> {
        let table = self.accounts[at.place].table(at.object)?;
        table
            .latest(alive(table, id)?)
            .ok_or_else(|| gone(at.object, id))
    }

    /// Writes a version and returns its place in the ledger.
    fn write(
        &mut self,
        at: Target<'_>,
        kind: Kind,
        content: Option<Content>,
        now: DateTime<Utc>,
    ) -> Result<u32, Error> {
        let account = &mut self.accounts[at.place];
        let late = self.faults.lateness(&account.name, at.object);
        let table = account.table_mut(at.object)?;
        let updated = now.timestamp().clamp(0, i64::from(u32::MAX)) as u32;
        let row = at.row.unwrap_or_else(|| table.add_row(updated));
        let now = now.timestamp_millis();
        table.settle(now);
        let write = Write {
            row,
            kind,
            content: content.map(Arc::new),
            updated,
            visible_at: now + late as i64,
        };
        let index = table.write(write, now);
        if kind != Kind::Deleted {
            table.versions[index as usize].digest = table.record(index).digest();
        }
        Ok(index)
    }
}

/// An object of an account.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) place: usize,
    pub(crate) object: &'a str,
}

/// Where a write goes: a new row when there is none.
struct Target<'a> {
    place: usize,
    object: &'a str,
    row: Option<u32>,
}

fn alive(table: &Table, id: &str) -> Result<u32, Error> {
    row_of(table, id)
        .filter(|row| table.alive.contains(*row))
        .ok_or_else(|| gone(&table.schema.object, id))
}

/// The row that a change is about.
fn target(table: &Table, change: &Change, mut dice: Dice) -> Result<u32, Error> {
    if let Some(id) = change.id {
        return alive(table, &id.to_string());
    }
    let any = dice.below(table.alive.len() as u64) as usize;
    table
        .alive
        .iter_from(any)
        .next()
        .ok_or_else(|| gone(&change.object, "(any)"))
}

fn current(table: &Table, row: u32) -> Content {
    table
        .latest(row)
        .and_then(|record| record.content.as_deref().cloned())
        .unwrap_or_default()
}

fn made_up(fields: Vec<(usize, Source)>) -> Option<Content> {
    let mut content = Content::default();
    for (place, source) in fields {
        content.set(place, source);
    }
    (!content.fields.is_empty()).then_some(content)
}

/// The content after a made-up change: one field that names the revision, up to two others, and what is given.
fn revise(table: &Table, row: u32, fields: Vec<(usize, Source)>, mut dice: Dice) -> Content {
    let schema: &Schema = &table.schema;
    let revision = table.latest(row).map_or(0, |record| record.revision) + 1;
    let mut content = current(table, row);
    let others = dice.below(3);
    let first = schema.revisable.first().copied();
    let touched = (0..others).filter_map(|_| {
        let at = dice.below(schema.revisable.len() as u64) as usize;
        schema.revisable.get(at).copied()
    });
    for place in first.into_iter().chain(touched.collect::<Vec<_>>()) {
        content.set(place, Source::Revised(revision));
    }
    for (place, source) in fields {
        content.set(place, source);
    }
    content
}
