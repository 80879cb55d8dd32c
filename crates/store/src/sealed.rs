//! What is sealed, where it stands, and how it is sealed anew when the master key is replaced.
//!
//! [`SEALED_COLUMNS`] is the one list of it. A walk goes through the rows of each column by their key, a bounded number at a time; a
//! value that somebody else has written meanwhile is left to the next walk. No hot path.

use std::collections::{BTreeMap, HashSet};

use ie_platform::seal::{self, Sealer};

use crate::rows::Rows;
use crate::sealed_columns::{Form, SEALED_COLUMNS, SealedColumn};
use crate::timer::Timer;
use crate::{Error, Result, Store, instance_row};

/// Where a walk through everything that is sealed goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedPlace {
    column: usize,
    after: Option<String>,
}

/// What a step of a walk has met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedStep {
    /// Where the next one begins; none at the end.
    pub next: Option<SealedPlace>,
    /// How many values each key has sealed, by its id, as they stand after the step.
    pub keys: BTreeMap<String, u64>,
    /// How many values were sealed anew.
    pub resealed: u64,
    /// How many rows somebody else has written meanwhile: another walk looks at them again.
    pub overtaken: u64,
    /// What could not be sealed anew, and why; no secret is shown.
    pub unreadable: Vec<String>,
}

/// Why a process does not start with its keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] Error),
    /// There is a value that none of the keys opens.
    #[error("the master key is not the one of this store: {place} is {source}")]
    Unknown {
        /// Where the value stands.
        place: String,
        /// What is wrong with it.
        source: seal::Error,
    },
}

/// A value of a row.
struct Found<'a> {
    column: &'a SealedColumn,
    key: &'a str,
    /// Its name in an object.
    name: Option<&'a str>,
    sealed: &'a str,
}

impl Found<'_> {
    fn context(&self) -> String {
        match (&self.column.form, self.name) {
            (Form::Object(context), name) => context(self.key, name.unwrap_or_default()),
            (Form::Value(context), _) => context(self.key),
        }
    }

    fn place(&self) -> String {
        let SealedColumn { table, column, .. } = self.column;
        let name = self.name.map(|name| format!(" {name}"));
        let name = name.unwrap_or_default();
        format!("{table}.{column} of {key}{name}", key = self.key)
    }
}

impl SealedColumn {
    /// Looks at each value of a row; the text with those that `seal` gives in their places, and how many these are.
    fn mapped(
        &self,
        (key, text): (&str, &str),
        mut seal: impl FnMut(&Found<'_>) -> Option<String>,
    ) -> Result<(String, u64)> {
        let mut seal = |name: Option<&str>, sealed: &str| {
            seal(&Found {
                column: self,
                key,
                name,
                sealed,
            })
        };
        if let Form::Value(_) = self.form {
            let new = seal(None, text);
            let count = u64::from(new.is_some());
            return Ok((new.unwrap_or_else(|| text.to_owned()), count));
        }
        let mut values: BTreeMap<String, String> = instance_row::from_json("sealed values", text)?;
        let mut count = 0;
        for (name, value) in &mut values {
            if let Some(new) = seal(Some(name), value) {
                *value = new;
                count += 1;
            }
        }
        Ok((instance_row::to_json("sealed values", &values)?, count))
    }
}

impl Store {
    /// Whether these keys open what is sealed here: a process with others would fail at every instance.
    ///
    /// # Errors
    /// They do not; or the store cannot be read.
    pub async fn check_keys(&self, sealer: &Sealer) -> Result<(), KeyError> {
        let _timer = Timer::start("check_keys");
        for column in SEALED_COLUMNS {
            let sql = column.select_unknown(sealer.key_ids());
            let row: Option<(String, String)> = self.database.optional(sql).await?;
            let Some((key, text)) = row else { continue };
            let mut unknown = None;
            column.mapped((&key, &text), |found| {
                if let Err(source) = sealer.open(found.sealed, &found.context()) {
                    let place = found.place();
                    unknown.get_or_insert(KeyError::Unknown { place, source });
                }
                None
            })?;
            if let Some(unknown) = unknown {
                return Err(unknown);
            }
        }
        Ok(())
    }

    /// Counts the next `limit` rows of what is sealed, by key.
    pub async fn count_sealed(&self, place: SealedPlace, limit: u32) -> Result<SealedStep> {
        let _timer = Timer::start("count_sealed");
        let (mut step, rows) = self.sealed_rows(place, limit).await?;
        for (column, key, text) in &rows {
            column.mapped((key, text), |found| {
                step.note(found.sealed, found);
                None
            })?;
        }
        Ok(step)
    }

    /// Seals anew, with the sealer's current key, what other keys have sealed of the next `limit` rows.
    ///
    /// Done twice it does nothing more, and in the middle of it everything can be opened with both keys.
    pub async fn reseal(
        &self,
        sealer: &Sealer,
        place: SealedPlace,
        limit: u32,
    ) -> Result<SealedStep> {
        let _timer = Timer::start("reseal");
        let (mut step, rows) = self.sealed_rows(place, limit).await?;
        let mut changed = Vec::new();
        for (column, key, text) in &rows {
            let (new, count) = column.mapped((key, text), |found| {
                let sealed = sealer.reseal(found.sealed, &found.context());
                let sealed = sealed.unwrap_or_else(|error| {
                    step.unreadable.push(format!("{}: {error}", found.place()));
                    None
                });
                step.note(sealed.as_deref().unwrap_or(found.sealed), found);
                sealed
            })?;
            if count > 0 {
                changed.push((key.as_str(), text.as_str(), new, count));
            }
        }
        if let Some((column, ..)) = rows.first()
            && !changed.is_empty()
        {
            let texts = Rows::new()
                .text("row_key", changed.iter().map(|(key, ..)| *key))
                .text("text_before", changed.iter().map(|(_, text, ..)| *text))
                .text(
                    "text_after",
                    changed.iter().map(|(.., new, _)| new.as_str()),
                );
            let replace = column.replace(texts);
            let written: Vec<(String,)> = self.database.write_returning(replace).await?;
            let written: HashSet<&str> = written.iter().map(|(key,)| key.as_str()).collect();
            for (key, .., count) in &changed {
                if written.contains(key) {
                    step.resealed += count;
                } else {
                    step.overtaken += 1;
                }
            }
        }
        Ok(step)
    }

    /// The rows of a step, all of one column, and where the next step begins.
    async fn sealed_rows(
        &self,
        place: SealedPlace,
        limit: u32,
    ) -> Result<(SealedStep, Vec<(&'static SealedColumn, String, String)>)> {
        let Some(column) = SEALED_COLUMNS.get(place.column) else {
            return Ok((SealedStep::default(), Vec::new()));
        };
        let sql = column.select(place.after.as_deref(), limit);
        let rows: Vec<(String, String)> = self.database.all(sql).await?;
        let is_full = u32::try_from(rows.len()) == Ok(limit);
        let last = rows.last().filter(|_| is_full);
        let next = match last {
            Some((key, _)) => SealedPlace {
                after: Some(key.clone()),
                ..place
            },
            None => SealedPlace {
                column: place.column + 1,
                after: None,
            },
        };
        let step = SealedStep {
            next: Some(next).filter(|next| next.column < SEALED_COLUMNS.len()),
            ..SealedStep::default()
        };
        let rows = rows.into_iter().map(|(key, text)| (column, key, text));
        Ok((step, rows.collect()))
    }
}

impl SealedStep {
    fn note(&mut self, sealed: &str, found: &Found<'_>) {
        match seal::key_id_of(sealed) {
            Ok(key) => *self.keys.entry(key.to_owned()).or_default() += 1,
            Err(error) => {
                let why = format!("{}: {error}", found.place());
                if self.unreadable.last() != Some(&why) {
                    self.unreadable.push(why);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Sql;

    const VALUES: SealedColumn = SealedColumn {
        table: "t",
        column: "sealed",
        key: ("user_id || ':' || name", "TEXT"),
        touch: "",
        form: Form::Value(|key| format!("t:{key}")),
    };

    fn text(sql: Sql) -> String {
        sql.sqlite().unwrap().text.0
    }

    #[test]
    fn a_column_of_values_is_read_by_a_key_of_several_parts() {
        assert_eq!(
            text(VALUES.select(Some("1:a"), 10)),
            "SELECT CAST(user_id || ':' || name AS TEXT), sealed FROM t WHERE sealed IS NOT NULL \
             AND user_id || ':' || name > CAST($1 AS TEXT) ORDER BY user_id || ':' || name LIMIT $2"
        );
        assert_eq!(
            text(VALUES.select_unknown(["k1", "k2"].into_iter())),
            "SELECT CAST(user_id || ':' || name AS TEXT), sealed FROM t WHERE sealed IS NOT NULL \
             AND sealed NOT LIKE $1 AND sealed NOT LIKE $2 LIMIT 1"
        );
    }

    #[test]
    fn a_value_is_sealed_for_the_place_of_its_row() {
        let sealed = VALUES.mapped(("1:a", "old"), |found| Some(found.context()));

        assert_eq!(sealed.unwrap(), ("t:1:a".to_owned(), 1));
        let kept = VALUES.mapped(("1:a", "old"), |_| None);
        assert_eq!(kept.unwrap(), ("old".to_owned(), 0));
    }
}
