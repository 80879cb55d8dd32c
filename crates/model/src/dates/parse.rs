//! Reading a text by a pattern.

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::Format;
use super::names::{self, ERAS, HALF_DAYS, MONTHS, WEEKDAYS, starts};
use super::pattern::{Field, Item, Letter, Pattern};
use super::resolve::{Part, Parts, ZoneText};
use super::scan::{Digits, OffsetForm, Scanner};
use super::zone::Zone;

/// The first of the hundred years that two digits can mean.
const CENTURY_START: i64 = 1950;

/// A value that is not a date of the form. Of the value it holds no more than a character or a short
/// number, so that it may be logged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "not a date of the form {form}: {problem}{}",
    position.map(|at| format!(", at character {at}")).unwrap_or_default()
)]
pub struct ParseError {
    /// The form that it should have.
    pub form: String,
    /// The character it is about, counted from 1.
    pub position: Option<usize>,
    /// What is wrong there.
    pub problem: ParseProblem,
}

impl ParseError {
    pub(super) fn new(form: &Format, failure: Failure) -> Self {
        Self {
            form: form.to_string(),
            position: Some(failure.position),
            problem: failure.problem,
        }
    }

    pub(super) fn not_text(form: &Format) -> Self {
        Self {
            form: form.to_string(),
            position: None,
            problem: match form {
                Format::Pattern(_) => ParseProblem::NotText,
                _ => ParseProblem::NotNumber,
            },
        }
    }
}

/// What keeps a text from being a date of its form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    missing_docs,
    reason = "the texts say what the variants and their fields are"
)]
pub enum ParseProblem {
    #[error("expected {expected:?}, found {found}")]
    Literal { expected: String, found: String },
    #[error("expected the {part} in digits, found {found}")]
    Number { part: &'static str, found: String },
    #[error("expected {expected} digits of the {part}, found {found}")]
    Digits {
        part: &'static str,
        expected: String,
        found: usize,
    },
    #[error("the {part} {value} is not within {min} to {max}")]
    Range {
        part: &'static str,
        value: String,
        min: i64,
        max: i64,
    },
    #[error("expected the {part} ({allowed}), found {found}")]
    Name {
        part: &'static str,
        allowed: &'static str,
        found: String,
    },
    #[error("expected the time zone ({allowed}), found {found}")]
    Zone {
        allowed: &'static str,
        found: String,
    },
    #[error("the form ends here, but {0} follows")]
    Trailing(String),
    #[error("the {part} is {stated}, which contradicts {other}")]
    Contradiction {
        part: &'static str,
        stated: String,
        other: String,
    },
    #[error("there is no {0}")]
    NoSuchDate(String),
    #[error("a weekday says nothing without year, month and day; the form lacks some of them")]
    WeekdayOnly,
    #[error("the time is too far away")]
    TooFar,
    #[error("expected a whole number, found {0}")]
    Whole(String),
    #[error("as seconds it is after the year 9999, which looks like milliseconds")]
    LooksLikeMilliseconds,
    #[error("expected a text; for a number the format is milliseconds or seconds")]
    NotText,
    #[error("expected a number, or a text of digits")]
    NotNumber,
}

/// A problem and the character it is about.
pub(super) struct Failure {
    pub(super) position: usize,
    pub(super) problem: ParseProblem,
}

pub(super) fn parse(pattern: &Pattern, text: &str, zone: Zone) -> Result<DateTime<Utc>, Failure> {
    let mut reader = Reader {
        scan: Scanner::new(text),
        parts: Parts::default(),
        zone,
    };
    for item in pattern.items() {
        match item {
            Item::Literal(literal) => reader.scan.literal(literal)?,
            Item::Field(field) => reader.field(*field)?,
        }
    }
    let Reader { scan, parts, .. } = reader;
    if !scan.rest().is_empty() {
        return Err(scan.fail(ParseProblem::Trailing(scan.found())));
    }
    parts
        .resolve(zone)
        .map_err(|(at, problem)| scan.fail_at(at, problem))
}

struct Reader<'t> {
    scan: Scanner<'t>,
    parts: Parts,
    zone: Zone,
}

impl Reader<'_> {
    fn field(&mut self, field: Field) -> Result<(), Failure> {
        match field.letter {
            Letter::Era => self.name(Part::Era, &ERAS, "AD or BC"),
            Letter::Year => self.year(field),
            Letter::Month if field.width > 2 => {
                self.name(Part::Month, &MONTHS, "Jan or January to Dec or December")
            }
            Letter::Month => self.number(field, Part::Month, 1..=12),
            Letter::Day => self.number(field, Part::Day, 1..=31),
            Letter::DayOfYear => self.number(field, Part::DayOfYear, 1..=366),
            Letter::Weekday => {
                self.name(Part::Weekday, &WEEKDAYS, "Mon or Monday to Sun or Sunday")
            }
            Letter::WeekdayNumber => self.number(field, Part::Weekday, 1..=7),
            Letter::HalfDay => self.name(Part::HalfDay, &HALF_DAYS, "AM or PM"),
            Letter::Hour23 => self.number(field, Part::Hour, 0..=23),
            Letter::Hour24 => self.number(field, Part::Hour, 1..=24),
            Letter::Hour11 => self.number(field, Part::HalfHour, 0..=11),
            Letter::Hour12 => self.number(field, Part::HalfHour, 1..=12),
            Letter::Minute => self.number(field, Part::Minute, 0..=59),
            Letter::Second => self.number(field, Part::Second, 0..=59),
            Letter::Millisecond => self.number(field, Part::Millisecond, 0..=999),
            Letter::ZoneName | Letter::ZoneRfc => self.zone_name(),
            Letter::ZoneIso => self.zone_iso(field.width),
        }
    }

    /// The digits of a field. One that touches another fills its width, if need be with blanks before.
    fn digits(&mut self, field: Field, part: Part) -> Result<Digits, Failure> {
        let start = self.scan.at();
        let digits = self.scan.digits(field.touches.then_some(field.width));
        let part = part.name();
        if digits.count == 0 {
            let found = self.scan.found();
            return Err(self.scan.fail(ParseProblem::Number { part, found }));
        }
        let full = self.scan.at() - start >= field.width;
        if (field.touches || field.touched) && !full {
            return Err(self.scan.fail_at(
                digits.at,
                ParseProblem::Digits {
                    part,
                    expected: field.width.to_string(),
                    found: digits.count,
                },
            ));
        }
        Ok(digits)
    }

    fn number(
        &mut self,
        field: Field,
        part: Part,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<(), Failure> {
        let digits = self.digits(field, part)?;
        if !range.contains(&digits.value) {
            return Err(self.scan.fail_at(
                digits.at,
                ParseProblem::Range {
                    part: part.name(),
                    value: match digits.count {
                        0..=4 => digits.value.to_string(),
                        count => format!("of {count} digits"),
                    },
                    min: *range.start(),
                    max: *range.end(),
                },
            ));
        }
        let value = match field.letter {
            Letter::Hour24 => digits.value % 24,
            Letter::Hour12 => digits.value % 12,
            // Like the weekdays' names, from Monday as zero.
            Letter::WeekdayNumber => digits.value - 1,
            _ => digits.value,
        };
        self.set(part, value, digits.at)
    }

    fn year(&mut self, field: Field) -> Result<(), Failure> {
        let digits = self.digits(field, Part::Year)?;
        let least = if field.width == 2 { 4 } else { field.width };
        let two = field.width <= 2 && digits.count == 2;
        if digits.count < least && !two {
            let or = if field.width == 2 { "2 or " } else { "" };
            let problem = ParseProblem::Digits {
                part: Part::Year.name(),
                expected: format!("{or}at least {least}"),
                found: digits.count,
            };
            return Err(self.scan.fail_at(digits.at, problem));
        }
        let pivot = CENTURY_START % 100;
        let year = match digits.value {
            value if !two => value,
            value if value < pivot => CENTURY_START - pivot + 100 + value,
            value => CENTURY_START - pivot + value,
        };
        self.set(Part::Year, year, digits.at)
    }

    fn name(&mut self, part: Part, names: &[&str], allowed: &'static str) -> Result<(), Failure> {
        let at = self.scan.at();
        let Some(index) = self.scan.name(names) else {
            return Err(self.scan.fail(ParseProblem::Name {
                part: part.name(),
                allowed,
                found: self.scan.found(),
            }));
        };
        let base = i64::from(matches!(part, Part::Month));
        self.set(part, base + index as i64, at)
    }

    /// `z` and `Z` read the same: `GMT`, `GMT+2:00`, `+0200` or a name.
    fn zone_name(&mut self) -> Result<(), Failure> {
        const AFTER_GMT: OffsetForm = OffsetForm {
            short_hour: true,
            minutes: true,
            colon: true,
        };
        const RFC: OffsetForm = OffsetForm {
            short_hour: false,
            minutes: true,
            colon: false,
        };
        self.scan.skip_blanks();
        let at = self.scan.at();
        let signed = |scan: &Scanner<'_>| scan.rest().starts_with(['+', '-']);
        let zone = if signed(&self.scan) {
            self.scan.offset(RFC).map(ZoneText::Offset)
        } else if starts(self.scan.rest(), "GMT") {
            self.scan.take("GMT".len());
            let offset = if signed(&self.scan) {
                self.scan.offset(AFTER_GMT)
            } else {
                Some(0)
            };
            offset.map(ZoneText::Offset)
        } else {
            let current = match self.zone {
                Zone::Region(tz) => Some(tz),
                Zone::Offset(_) => None,
            };
            let found = names::find_zone(self.scan.rest(), current);
            if let Some(found) = found {
                self.scan.take(found.length);
            }
            found.map(|found| ZoneText::Half(found.zone, found.daylight))
        };
        let allowed = "+0200, GMT+02:00, GMT, or a name such as CET; to read Z the form needs X";
        self.zone(at, zone, allowed)
    }

    fn zone_iso(&mut self, width: usize) -> Result<(), Failure> {
        self.scan.skip_blanks();
        let at = self.scan.at();
        let zone = if self.scan.rest().starts_with('Z') {
            self.scan.take("Z".len());
            Some(0)
        } else {
            self.scan.offset(OffsetForm {
                short_hour: false,
                minutes: width > 1,
                colon: width == 3,
            })
        };
        let allowed = match width {
            1 => "Z or +02",
            2 => "Z or +0200",
            _ => "Z or +02:00",
        };
        self.zone(at, zone.map(ZoneText::Offset), allowed)
    }

    fn zone(
        &mut self,
        at: usize,
        zone: Option<ZoneText>,
        allowed: &'static str,
    ) -> Result<(), Failure> {
        let Some(zone) = zone else {
            let found = self.scan.found_at(at);
            let problem = ParseProblem::Zone { allowed, found };
            return Err(self.scan.fail_at(at, problem));
        };
        let set = self.parts.set_zone(zone);
        set.map_err(|problem| self.scan.fail_at(at, problem))
    }

    fn set(&mut self, part: Part, value: i64, at: usize) -> Result<(), Failure> {
        let set = self.parts.set(part, value, at);
        set.map_err(|problem| self.scan.fail_at(at, problem))
    }
}
