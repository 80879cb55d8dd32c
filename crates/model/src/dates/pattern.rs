//! The grammar of patterns: letters, their widths, quoted and literal text.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use super::{Zone, format, parse};

/// The letters that are understood, for errors.
const ALLOWED: &str = "G y M L d D E u a H k K h m s S z Z X";

/// Widths beyond this serve nobody; Java has no limit.
const WIDEST: usize = 32;

/// A `SimpleDateFormat` pattern. Displays as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    written: String,
    items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Item {
    Literal(String),
    Field(Field),
}

/// A run of one letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Field {
    pub(super) letter: Letter,
    pub(super) width: usize,
    /// A numeric field follows at once: this one ends at its width.
    pub(super) touches: bool,
    /// A numeric field stands right before this one, which must fill its width.
    pub(super) touched: bool,
}

impl Field {
    /// Whether it is written as a number.
    fn is_numeric(self) -> bool {
        match self.letter {
            Letter::Month => self.width <= 2,
            Letter::Era | Letter::Weekday | Letter::HalfDay => false,
            Letter::ZoneName | Letter::ZoneRfc | Letter::ZoneIso => false,
            _ => true,
        }
    }
}

/// What a letter stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Letter {
    Era,
    Year,
    Month,
    Day,
    DayOfYear,
    Weekday,
    WeekdayNumber,
    HalfDay,
    /// `H`: 0 to 23.
    Hour23,
    /// `k`: 1 to 24.
    Hour24,
    /// `K`: 0 to 11.
    Hour11,
    /// `h`: 1 to 12.
    Hour12,
    Minute,
    Second,
    Millisecond,
    ZoneName,
    ZoneRfc,
    ZoneIso,
}

impl Letter {
    fn of(letter: char) -> Result<Self, PatternProblem> {
        let unsupported = |meaning, instead| {
            Err(PatternProblem::Unsupported {
                letter,
                meaning,
                instead,
            })
        };
        Ok(match letter {
            'G' => Self::Era,
            'y' => Self::Year,
            'M' | 'L' => Self::Month,
            'd' => Self::Day,
            'D' => Self::DayOfYear,
            'E' => Self::Weekday,
            'u' => Self::WeekdayNumber,
            'a' => Self::HalfDay,
            'H' => Self::Hour23,
            'k' => Self::Hour24,
            'K' => Self::Hour11,
            'h' => Self::Hour12,
            'm' => Self::Minute,
            's' => Self::Second,
            'S' => Self::Millisecond,
            'z' => Self::ZoneName,
            'Z' => Self::ZoneRfc,
            'X' => Self::ZoneIso,
            'Y' => return unsupported("the year of a week", "y for the calendar year"),
            'w' => return unsupported("the week of a year", "D or M and d"),
            'W' => return unsupported("the week of a month", "d"),
            'F' => return unsupported("the weekday's count in a month", "d"),
            _ => return Err(PatternProblem::Unknown(letter)),
        })
    }
}

/// A text that is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}, at character {position} of the date pattern")]
pub struct PatternError {
    /// The character it is about, counted from 1.
    pub position: usize,
    /// What is wrong there.
    pub problem: PatternProblem,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternProblem {
    /// There is none.
    #[error("the date pattern is empty, write for example yyyy-MM-dd HH:mm:ss")]
    Empty,
    /// Java knows it, we do not.
    #[error("the letter {letter} ({meaning}) is not supported, write {instead}")]
    Unsupported {
        /// The letter.
        letter: char,
        /// What Java means by it.
        meaning: &'static str,
        /// What to write.
        instead: &'static str,
    },
    /// Java does not know it either.
    #[error(
        "the letter {0} has no meaning, allowed are {ALLOWED}; literal text stands in single quotes, as in 'T'"
    )]
    Unknown(char),
    /// No closing quote.
    #[error("the single quote is never closed; a quote itself is written ''")]
    UnclosedQuote,
    /// More letters than the field has forms.
    #[error("{width} times the letter {letter} is too much, at most {limit} are allowed")]
    TooWide {
        /// The letter.
        letter: char,
        /// How often it stands there.
        width: usize,
        /// How often it may.
        limit: usize,
    },
}

impl Pattern {
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(super) fn format(&self, instant: DateTime<Utc>, zone: Zone) -> String {
        format::format(self, instant, zone)
    }

    pub(super) fn parse(&self, text: &str, zone: Zone) -> Result<DateTime<Utc>, parse::Failure> {
        parse::parse(self, text, zone)
    }

    /// The smallest step of time it can tell apart; `None` when it does not even say which day.
    pub fn precision(&self) -> Option<TimeDelta> {
        let has = |letter| {
            self.items
                .iter()
                .any(|item| matches!(item, Item::Field(field) if field.letter == letter))
        };
        let day = has(Letter::DayOfYear) || (has(Letter::Month) && has(Letter::Day));
        let half = has(Letter::Hour11) || has(Letter::Hour12);
        let hour = has(Letter::Hour23) || has(Letter::Hour24) || (half && has(Letter::HalfDay));
        let steps = [
            (has(Letter::Year) && day, TimeDelta::days(1)),
            (hour, TimeDelta::hours(1)),
            (has(Letter::Minute), TimeDelta::minutes(1)),
            (has(Letter::Second), TimeDelta::seconds(1)),
            (has(Letter::Millisecond), TimeDelta::milliseconds(1)),
        ];
        let told = steps.iter().take_while(|(told, _)| *told);
        told.last().map(|(_, step)| *step)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let items = Compiler::new(written).compile()?;
        Ok(Self {
            written: written.to_owned(),
            items,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

struct Compiler {
    chars: Vec<char>,
    at: usize,
    items: Vec<Item>,
}

impl Compiler {
    fn new(written: &str) -> Self {
        Self {
            chars: written.chars().collect(),
            at: 0,
            items: Vec::new(),
        }
    }

    fn compile(mut self) -> Result<Vec<Item>, PatternError> {
        if self.chars.is_empty() {
            return Err(self.problem(PatternProblem::Empty));
        }
        while let Some(&char) = self.chars.get(self.at) {
            match char {
                '\'' => self.quote()?,
                letter if letter.is_ascii_alphabetic() => self.field(letter)?,
                literal => {
                    self.literal(literal);
                    self.at += 1;
                }
            }
        }
        Ok(self.items)
    }

    /// A quote opens literal text; two of them are a quote, inside such text and outside.
    fn quote(&mut self) -> Result<(), PatternError> {
        if self.chars.get(self.at + 1) == Some(&'\'') {
            self.literal('\'');
            self.at += 2;
            return Ok(());
        }
        let opened = self.at;
        self.at += 1;
        loop {
            match (self.chars.get(self.at), self.chars.get(self.at + 1)) {
                (Some('\''), Some('\'')) => {
                    self.literal('\'');
                    self.at += 2;
                }
                (Some('\''), _) => {
                    self.at += 1;
                    return Ok(());
                }
                (Some(&literal), _) => {
                    self.literal(literal);
                    self.at += 1;
                }
                (None, _) => {
                    self.at = opened;
                    return Err(self.problem(PatternProblem::UnclosedQuote));
                }
            }
        }
    }

    fn field(&mut self, char: char) -> Result<(), PatternError> {
        let letter = Letter::of(char).map_err(|problem| self.problem(problem))?;
        let run = self.chars[self.at..].iter();
        let width = run.take_while(|next| **next == char).count();
        let limit = if letter == Letter::ZoneIso { 3 } else { WIDEST };
        if width > limit {
            return Err(self.problem(PatternProblem::TooWide {
                letter: char,
                width,
                limit,
            }));
        }
        let mut field = Field {
            letter,
            width,
            touches: false,
            touched: false,
        };
        if let Some(Item::Field(previous)) = self.items.last_mut() {
            previous.touches = field.is_numeric();
            field.touched = previous.is_numeric() && field.is_numeric();
        }
        self.items.push(Item::Field(field));
        self.at += width;
        Ok(())
    }

    fn literal(&mut self, char: char) {
        if let Some(Item::Literal(text)) = self.items.last_mut() {
            text.push(char);
        } else {
            self.items.push(Item::Literal(char.to_string()));
        }
    }

    fn problem(&self, problem: PatternProblem) -> PatternError {
        PatternError {
            position: self.at + 1,
            problem,
        }
    }
}
