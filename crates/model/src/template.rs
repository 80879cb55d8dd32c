//! The `url` of a polling configuration: literal text and variables for the start of the window.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::catalog::nearest;
use crate::dates::{Format, Pattern, PatternError, PatternProblem, Zone, ZoneError, serde_as_text};

/// The variables, for errors.
const KNOWN: &str = "${date:PATTERN}, ${gmtDate:PATTERN}, ${dateTimeZone:ZONE:PATTERN}, ${epoch:ms}, ${epoch:s}, \
                     ${date} and ${epoch}";

/// A text with variables. Displays as it was written.
///
/// A variable ends at the first `}`; a `$` without `{` is itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Template {
    written: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Piece {
    Literal(String),
    /// A date in the zone given, or else in the instance's.
    Date(Format, Option<Zone>),
}

/// A text that is not a template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}, at character {position}")]
pub struct Error {
    /// The character it is about, counted from 1.
    pub position: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// No closing brace.
    #[error("the variable is never closed, a }} is missing")]
    Unclosed,
    /// No variable of that name.
    #[error("there is no variable ${{{name}}}, did you mean ${{{suggestion}}}? Known are {KNOWN}")]
    Unknown {
        /// The name as it was written, shortened.
        name: String,
        /// The name most like it.
        suggestion: &'static str,
    },
    /// A variable that needs a pattern has none.
    #[error("${{{variable}}} needs a date pattern, as in ${{{variable}:{example}}}")]
    NoPattern {
        /// The variable's name.
        variable: &'static str,
        /// What could follow its name.
        example: &'static str,
    },
    /// The pattern does not parse.
    #[error(transparent)]
    Pattern(PatternProblem),
    /// The zone does not parse.
    #[error(transparent)]
    Zone(ZoneError),
    /// A unit that is not known.
    #[error("${{epoch:…}} counts in ms or s, not in {0:?}")]
    Unit(String),
}

impl Template {
    /// Fills the variables with the start of the window; `zone` is the instance's.
    pub fn render(&self, start: DateTime<Utc>, zone: Zone) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Date(format, own) => {
                    text.push_str(&format.format(start, own.unwrap_or(zone)));
                }
            }
        }
        text
    }
}

impl Template {
    /// Whether it has a variable: without one it is the same text for every window.
    pub fn is_timed(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Date(..)))
    }
}

impl FromStr for Template {
    type Err = Error;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        // Positions are found as bytes and told as characters.
        let located = |(at, problem): (usize, Problem)| Error {
            position: written[..at].chars().count() + 1,
            problem,
        };
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(offset) = written[at..].find("${") {
            let open = at + offset;
            if offset > 0 {
                pieces.push(Piece::Literal(written[at..open].to_owned()));
            }
            let inside = open + "${".len();
            let Some(length) = written[inside..].find('}') else {
                return Err(located((open, Problem::Unclosed)));
            };
            let variable = &written[inside..inside + length];
            pieces.push(
                variable_of(variable)
                    .map_err(|(offset, problem)| located((inside + offset, problem)))?,
            );
            at = inside + length + "}".len();
        }
        if at < written.len() {
            pieces.push(Piece::Literal(written[at..].to_owned()));
        }
        Ok(Self {
            written: written.to_owned(),
            pieces,
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

serde_as_text!(Template);

/// A problem and the byte it is about, within the braces.
type Located<T> = Result<T, (usize, Problem)>;

/// What stands between the braces.
fn variable_of(text: &str) -> Located<Piece> {
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name, Some((argument, name.len() + ":".len()))),
        None => (text, None),
    };
    match (name, argument) {
        ("date" | "epoch", None) => Ok(Piece::Date(Format::Milliseconds, None)),
        ("date", Some((written, at))) => Ok(Piece::Date(pattern("date", written, at)?, None)),
        ("gmtDate", written) => {
            let (written, at) = written.unwrap_or_default();
            let format = pattern("gmtDate", written, at)?;
            Ok(Piece::Date(format, Some(Zone::GMT)))
        }
        ("dateTimeZone", written) => {
            let (written, at) = written.unwrap_or_default();
            date_time_zone(written, at)
        }
        ("epoch", Some((unit, at))) => match unit {
            "ms" => Ok(Piece::Date(Format::Milliseconds, None)),
            "s" => Ok(Piece::Date(Format::Seconds, None)),
            _ => Err((at, Problem::Unit(shortened(unit)))),
        },
        _ => Err((0, unknown(name))),
    }
}

/// `ZONE:PATTERN`, where the zone may hold a colon itself (`+02:00`), and so may the pattern.
fn date_time_zone(written: &str, at: usize) -> Located<Piece> {
    const NAME: &str = "dateTimeZone";
    let colons: Vec<usize> = written.match_indices(':').map(|(colon, _)| colon).collect();
    let split = |colon: &usize| (&written[..*colon], colon + ":".len());
    let with_colon = colons.get(1).map(split);
    let parsed = with_colon.and_then(|(zone, rest)| Some((zone.parse().ok()?, rest)));
    let (zone, rest) = match (parsed, colons.first().map(split)) {
        (Some(found), _) => found,
        (None, Some((zone, rest))) => {
            let zone = zone.parse().map_err(|error| (at, Problem::Zone(error)))?;
            (zone, rest)
        }
        (None, None) => return Err((0, no_pattern(NAME))),
    };
    let format = pattern(NAME, &written[rest..], at + rest)?;
    Ok(Piece::Date(format, Some(zone)))
}

/// The pattern that begins at that byte.
fn pattern(variable: &'static str, written: &str, at: usize) -> Located<Format> {
    if written.is_empty() {
        return Err((0, no_pattern(variable)));
    }
    let parsed: Result<Pattern, PatternError> = written.parse();
    parsed.map(Format::Pattern).map_err(|error| {
        let before = written.char_indices().nth(error.position - 1);
        let offset = before.map_or(written.len(), |(offset, _)| offset);
        (at + offset, Problem::Pattern(error.problem))
    })
}

fn no_pattern(variable: &'static str) -> Problem {
    Problem::NoPattern {
        variable,
        example: match variable {
            "dateTimeZone" => "Europe/Berlin:yyyy-MM-dd HH:mm:ss",
            _ => "yyyy-MM-dd HH:mm:ss",
        },
    }
}

fn unknown(name: &str) -> Problem {
    const NAMES: [&str; 4] = ["date", "gmtDate", "dateTimeZone", "epoch"];
    let name = shortened(name);
    Problem::Unknown {
        suggestion: nearest(&name, NAMES.into_iter()).unwrap_or("date"),
        name,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
