//! What a list or a search asks for, and the rows that answer it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dice::mix;
use crate::table::Table;

/// Above so many candidates a scan in the order of ids is cheaper than sorting them.
const SORTABLE: usize = 20_000;

/// The order of records in lists and searches, of which Insightly promises nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// By id.
    #[default]
    Id,
    /// By the time of the update: records move to the end while they are read.
    Updated,
    /// By nothing that a reader could use, but the same for every page.
    Shuffled,
}

/// Whether `updated_after_utc` includes its own second, of which Insightly says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// It does.
    #[default]
    Inclusive,
    /// It does not.
    Exclusive,
}

impl After {
    /// The first second of an update that is found.
    pub(crate) fn first_second(self, after: DateTime<Utc>) -> u32 {
        let second = after.timestamp();
        let whole = after.timestamp_subsec_nanos() == 0;
        let first = match self {
            Self::Inclusive if whole => second,
            _ => second + 1,
        };
        u32::try_from(first.max(0)).unwrap_or(u32::MAX)
    }
}

/// A page to read. The default is the first page of a list, as large as Insightly's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only records whose field has that value.
    pub field: Option<(String, String)>,
    /// Only records updated after that time.
    pub updated_after: Option<DateTime<Utc>>,
    /// How many records to leave out first.
    pub skip: usize,
    /// How many records to give; 100 when absent, and never more than the page limit.
    pub top: Option<usize>,
    /// Whether to count all matches.
    pub count_total: bool,
}

/// What a table looks for: a query with the account's rules applied.
pub(crate) struct Selection<'a> {
    /// A field's place and the value it must have.
    pub(crate) field: Option<(usize, &'a str)>,
    /// The first second of an update that is found.
    pub(crate) from: Option<u32>,
    pub(crate) skip: usize,
    pub(crate) top: usize,
    pub(crate) count: bool,
    pub(crate) order: Order,
}

/// The rows found.
pub(crate) struct Found {
    pub(crate) rows: Vec<u32>,
    /// How many match in all, when that was asked for.
    pub(crate) total: Option<usize>,
}

impl Table {
    /// The rows that answer a selection.
    pub(crate) fn find(&self, selection: &Selection<'_>) -> Found {
        if selection.field.is_none() && selection.from.is_none() && selection.order == Order::Id {
            return Found {
                rows: self
                    .live
                    .iter_from(selection.skip)
                    .take(selection.top)
                    .collect(),
                total: selection.count.then(|| self.live.len()),
            };
        }
        let mut matching = self
            .candidates(selection)
            .filter(|row| match selection.field {
                Some((place, value)) => self.has(*row, place, value),
                None => true,
            });
        let before = matching.by_ref().take(selection.skip).count();
        let rows: Vec<u32> = matching.by_ref().take(selection.top).collect();
        let total = selection
            .count
            .then(|| before + rows.len() + matching.count());
        Found { rows, total }
    }

    fn candidates(&self, selection: &Selection<'_>) -> Box<dyn Iterator<Item = u32> + '_> {
        let from = selection.from.unwrap_or(0);
        let by_time = self.by_time.range((from, 0)..).map(|(_, row)| *row);
        match selection.order {
            Order::Updated => Box::new(by_time),
            Order::Shuffled => {
                let mut rows: Vec<u32> = by_time.collect();
                rows.sort_unstable_by_key(|row| mix(u64::from(*row)));
                Box::new(rows.into_iter())
            }
            Order::Id => {
                let mut rows: Vec<u32> = by_time.take(SORTABLE).collect();
                if rows.len() == SORTABLE {
                    return Box::new(
                        self.live
                            .iter_from(0)
                            .filter(move |row| self.updated(*row) >= from),
                    );
                }
                rows.sort_unstable();
                Box::new(rows.into_iter())
            }
        }
    }

    /// Whether the visible record has that value, written as in a query: texts without quotes, cases folded.
    fn has(&self, row: u32, place: usize, wanted: &str) -> bool {
        let Some(record) = self.visible(row) else {
            return false;
        };
        match record.value(place) {
            Value::String(text) => text.to_lowercase() == wanted.to_lowercase(),
            Value::Null => false,
            other => {
                let shown = other.to_string();
                shown == wanted.to_lowercase()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_the_window_is_in_or_out_as_set() {
        let whole = DateTime::from_timestamp(1_000, 0).unwrap();
        let within = DateTime::from_timestamp(1_000, 500_000_000).unwrap();

        assert_eq!(After::Inclusive.first_second(whole), 1_000);
        assert_eq!(After::Exclusive.first_second(whole), 1_001);
        assert_eq!(After::Inclusive.first_second(within), 1_001);
        assert_eq!(After::Exclusive.first_second(within), 1_001);
    }
}
