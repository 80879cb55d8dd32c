//! Reading a text from left to right.

use super::names::starts;
use super::parse::{Failure, ParseProblem};

/// A text and how far it has been read, in bytes.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

/// Digits that were read.
pub(super) struct Digits {
    /// Their value, or the largest there is.
    pub(super) value: i64,
    /// How many there were.
    pub(super) count: usize,
    /// Where they began.
    pub(super) at: usize,
}

/// How an offset is written after its sign.
#[derive(Clone, Copy)]
pub(super) struct OffsetForm {
    /// Whether the hour may be one digit.
    pub(super) short_hour: bool,
    /// Whether minutes follow.
    pub(super) minutes: bool,
    /// Whether a colon stands before them.
    pub(super) colon: bool,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// Takes `length` bytes, which the caller has seen to be whole characters.
    pub(super) fn take(&mut self, length: usize) {
        self.at += length;
    }

    /// Takes exactly that text.
    pub(super) fn literal(&mut self, expected: &str) -> Result<(), Failure> {
        if !self.rest().starts_with(expected) {
            return Err(self.fail(ParseProblem::Literal {
                expected: expected.to_owned(),
                found: self.found(),
            }));
        }
        self.at += expected.len();
        Ok(())
    }

    /// Takes digits after any blanks, of both together no more than `limit`.
    pub(super) fn digits(&mut self, limit: Option<usize>) -> Digits {
        let start = self.at;
        self.skip_blanks();
        let room = limit.map_or(usize::MAX, |limit| limit.saturating_sub(self.at - start));
        let at = self.at;
        let mut value: i64 = 0;
        for digit in self.rest().bytes().take(room) {
            if !digit.is_ascii_digit() {
                break;
            }
            value = value
                .saturating_mul(10)
                .saturating_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        Digits {
            value,
            count: self.at - at,
            at,
        }
    }

    /// Takes one of the names, in full or its first three letters, in any case; says which.
    pub(super) fn name(&mut self, names: &[&str]) -> Option<usize> {
        let rest = self.rest();
        let full = names.iter().position(|name| starts(rest, name));
        let short = || {
            names
                .iter()
                .position(|name| name.len() > 3 && starts(rest, &name[..3]))
        };
        let (index, length) = match full {
            Some(index) => (index, names[index].len()),
            None => (short()?, 3),
        };
        self.at += length;
        Some(index)
    }

    /// Takes a sign and an offset, in seconds; nothing when it is not of that form.
    pub(super) fn offset(&mut self, form: OffsetForm) -> Option<i32> {
        let bytes = self.rest().as_bytes();
        let digit = |at: usize| {
            let byte = bytes.get(at).filter(|byte| byte.is_ascii_digit())?;
            Some(i32::from(byte - b'0'))
        };
        let sign = match bytes.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (mut hours, mut at) = (digit(1)?, 2);
        match digit(2) {
            Some(second) => {
                hours = hours * 10 + second;
                at = 3;
            }
            None if form.short_hour => {}
            None => return None,
        }
        let mut minutes = 0;
        if form.minutes {
            if form.colon {
                bytes.get(at).filter(|byte| **byte == b':')?;
                at += 1;
            }
            minutes = digit(at)? * 10 + digit(at + 1)?;
            at += 2;
        }
        if hours > 23 || minutes > 59 {
            return None;
        }
        self.at += at;
        Some(sign * (hours * 60 + minutes) * 60)
    }

    /// What stands here, for an error.
    pub(super) fn found(&self) -> String {
        self.found_at(self.at)
    }

    /// What stands at that byte, for an error: one character, as the text may be personal.
    pub(super) fn found_at(&self, at: usize) -> String {
        match self.text[at..].chars().next() {
            Some(char) => format!("{char:?}"),
            None => "the end".to_owned(),
        }
    }

    /// A failure here.
    pub(super) fn fail(&self, problem: ParseProblem) -> Failure {
        self.fail_at(self.at, problem)
    }

    /// A failure at a byte that has been read before.
    pub(super) fn fail_at(&self, at: usize, problem: ParseProblem) -> Failure {
        Failure {
            position: self.text[..at].chars().count() + 1,
            problem,
        }
    }
}
