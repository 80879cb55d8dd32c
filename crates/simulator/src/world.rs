//! Every account and what is in it, without HTTP: the time is handed in, so a test decides what time it is.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::account::{Account, Key, REFERENCE};
use crate::behaviour::Behaviour;
use crate::dice::Dice;
use crate::error::Error;
use crate::faults::{Faults, Rule};
use crate::ledger::{self, Entry};
use crate::orders::Seed;
use crate::query::{Found, Query, Selection};
use crate::record::Record;
use crate::settings::{AccountSettings, Settings};
use crate::stream::Streams;
use crate::table::Table;

/// A simulated Insightly.
#[derive(Debug)]
pub struct World {
    pub(crate) settings: Settings,
    pub(crate) behaviour: Behaviour,
    pub(crate) accounts: Vec<Account>,
    pub(crate) keys: HashMap<String, Key>,
    pub(crate) faults: Faults,
    pub(crate) streams: Streams,
}

/// The records of a page.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of the answer.
    pub records: Vec<Record>,
    /// How many match in all, when that was asked for.
    pub total: Option<usize>,
    /// For [`World::served`].
    rows: Vec<u32>,
}

impl Page {
    /// Its JSON: a list of records.
    pub fn to_json(&self, brief: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + self.records.len() * 1_600);
        out.push(b'[');
        for (place, record) in self.records.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            record.write_json(brief, &mut out);
        }
        out.push(b']');
        out
    }
}

impl World {
    /// A world as of `now`, with the accounts and records of the settings.
    pub fn new(settings: Settings, now: DateTime<Utc>) -> Result<Self, Error> {
        let dice = Dice::new(settings.seed);
        let mut world = Self {
            behaviour: Behaviour::of(&settings),
            accounts: Vec::new(),
            keys: HashMap::new(),
            faults: Faults::new(dice.with(1)),
            streams: Streams::new(dice.with(2)),
            settings,
        };
        for account in world.settings.accounts.clone() {
            world.add_account(&account, now)?;
        }
        Ok(world)
    }

    /// Adds an account with its keys and records.
    pub fn add_account(&mut self, own: &AccountSettings, now: DateTime<Utc>) -> Result<(), Error> {
        if self.accounts.iter().any(|account| account.name == own.name) {
            return Err(Error::Invalid(format!(
                "there is an account named {:?} already",
                own.name
            )));
        }
        if let Some(taken) = own.keys.iter().find(|key| self.keys.contains_key(*key)) {
            return Err(Error::Invalid(format!(
                "the key {taken:?} belongs to another account"
            )));
        }
        let place = self.accounts.len();
        self.accounts.push(Account::new(&self.settings, own));
        for (user, key) in own.keys.iter().enumerate() {
            let key_of_account = Key {
                account: place,
                user: user as u32,
                ..Key::default()
            };
            self.keys.insert(key.clone(), key_of_account);
        }
        let mut records = own
            .records
            .clone()
            .unwrap_or_else(|| self.settings.records.clone());
        for (object, count) in REFERENCE {
            records.entry((*object).to_owned()).or_insert(*count);
        }
        for (object, count) in records {
            self.seed(&Seed::of(&object, count).in_account(&own.name), now)?;
        }
        Ok(())
    }

    /// A page of an object's records, noted in the ledger as handed out. `None` means the first account.
    pub fn search(
        &mut self,
        account: Option<&str>,
        object: &str,
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Page, Error> {
        let place = self.account_place(account)?;
        let page = self.page(place, object, query, now)?;
        self.served(place, object, &page, now);
        Ok(page)
    }

    /// A record by its id, noted in the ledger as handed out.
    pub fn get(
        &mut self,
        account: Option<&str>,
        object: &str,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Record, Error> {
        let place = self.account_place(account)?;
        let page = self.one(place, object, id, now)?;
        self.served(place, object, &page, now);
        Ok(page.records[0].clone())
    }

    /// The same as [`Self::search`] without the note.
    pub(crate) fn page(
        &mut self,
        place: usize,
        object: &str,
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Page, Error> {
        let account = &mut self.accounts[place];
        let cap = self.faults.page_cap(&account.name, object);
        let table = account.table_mut(object)?;
        table.settle(now.timestamp_millis());
        let field = match &query.field {
            Some((name, value)) => Some((searchable(table, name)?, value.as_str())),
            None => None,
        };
        let behaviour = &self.behaviour;
        let found = table.find(&Selection {
            field,
            from: query
                .updated_after
                .map(|after| behaviour.updated_after.first_second(after)),
            skip: query.skip,
            top: query
                .top
                .unwrap_or(behaviour.page_default)
                .min(behaviour.page_limit)
                .min(cap.unwrap_or(usize::MAX)),
            count: query.count_total,
            order: behaviour.order,
        });
        Ok(page_of(table, found))
    }

    /// A page of the one record with that id.
    pub(crate) fn one(
        &mut self,
        place: usize,
        object: &str,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Page, Error> {
        let table = self.accounts[place].table_mut(object)?;
        table.settle(now.timestamp_millis());
        let row = row_of(table, id)
            .filter(|row| table.live.contains(*row))
            .ok_or_else(|| gone(object, id))?;
        Ok(page_of(
            table,
            Found {
                rows: vec![row],
                total: None,
            },
        ))
    }

    /// Notes in the ledger that a reader was given this page.
    pub(crate) fn served(&mut self, place: usize, object: &str, page: &Page, now: DateTime<Utc>) {
        if self.behaviour.record_served
            && let Ok(table) = self.accounts[place].table_mut(object)
        {
            table.served(&page.rows, now.timestamp_millis());
        }
    }

    /// Every write of an object (of all objects when `None`), in its order.
    pub fn ledger(&self, account: Option<&str>, object: Option<&str>) -> Result<Vec<Entry>, Error> {
        Ok(self
            .tables(account, object)?
            .into_iter()
            .flat_map(ledger::ledger)
            .collect())
    }

    /// The last version of every record of an object (of all objects when `None`), deletions included.
    pub fn state(&self, account: Option<&str>, object: Option<&str>) -> Result<Vec<Entry>, Error> {
        Ok(self
            .tables(account, object)?
            .into_iter()
            .flat_map(ledger::state)
            .collect())
    }

    fn tables(&self, account: Option<&str>, object: Option<&str>) -> Result<Vec<&Table>, Error> {
        let account = &self.accounts[self.account_place(account)?];
        match object {
            Some(object) => Ok(vec![account.table(object)?]),
            None => Ok(account.tables().collect()),
        }
    }

    /// Makes something go wrong from now on; the number takes it back.
    pub fn misbehave(&mut self, rule: Rule) -> u64 {
        self.faults.add(rule)
    }

    /// Takes every fault back.
    pub fn behave(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn account_place(&self, name: Option<&str>) -> Result<usize, Error> {
        let Some(name) = name else { return Ok(0) };
        self.accounts
            .iter()
            .position(|account| account.name == name)
            .ok_or_else(|| Error::UnknownAccount(name.to_owned()))
    }
}

fn page_of(table: &Table, found: Found) -> Page {
    Page {
        records: found
            .rows
            .iter()
            .filter_map(|row| table.visible(*row))
            .collect(),
        total: found.total,
        rows: found.rows,
    }
}

/// The place of a field that can be searched by.
fn searchable(table: &Table, name: &str) -> Result<usize, Error> {
    table
        .schema
        .position(name)
        .filter(|place| !table.schema.fields[*place].nested)
        .ok_or_else(|| {
            Error::Invalid(format!(
                "{name} is not a searchable field of {}",
                table.schema.object
            ))
        })
}

/// The row of an id as it stands in a path.
pub(crate) fn row_of(table: &Table, id: &str) -> Option<u32> {
    if !table.schema.known_by_text() {
        return table.row(id.parse().ok()?);
    }
    (0..table.rows.len() as u32).find(|row| {
        table
            .visible(*row)
            .is_some_and(|record| record.shown_id() == id)
    })
}

pub(crate) fn gone(object: &str, id: &str) -> Error {
    Error::Gone {
        object: object.to_owned(),
        id: id.to_owned(),
    }
}
