//! Percent-decoding that remembers where each character stood.

use super::{Error, Problem};

/// The characters of a path, decoded.
pub(super) struct Decoded {
    chars: Vec<char>,
    /// For each of them, and for the end, the character of the written text, from 0.
    origin: Vec<usize>,
}

impl Decoded {
    pub(super) fn new(written: &str) -> Result<Self, Error> {
        let mut decoded = Self {
            chars: Vec::new(),
            origin: Vec::new(),
        };
        let text: Vec<char> = written.chars().collect();
        let mut at = 0;
        while let Some(&char) = text.get(at) {
            if char == '%' {
                at = decoded.escapes(&text, at)?;
            } else {
                decoded.push(char, at);
                at += 1;
            }
        }
        decoded.origin.push(text.len());
        Ok(decoded)
    }

    pub(super) fn chars(&self) -> &[char] {
        &self.chars
    }

    /// The error for a problem in the decoded text, where it was written.
    pub(super) fn error(&self, (at, problem): (usize, Problem)) -> Error {
        let origin = self.origin.get(at).or(self.origin.last());
        Error {
            position: origin.map_or(1, |origin| origin + 1),
            problem,
        }
    }

    /// Decodes a run of `%41%42`, which is UTF-8 together; gives back where it ends.
    fn escapes(&mut self, text: &[char], start: usize) -> Result<usize, Error> {
        let located = |at: usize, problem| Error {
            position: at + 1,
            problem,
        };
        let mut bytes = Vec::new();
        let mut at = start;
        while text.get(at) == Some(&'%') {
            let digit = |offset: usize| text.get(at + offset)?.to_digit(16);
            let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                return Err(located(at, Problem::Percent));
            };
            bytes.push((high * 16 + low) as u8);
            at += "%00".len();
        }
        let decoded = String::from_utf8(bytes).map_err(|_| located(start, Problem::NotUtf8))?;
        let mut origin = start;
        for char in decoded.chars() {
            self.push(char, origin);
            origin += "%00".len() * char.len_utf8();
        }
        Ok(at)
    }

    fn push(&mut self, char: char, origin: usize) {
        self.chars.push(char);
        self.origin.push(origin);
    }
}
