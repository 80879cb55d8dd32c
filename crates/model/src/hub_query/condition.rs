//! The expression of `where`.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};

use super::{Located, Problem, Where};
use crate::dates::{Format, Zone};

/// The name of the time of the last change, as in Insightly's search.
const UPDATED_AFTER: &str = "updated_after_utc";

/// The form of Insightly's own dates.
static BODY: LazyLock<Format> = LazyLock::new(|| {
    "yyyy-MM-dd HH:mm:ss"
        .parse()
        .expect("a test parses this pattern")
});

/// Parses from `at` to the end of `chars`; positions are those in `chars`.
pub(super) fn parse(chars: &[char], at: usize) -> Located<Where> {
    let mut reader = Reader { chars, at };
    let mut found = Where::default();
    loop {
        reader.condition(&mut found)?;
        reader.skip_blanks();
        if reader.at == chars.len() {
            return Ok(found);
        }
        let from = reader.at;
        if !reader.word().eq_ignore_ascii_case("and") {
            return Err((from, Problem::And));
        }
    }
}

struct Reader<'t> {
    chars: &'t [char],
    at: usize,
}

impl Reader<'_> {
    fn condition(&mut self, found: &mut Where) -> Located<()> {
        self.skip_blanks();
        let from = self.at;
        let field = self.word();
        if field.is_empty() {
            return Err((from, Problem::Condition));
        }
        self.skip_blanks();
        if self.peek() != Some('=') {
            return Err((self.at, Problem::Equals(field)));
        }
        self.at += 1;
        self.skip_blanks();
        let value_at = self.at;
        let value = self.value()?;
        if !field.eq_ignore_ascii_case(UPDATED_AFTER) {
            found.equals.push((field, value));
        } else if found.updated_after.is_some() {
            return Err((from, Problem::Twice(UPDATED_AFTER)));
        } else {
            let time = time(&value).map_err(|why| (value_at, Problem::Time(why)))?;
            found.updated_after = Some(time);
        }
        Ok(())
    }

    /// In quotes, or all up to a blank.
    fn value(&mut self) -> Located<String> {
        let from = self.at;
        if self.peek() != Some('\'') {
            let value = self.take_while(|char| !char.is_whitespace());
            if value.is_empty() || value.starts_with(['"', '=', '(']) {
                return Err((from, Problem::Value));
            }
            return Ok(value);
        }
        let mut value = String::new();
        loop {
            self.at += 1;
            value.push_str(&self.take_while(|char| char != '\''));
            if self.peek().is_none() {
                return Err((from, Problem::UnclosedQuote));
            }
            self.at += 1;
            if self.peek() != Some('\'') {
                return Ok(value);
            }
            value.push('\'');
        }
    }

    /// A name, which may be dotted.
    fn word(&mut self) -> String {
        self.take_while(|char| char.is_alphanumeric() || ['_', '.', '-'].contains(&char))
    }

    fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let rest = self.chars[self.at..].iter().copied();
        let taken: String = rest.take_while(|char| accept(*char)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }
}

/// The time in any of the three forms, or why it is none.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return epoch(text);
    }
    if let Ok(time) = iso(text) {
        return Ok(time.to_utc());
    }
    BODY.parse(text, Zone::UTC)
        .map_err(|error| error.to_string())
}

/// Milliseconds. What would be a year or a number of seconds lies in early 1970 and is refused.
fn epoch(text: &str) -> Result<DateTime<Utc>, String> {
    if text != "0" && text.len() <= 10 {
        return Err(
            "too few digits for epoch milliseconds, this looks like seconds or a year".to_owned(),
        );
    }
    let time = Format::Milliseconds.parse(text, Zone::UTC);
    time.map_err(|error| error.to_string())
}

fn iso(text: &str) -> chrono::ParseResult<DateTime<chrono::FixedOffset>> {
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z"))
}
