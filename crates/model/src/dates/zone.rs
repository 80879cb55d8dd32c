//! Time zones by the names that Java takes, and their offsets as Java resolves them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{OffsetComponents, TZ_VARIANTS, Tz};
use thiserror::Error;

use crate::catalog::nearest;

use super::names;

/// Java's abbreviations that are not names of the IANA database. Some surprise: `BST` is Dhaka's.
const ABBREVIATIONS: [(&str, Tz); 25] = [
    ("ACT", Tz::Australia__Darwin),
    ("AET", Tz::Australia__Sydney),
    ("AGT", Tz::America__Argentina__Buenos_Aires),
    ("ART", Tz::Africa__Cairo),
    ("AST", Tz::America__Anchorage),
    ("BET", Tz::America__Sao_Paulo),
    ("BST", Tz::Asia__Dhaka),
    ("CAT", Tz::Africa__Harare),
    ("CNT", Tz::America__St_Johns),
    ("CST", Tz::America__Chicago),
    ("CTT", Tz::Asia__Shanghai),
    ("EAT", Tz::Africa__Addis_Ababa),
    ("ECT", Tz::Europe__Paris),
    ("IET", Tz::America__Indiana__Indianapolis),
    ("IST", Tz::Asia__Kolkata),
    ("JST", Tz::Asia__Tokyo),
    ("MIT", Tz::Pacific__Apia),
    ("NET", Tz::Asia__Yerevan),
    ("NST", Tz::Pacific__Auckland),
    ("PLT", Tz::Asia__Karachi),
    ("PNT", Tz::America__Phoenix),
    ("PRT", Tz::America__Puerto_Rico),
    ("PST", Tz::America__Los_Angeles),
    ("SST", Tz::Pacific__Guadalcanal),
    ("VST", Tz::Asia__Ho_Chi_Minh),
];

/// A time zone: `updatedDateTimezone`, `event.poller.timezone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// A zone of the IANA database.
    Region(Tz),
    /// A fixed offset.
    Offset(FixedOffset),
}

/// A name that is no time zone. (Java would take it for GMT without a word.)
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{name:?} is no time zone{}; write an IANA name such as Europe/Berlin, UTC, GMT, or an offset such as GMT+02:00",
    suggestion.as_ref().map(|near| format!(" (did you mean {near}?)")).unwrap_or_default()
)]
pub struct ZoneError {
    /// The name as it was written, shortened.
    pub name: String,
    /// The nearest name that is one.
    pub suggestion: Option<String>,
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self::Region(Tz::UTC);
    /// The same by Java's default name, which `z` writes.
    pub const GMT: Self = Self::Region(Tz::GMT);

    /// Seconds east of Greenwich at that instant.
    pub(super) fn offset_seconds(self, instant: DateTime<Utc>) -> i32 {
        match self {
            Self::Region(tz) => {
                let offset = tz.offset_from_utc_datetime(&instant.naive_utc());
                offset.fix().local_minus_utc()
            }
            Self::Offset(offset) => offset.local_minus_utc(),
        }
    }

    /// What a clock on the wall shows; at the very ends of chrono's time that of UTC.
    pub(super) fn wall(self, instant: DateTime<Utc>) -> NaiveDateTime {
        let utc = instant.naive_utc();
        let offset = TimeDelta::seconds(self.offset_seconds(instant).into());
        utc.checked_add_signed(offset).unwrap_or(utc)
    }

    /// The instant at which the wall shows that time. In a gap the offset from before it holds, in an
    /// overlap the one from after it.
    pub(super) fn instant(self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        let offset = match self {
            Self::Region(tz) => region_offset(tz, wall)?,
            Self::Offset(offset) => offset.local_minus_utc(),
        };
        at_offset(wall, offset)
    }

    /// `CET`, or in full `Central European Standard Time`.
    pub(super) fn display_name(self, instant: DateTime<Utc>, long: bool) -> String {
        let named = match self {
            Self::Region(tz) => names::of_zone(tz).map(|names| (tz, names)),
            Self::Offset(_) => None,
        };
        let Some((tz, names)) = named else {
            return custom_name(self.offset_seconds(instant));
        };
        let name = match (Halves::around(tz, instant.naive_utc()).daylight_now, long) {
            (false, false) => names.standard,
            (false, true) => names.long_standard,
            (true, false) => names.daylight,
            (true, true) => names.long_daylight,
        };
        name.to_owned()
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

/// The instant of a wall time at that many seconds east of Greenwich.
pub(super) fn at_offset(wall: NaiveDateTime, seconds: i32) -> Option<DateTime<Utc>> {
    let utc = wall.checked_sub_signed(TimeDelta::seconds(seconds.into()))?;
    Some(utc.and_utc())
}

/// The instant of a wall time which the text says to be in that half of the zone's year.
pub(super) fn at_half(
    tz: Tz,
    daylight: Option<bool>,
    wall: NaiveDateTime,
) -> Option<DateTime<Utc>> {
    let halves = Halves::around(tz, wall);
    let seconds = match daylight {
        Some(false) => Some(halves.standard),
        Some(true) => halves.daylight,
        None => None,
    };
    match seconds {
        Some(seconds) => at_offset(wall, seconds),
        None => Zone::Region(tz).instant(wall),
    }
}

/// The IANA name or Java's abbreviation.
pub(super) fn by_id(id: &str) -> Option<Tz> {
    let short = ABBREVIATIONS.iter().find(|(name, _)| *name == id);
    short.map(|(_, tz)| *tz).or_else(|| id.parse().ok())
}

fn region_offset(tz: Tz, wall: NaiveDateTime) -> Option<i32> {
    let at = |wall: NaiveDateTime| tz.offset_from_local_datetime(&wall);
    if let Some(offset) = at(wall).latest() {
        return Some(offset.fix().local_minus_utc());
    }
    // A gap. The widest one is a day (a move across the date line), so two days earlier is before it.
    let before = tz.offset_from_utc_datetime(&wall.checked_sub_signed(TimeDelta::days(2))?);
    Some(before.fix().local_minus_utc())
}

/// The offsets of the two halves of a year, in seconds.
struct Halves {
    standard: i32,
    /// `None` where the zone has no daylight saving at that time.
    daylight: Option<i32>,
    daylight_now: bool,
}

impl Halves {
    /// As Java sees them: daylight saving is added to the standard time, also for Dublin and
    /// Casablanca, which the IANA database describes the other way round.
    fn around(tz: Tz, instant: NaiveDateTime) -> Self {
        let parts = |instant: NaiveDateTime| {
            let offset = tz.offset_from_utc_datetime(&instant);
            let seconds = |part: TimeDelta| part.num_seconds() as i32;
            (
                seconds(offset.base_utc_offset()),
                seconds(offset.dst_offset()),
            )
        };
        let (base, now) = parts(instant);
        // Ramadan, the shortest such half, lasts longer than a fortnight.
        let year = (-13..=13).filter_map(|step| {
            let (other_base, saving) =
                parts(instant.checked_add_signed(TimeDelta::days(14 * step))?);
            (other_base == base).then_some(saving)
        });
        let saving = if now == 0 {
            year.into_iter().find(|saving| *saving != 0).unwrap_or(0)
        } else {
            now
        };
        Self {
            standard: base + saving.min(0),
            daylight: (saving != 0).then_some(base + saving.max(0)),
            daylight_now: now > 0 || (now == 0 && saving < 0),
        }
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if let Some(tz) = by_id(name) {
            return Ok(Self::Region(tz));
        }
        match name.to_ascii_uppercase().as_str() {
            "UTC" | "Z" => return Ok(Self::UTC),
            "GMT" => return Ok(Self::GMT),
            _ => {}
        }
        let bare = name.strip_prefix("GMT").or(name.strip_prefix("UTC"));
        let offset = parse_offset(bare.unwrap_or(name)).and_then(FixedOffset::east_opt);
        offset.map(Self::Offset).ok_or_else(|| ZoneError {
            name: name.chars().take(60).collect(),
            suggestion: suggestion(name),
        })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(tz) => f.write_str(tz.name()),
            Self::Offset(offset) => f.write_str(&custom_name(offset.local_minus_utc())),
        }
    }
}

/// Java's name of a zone that has none: `GMT+02:00`.
fn custom_name(seconds: i32) -> String {
    let minutes = seconds.unsigned_abs() / 60;
    let sign = if seconds < 0 { '-' } else { '+' };
    match minutes {
        0 => "GMT".to_owned(),
        _ => format!("GMT{sign}{:02}:{:02}", minutes / 60, minutes % 60),
    }
}

/// The seconds of `+2`, `+02`, `+230`, `+0230`, `+2:30`, `+02:30`.
fn parse_offset(text: &str) -> Option<i32> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let rest = &text[1..];
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if rest.len() > 2 => rest.split_at_checked(rest.len() - 2)?,
        None => (rest, "00"),
    };
    let number = |digits: &str, limit: i32| {
        let digital = digits.bytes().all(|byte| byte.is_ascii_digit());
        let value: i32 = digits.parse().ok()?;
        (digital && digits.len() <= 2 && value <= limit).then_some(value)
    };
    Some(sign * (number(hours, 23)? * 60 + number(minutes, 59)?) * 60)
}

/// A zone whose last part is that name (`berlin`), else the one that takes the fewest edits.
fn suggestion(name: &str) -> Option<String> {
    if name.is_empty() || name.len() > 60 {
        return None;
    }
    let all = || TZ_VARIANTS.iter().map(|tz| tz.name());
    let city = name.replace(' ', "_");
    let is_city = |id: &&str| {
        id.rsplit('/')
            .next()
            .is_some_and(|last| last.eq_ignore_ascii_case(&city))
    };
    let short = ABBREVIATIONS.iter().map(|(name, _)| *name);
    let found = all()
        .find(is_city)
        .or_else(|| nearest(name, all().chain(short)));
    found.map(str::to_owned)
}
