//! The names of `Locale.US`: months, weekdays, and of time zones as Java writes and reads them.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono_tz::Tz;

use super::zone;

/// Before and since the year 1.
pub(super) const ERAS: [&str; 2] = ["BC", "AD"];

/// Before and from noon.
pub(super) const HALF_DAYS: [&str; 2] = ["AM", "PM"];

/// In full; the short form is the first three letters.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// From Monday on, in full; the short form is the first three letters.
pub(super) const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// The names of a time zone.
#[derive(Debug)]
pub(super) struct ZoneNames {
    /// Short.
    pub(super) standard: &'static str,
    /// Short.
    pub(super) daylight: &'static str,
    /// In full.
    pub(super) long_standard: &'static str,
    /// In full.
    pub(super) long_daylight: &'static str,
    /// The first zone of that name, which Java takes for it.
    zone: Tz,
}

/// A name found at the head of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundZone {
    /// The zone it stands for.
    pub(super) zone: Tz,
    /// Which half of the year it says; `None` when both have the same name.
    pub(super) daylight: Option<bool>,
    /// The bytes it takes.
    pub(super) length: usize,
}

impl ZoneNames {
    /// The longest of its names that `text` begins with, in any case.
    fn find(&self, text: &str) -> Option<FoundZone> {
        let all = [
            (self.standard, self.daylight, false),
            (self.long_standard, self.long_daylight, false),
            (self.daylight, self.standard, true),
            (self.long_daylight, self.long_standard, true),
        ];
        let found = all.into_iter().filter(|(name, ..)| starts(text, name));
        // The first of the longest, so that a name of both halves is the standard one.
        let longest = found.rev().max_by_key(|(name, ..)| name.len())?;
        let (name, other, daylight) = longest;
        Some(FoundZone {
            zone: self.zone,
            daylight: (!name.eq_ignore_ascii_case(other)).then_some(daylight),
            length: name.len(),
        })
    }
}

/// Whether `text` begins with `name`, in any case.
pub(super) fn starts(text: &str, name: &str) -> bool {
    let head = text.as_bytes().get(..name.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()))
}

struct Table {
    rows: Vec<ZoneNames>,
    by_zone: HashMap<&'static str, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut rows = Vec::new();
    let mut by_zone = HashMap::new();
    let lines = include_str!("../../data/java-zone-names.txt").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('|').collect();
        let [standard, daylight, long_standard, long_daylight, zones] = cells[..] else {
            panic!("the table of zone names is compiled in and read by a test: {line}");
        };
        let known = |id: &&str| zone::by_id(id).is_some();
        let Some(zone) = zones.split(' ').find(known).and_then(zone::by_id) else {
            continue;
        };
        by_zone.extend(zones.split(' ').map(|id| (id, rows.len())));
        rows.push(ZoneNames {
            standard,
            daylight,
            long_standard,
            long_daylight,
            zone,
        });
    }
    Table { rows, by_zone }
});

/// The names of a zone; the few that Java has no names for are written as their offset.
pub(super) fn of_zone(zone: Tz) -> Option<&'static ZoneNames> {
    let row = TABLE.by_zone.get(zone.name())?;
    Some(&TABLE.rows[*row])
}

/// The zone whose name `text` begins with: the current zone's names first, then the longest of all,
/// among equals (`CST`, `IST`) Java's first.
pub(super) fn find_zone(text: &str, current: Option<Tz>) -> Option<FoundZone> {
    let own = current.and_then(|zone| {
        let found = of_zone(zone)?.find(text)?;
        Some(FoundZone { zone, ..found })
    });
    own.or_else(|| {
        let found = TABLE.rows.iter().filter_map(|names| names.find(text));
        found.rev().max_by_key(|found| found.length)
    })
}
