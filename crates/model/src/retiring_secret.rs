//! How a secret that was replaced is written down until it ends: with that end, and sealed as a whole.

use chrono::{DateTime, Utc};

/// The text to be sealed.
pub fn write(secret: &str, until: DateTime<Utc>) -> String {
    format!("{} {secret}", until.timestamp_millis())
}

/// The secret, and until when it is good; none when the text is of another form.
pub fn read(text: &str) -> Option<(&str, DateTime<Utc>)> {
    let (until, secret) = text.split_once(' ')?;
    let until = DateTime::from_timestamp_millis(until.parse().ok()?)?;
    Some((secret, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let until = "2026-11-25T10:00:00.250Z".parse().unwrap();

        let text = write("whsec_YQ==", until);

        assert_eq!(read(&text), Some(("whsec_YQ==", until)));
    }

    #[test]
    fn another_text_is_no_such_secret() {
        for text in ["", "whsec_YQ==", "soon whsec_YQ=="] {
            assert_eq!(read(text), None);
        }
    }
}
