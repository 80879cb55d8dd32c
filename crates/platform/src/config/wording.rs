//! What serde has to say about a bad value, in an operator's words.

use std::borrow::Cow;

use figment::error::{Actual, Kind};

/// What was expected and what was found. Values of the wrong type are not shown: they may be secrets.
pub(super) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(found, expected) => {
            format!(
                "expected {}, found {}",
                expectation(expected),
                type_of(found)
            )
        }
        Kind::InvalidValue(found, expected) => {
            format!("expected {}, found {}", expectation(expected), shown(found))
        }
        Kind::UnknownField(field, known) => match nearest(field, known) {
            Some(near) => format!("there is no such setting; did you mean `{near}`?"),
            None => format!("there is no such setting; expected {}", one_of(known)),
        },
        Kind::UnknownVariant(found, known) => {
            let expected = one_of(known);
            match nearest(found, known) {
                Some(near) => {
                    format!("expected {expected}, found `{found}`; did you mean `{near}`?")
                }
                None => format!("expected {expected}, found `{found}`"),
            }
        }
        Kind::MissingField(_) => "must be set".to_owned(),
        other => other.to_string(),
    }
}

/// Types are named as in Rust; operators write TOML.
fn expectation(expected: &str) -> Cow<'_, str> {
    Cow::Borrowed(match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "text",
        "a sequence" => "a list, written [a, b]",
        other if other.starts_with("struct ") => "a table",
        other => other,
    })
}

fn type_of(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) => "a whole number",
        Actual::Float(_) => "a number with a fraction",
        Actual::Char(_) | Actual::Str(_) => "text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}

fn shown(found: &Actual) -> String {
    match found {
        Actual::Unsigned(number) => number.to_string(),
        Actual::Signed(number) => number.to_string(),
        Actual::Float(number) => number.to_string(),
        Actual::Str(text) => format!("{text:?}"),
        other => type_of(other).to_owned(),
    }
}

fn one_of(known: &[&str]) -> String {
    let quoted: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "none at all".to_owned(),
        [only] => only.clone(),
        _ => format!("one of {}", quoted.join(", ")),
    }
}

/// The known name that `found` was probably meant to be.
pub(super) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (distance(found, name), *name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many characters must be put in, taken out or changed to turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::letters_swapped("prefecth", Some("prefetch"))]
    #[case::a_letter_missing("prefech", Some("prefetch"))]
    #[case::another_word("window", None)]
    #[case::nothing("", None)]
    fn a_misspelt_name_finds_the_name_that_was_meant(
        #[case] found: &str,
        #[case] meant: Option<&str>,
    ) {
        assert_eq!(nearest(found, &["url", "prefetch", "retry"]), meant);
    }

    #[rstest::rstest]
    #[case("", "", 0)]
    #[case("kitten", "sitting", 3)]
    #[case("retry", "", 5)]
    #[case("", "retry", 5)]
    fn the_distance_of_two_words_is_the_number_of_edits(
        #[case] a: &str,
        #[case] b: &str,
        #[case] edits: usize,
    ) {
        assert_eq!(distance(a, b), edits);
    }
}
