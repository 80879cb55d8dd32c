//! Dates as polling configurations write them: Java `SimpleDateFormat` patterns and epoch numbers.
//!
//! Formatting is Java's with `Locale.US`. Parsing is what Java does with `setLenient(false)`, and
//! stricter where even that hides an error:
//! - Values out of range (month 13, hour 24, 30 February), a wrong weekday and fields that contradict
//!   each other are refused.
//! - All of the text must be used; Java ignores what is left over.
//! - Digits are ASCII, without a sign. A year under `yyy…` has at least as many digits as letters, under
//!   `yy` exactly two or at least four; fields that touch (`yyyyMMdd`) are filled to their width, the
//!   last one too.
//!   Otherwise fewer digits and blanks before a number are fine, as in Java.
//! - A two-digit year under `y` or `yy` lies in 1950 to 2049. (Java moves that window with its clock.)
//! - `S` is a number of milliseconds: `.5` is 5 ms, six digits are refused.
//! - A wall time that daylight saving skips takes the offset from before the gap, one that happens
//!   twice the offset from after it: Java's (lenient) reading of both.
//! - What a pattern leaves out is that of 1970-01-01 00:00:00 in the zone; a weekday needs a whole date.
//! - Years are those of the Gregorian calendar at all times; Java changes to the Julian one before 1582.
//! - `Y`, `w`, `W` and `F` are refused: Java reads `YYYY-MM-dd` as the first day of a week year.

mod epoch;
mod format;
mod names;
mod parse;
mod pattern;
mod resolve;
mod scan;
mod zone;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

pub use parse::{ParseError, ParseProblem};
pub use pattern::{Pattern, PatternError, PatternProblem};
pub use zone::{Zone, ZoneError};

/// Serializes as the text of `Display`, deserializes through `FromStr`.
macro_rules! serde_as_text {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(source)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;

serde_as_text!(Format);
serde_as_text!(Pattern);
serde_as_text!(Zone);

/// How a date is written: `updatedDateFormat`, `createdAtFormat`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// As text, by a Java `SimpleDateFormat` pattern.
    Pattern(Pattern),
    /// As milliseconds since 1970: a JSON number or its digits.
    Milliseconds,
    /// As seconds since 1970: a JSON number, perhaps with a fraction, or its digits.
    Seconds,
}

impl Format {
    /// Writes the instant; the zone matters to patterns only.
    pub fn format(&self, instant: DateTime<Utc>, zone: Zone) -> String {
        match self {
            Self::Pattern(pattern) => pattern.format(instant, zone),
            Self::Milliseconds => instant.timestamp_millis().to_string(),
            Self::Seconds => instant.timestamp().to_string(),
        }
    }

    /// Reads an instant; the zone is that of a text which does not name its own.
    pub fn parse(&self, text: &str, zone: Zone) -> Result<DateTime<Utc>, ParseError> {
        match self {
            Self::Pattern(pattern) => pattern.parse(text, zone),
            Self::Milliseconds => epoch::milliseconds(text),
            Self::Seconds => epoch::seconds(text),
        }
        .map_err(|failure| ParseError::new(self, failure))
    }

    /// Reads an instant from a record's field: a string for each form, a number for the epoch forms.
    pub fn parse_json(&self, value: &Value, zone: Zone) -> Result<DateTime<Utc>, ParseError> {
        match value {
            Value::String(text) => self.parse(text, zone),
            Value::Number(number) if !matches!(self, Self::Pattern(_)) => {
                self.parse(&epoch::digits_of(number), zone)
            }
            _ => Err(ParseError::not_text(self)),
        }
    }

    /// The smallest step of time it can tell apart; `None` when it does not even say which day.
    pub fn precision(&self) -> Option<TimeDelta> {
        match self {
            Self::Pattern(pattern) => pattern.precision(),
            Self::Milliseconds => Some(TimeDelta::milliseconds(1)),
            Self::Seconds => Some(TimeDelta::seconds(1)),
        }
    }
}

impl FromStr for Format {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "milliseconds" => Ok(Self::Milliseconds),
            "seconds" => Ok(Self::Seconds),
            pattern => pattern.parse().map(Self::Pattern),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => pattern.fmt(f),
            Self::Milliseconds => f.write_str("milliseconds"),
            Self::Seconds => f.write_str("seconds"),
        }
    }
}

#[cfg(test)]
mod tests;
