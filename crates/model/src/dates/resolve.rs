//! From the fields of a text to an instant.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;

use super::names::{HALF_DAYS, MONTHS, WEEKDAYS};
use super::parse::ParseProblem;
use super::zone::{self, Zone};

/// What a field says. `h` and `K` say the same part, as `H` and `k` do, and `E` and `u`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// 0 is BC.
    Era,
    Year,
    Month,
    Day,
    DayOfYear,
    /// From Monday as 0.
    Weekday,
    /// 0 is AM.
    HalfDay,
    Hour,
    /// From 0 to 11.
    HalfHour,
    Minute,
    Second,
    Millisecond,
}

impl Part {
    const COUNT: usize = Self::Millisecond as usize + 1;

    /// Its name, for errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Era => "era",
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::DayOfYear => "day of the year",
            Self::Weekday => "weekday",
            Self::HalfDay => "half of the day",
            Self::Hour | Self::HalfHour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Millisecond => "number of milliseconds",
        }
    }

    /// Its value as it is written.
    fn show(self, value: i64) -> String {
        let name = |names: &[&str], index: i64| {
            let index = usize::try_from(index).ok();
            let name = index.and_then(|index| names.get(index));
            name.map_or_else(|| value.to_string(), ToString::to_string)
        };
        match self {
            Self::Month => name(&MONTHS, value - 1),
            Self::Weekday => name(&WEEKDAYS, value),
            Self::HalfDay => name(&HALF_DAYS, value),
            _ => value.to_string(),
        }
    }
}

/// A time zone that a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ZoneText {
    /// Seconds east of Greenwich.
    Offset(i32),
    /// A zone, and which half of its year.
    Half(Tz, Option<bool>),
}

/// A value, and the byte of the text where it stands.
#[derive(Clone, Copy)]
struct Stated {
    value: i64,
    at: usize,
}

/// The fields of a text.
#[derive(Default)]
pub(super) struct Parts {
    stated: [Option<Stated>; Part::COUNT],
    zone: Option<ZoneText>,
}

/// A problem, and the byte it is about.
type Located<T> = Result<T, (usize, ParseProblem)>;

impl Parts {
    /// Keeps a value; a second one must be the same.
    pub(super) fn set(&mut self, part: Part, value: i64, at: usize) -> Result<(), ParseProblem> {
        let slot = &mut self.stated[part as usize];
        match *slot {
            Some(first) if first.value != value => Err(ParseProblem::Contradiction {
                part: part.name(),
                stated: part.show(value),
                other: format!("{} before", part.show(first.value)),
            }),
            _ => {
                *slot = Some(Stated { value, at });
                Ok(())
            }
        }
    }

    /// Keeps the time zone; a second one must be the same.
    pub(super) fn set_zone(&mut self, zone: ZoneText) -> Result<(), ParseProblem> {
        if self.zone.is_some_and(|first| first != zone) {
            return Err(ParseProblem::Contradiction {
                part: "time zone",
                stated: "another one".to_owned(),
                other: "the one before".to_owned(),
            });
        }
        self.zone = Some(zone);
        Ok(())
    }

    fn get(&self, part: Part) -> Option<i64> {
        self.stated[part as usize].map(|stated| stated.value)
    }

    /// The byte at which the first of the parts stands.
    fn at(&self, parts: &[Part]) -> usize {
        let stated = parts.iter().find_map(|part| self.stated[*part as usize]);
        stated.map_or(0, |stated| stated.at)
    }

    /// The instant, in the zone that the text names or else in `zone`.
    pub(super) fn resolve(&self, zone: Zone) -> Located<DateTime<Utc>> {
        let wall = self.date()?.and_time(self.time()?);
        let instant = match self.zone {
            None => zone.instant(wall),
            Some(ZoneText::Offset(seconds)) => zone::at_offset(wall, seconds),
            Some(ZoneText::Half(tz, daylight)) => zone::at_half(tz, daylight, wall),
        };
        instant.ok_or((0, ParseProblem::TooFar))
    }

    fn date(&self) -> Located<NaiveDate> {
        let year = self.year()?;
        let small = |part, default| {
            let value = self.get(part).unwrap_or(default);
            u32::try_from(value).expect("values other than the year are checked when they are read")
        };
        let date = if let Some(day) = self.get(Part::DayOfYear) {
            let date = NaiveDate::from_yo_opt(year, small(Part::DayOfYear, 1));
            date.ok_or_else(|| self.no_such(&[Part::DayOfYear], format!("day {day} in {year}")))
        } else {
            let (month, day) = (small(Part::Month, 1), small(Part::Day, 1));
            let name = MONTHS[month as usize - 1];
            let date = NaiveDate::from_ymd_opt(year, month, day);
            date.ok_or_else(|| self.no_such(&[Part::Day], format!("{day} {name} {year}")))
        }?;
        self.agrees(Part::Month, date.month().into(), date)?;
        self.agrees(Part::Day, date.day().into(), date)?;
        if self.get(Part::Weekday).is_some() {
            let has = |part| self.get(part).is_some();
            let day = has(Part::DayOfYear) || (has(Part::Month) && has(Part::Day));
            if !(has(Part::Year) && day) {
                return Err((self.at(&[Part::Weekday]), ParseProblem::WeekdayOnly));
            }
        }
        let weekday = date.weekday().num_days_from_monday();
        self.agrees(Part::Weekday, weekday.into(), date)?;
        Ok(date)
    }

    /// The astronomical year: 1 BC is 0.
    fn year(&self) -> Located<i32> {
        let year = self.get(Part::Year).unwrap_or(1970);
        let too_far = (self.at(&[Part::Year]), ParseProblem::TooFar);
        if year == 0 {
            return Err(self.no_such(&[Part::Year], "year 0".to_owned()));
        }
        let before_christ = self.get(Part::Era) == Some(0);
        let year = i32::try_from(if before_christ { 1 - year } else { year });
        let year = year.map_err(|_| too_far.clone())?;
        if NaiveDate::from_yo_opt(year, 1).is_none() {
            return Err(too_far);
        }
        Ok(year)
    }

    fn time(&self) -> Located<NaiveTime> {
        let half = self.get(Part::HalfDay);
        let hour = match self.get(Part::Hour) {
            Some(hour) => {
                self.half_agrees(Part::HalfHour, hour % 12, hour)?;
                self.half_agrees(Part::HalfDay, hour / 12, hour)?;
                hour
            }
            None => self.get(Part::HalfHour).unwrap_or(0) + half.unwrap_or(0) * 12,
        };
        let value = |part| self.get(part).unwrap_or(0);
        let seconds = (hour * 60 + value(Part::Minute)) * 60 + value(Part::Second);
        let nanos = value(Part::Millisecond) * 1_000_000;
        let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds as u32, nanos as u32);
        Ok(time.expect("the parts of a time are checked when they are read"))
    }

    /// Whether what the text says, if it does, is what the date has.
    fn agrees(&self, part: Part, actual: i64, date: NaiveDate) -> Located<()> {
        match self.get(part) {
            Some(value) if value != actual => Err((
                self.at(&[part]),
                ParseProblem::Contradiction {
                    part: part.name(),
                    stated: part.show(value),
                    other: format!("{date}, where it is {}", part.show(actual)),
                },
            )),
            _ => Ok(()),
        }
    }

    fn half_agrees(&self, part: Part, actual: i64, hour: i64) -> Located<()> {
        match self.get(part) {
            Some(value) if value != actual => Err((
                self.at(&[part]),
                ParseProblem::Contradiction {
                    part: part.name(),
                    stated: part.show(value),
                    other: format!("the hour {hour} of 24"),
                },
            )),
            _ => Ok(()),
        }
    }

    fn no_such(&self, parts: &[Part], what: String) -> (usize, ParseProblem) {
        (self.at(parts), ParseProblem::NoSuchDate(what))
    }
}
