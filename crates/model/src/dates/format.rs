//! Writing an instant by a pattern.

use std::fmt::Write;

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike, Utc};

use super::names::{ERAS, HALF_DAYS, MONTHS, WEEKDAYS};
use super::pattern::{Field, Item, Letter, Pattern};
use super::zone::Zone;

pub(super) fn format(pattern: &Pattern, instant: DateTime<Utc>, zone: Zone) -> String {
    let moment = Moment {
        instant,
        wall: zone.wall(instant),
        zone,
    };
    let mut text = String::new();
    for item in pattern.items() {
        match item {
            Item::Literal(literal) => text.push_str(literal),
            Item::Field(field) => moment.field(*field, &mut text),
        }
    }
    text
}

struct Moment {
    instant: DateTime<Utc>,
    wall: NaiveDateTime,
    zone: Zone,
}

impl Moment {
    fn field(&self, Field { letter, width, .. }: Field, text: &mut String) {
        let wall = &self.wall;
        let (anno_domini, year) = wall.year_ce();
        let half_hour = wall.hour() % 12;
        match letter {
            Letter::Era => text.push_str(ERAS[usize::from(anno_domini)]),
            Letter::Year if width == 2 => number(text, year % 100, 2),
            Letter::Year => number(text, year, width),
            Letter::Month if width > 2 => name(text, MONTHS[wall.month0() as usize], width),
            Letter::Month => number(text, wall.month(), width),
            Letter::Day => number(text, wall.day(), width),
            Letter::DayOfYear => number(text, wall.ordinal(), width),
            Letter::Weekday => {
                let day = wall.weekday().num_days_from_monday();
                name(text, WEEKDAYS[day as usize], width);
            }
            Letter::WeekdayNumber => number(text, wall.weekday().number_from_monday(), width),
            Letter::HalfDay => text.push_str(HALF_DAYS[usize::from(wall.hour() >= 12)]),
            Letter::Hour23 => number(text, wall.hour(), width),
            Letter::Hour24 => number(text, if wall.hour() == 0 { 24 } else { wall.hour() }, width),
            Letter::Hour11 => number(text, half_hour, width),
            Letter::Hour12 => number(text, if half_hour == 0 { 12 } else { half_hour }, width),
            Letter::Minute => number(text, wall.minute(), width),
            Letter::Second => number(text, wall.second(), width),
            // A leap second has a thousand more, which no text could be read back from.
            Letter::Millisecond => number(text, (wall.nanosecond() / 1_000_000).min(999), width),
            Letter::ZoneName => text.push_str(&self.zone.display_name(self.instant, width >= 4)),
            Letter::ZoneRfc => self.offset(text, ""),
            Letter::ZoneIso => self.iso_offset(width, text),
        }
    }

    /// `+0200`, or with a colon as separator `+02:00`. Seconds of old local mean times are dropped.
    fn offset(&self, text: &mut String, separator: &str) {
        let minutes = self.zone.offset_seconds(self.instant) / 60;
        text.push(if minutes < 0 { '-' } else { '+' });
        number(text, minutes.unsigned_abs() / 60, 2);
        text.push_str(separator);
        number(text, minutes.unsigned_abs() % 60, 2);
    }

    /// `Z` at zero; else the hours, to which two letters add the minutes and three a colon.
    fn iso_offset(&self, width: usize, text: &mut String) {
        if self.zone.offset_seconds(self.instant) == 0 {
            text.push('Z');
            return;
        }
        self.offset(text, if width == 3 { ":" } else { "" });
        if width == 1 {
            text.truncate(text.len() - "00".len());
        }
    }
}

fn number(text: &mut String, value: u32, width: usize) {
    write!(text, "{value:0width$}").expect("writing to a string does not fail");
}

fn name(text: &mut String, full: &str, width: usize) {
    text.push_str(if width >= 4 { full } else { &full[..3] });
}
