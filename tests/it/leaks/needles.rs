//! A secret in all the forms in which it could stand somewhere.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A secret, and what it is for people.
#[derive(Clone, Debug)]
pub(super) struct Secret {
    name: &'static str,
    text: String,
    /// Where it may stand: names of what is searched, or with a colon at the end their beginnings.
    allowed: &'static [&'static str],
}

impl Secret {
    pub(super) fn new(name: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            name,
            text,
            allowed: &[],
        }
    }

    /// One that is given back there.
    pub(super) fn allowed_in(self, allowed: &'static [&'static str]) -> Self {
        Self { allowed, ..self }
    }
}

/// One form of a secret.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    secret: &'static str,
    form: &'static str,
    bytes: Vec<u8>,
    allowed: &'static [&'static str],
}

/// What surrounds a finding in a report, in bytes.
const AROUND: usize = 60;

/// Shorter pieces than this are found by chance.
const SHORTEST: usize = 10;

impl Needle {
    /// The secret as it is, in base64 wherever it begins in what is encoded, percent-encoded, escaped as JSON and in hex.
    pub(super) fn forms(secret: &Secret) -> Vec<Self> {
        let text = &secret.text;
        if text.len() < SHORTEST {
            return Vec::new();
        }
        let json = serde_json::to_string(text).unwrap_or_default();
        let escaped = json.trim_matches('"').to_owned();
        let mut forms = vec![
            ("plain", text.clone()),
            ("JSON", escaped.clone()),
            (
                "JSON in JSON",
                escaped.replace('\\', "\\\\").replace('"', "\\\""),
            ),
            ("slashes escaped", escaped.replace('/', "\\/")),
            ("percent", percent(text, "-_.~")),
            ("form", percent(text, "-_.*").replace("%20", "+")),
            ("HTML", html(text)),
            (
                "hex",
                text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ),
        ];
        for shift in 0..3 {
            forms.push(("base64", shifted(&STANDARD_NO_PAD, text, shift)));
            forms.push(("base64url", shifted(&URL_SAFE_NO_PAD, text, shift)));
        }
        forms.push(("base64", STANDARD.encode(text)));
        forms.sort_by(|a, b| a.1.cmp(&b.1));
        forms.dedup_by(|a, b| a.1 == b.1);
        let forms = forms.into_iter().filter(|(_, text)| text.len() >= SHORTEST);
        forms
            .map(|(form, text)| Self {
                secret: secret.name,
                form,
                bytes: text.into_bytes(),
                allowed: secret.allowed,
            })
            .collect()
    }

    /// Where it stands in something; none when it does not.
    pub(super) fn found_in(&self, (name, bytes): &(String, Vec<u8>)) -> Option<String> {
        let is_allowed = |allowed: &&str| {
            name == allowed || allowed.ends_with(':') && name.starts_with(*allowed)
        };
        if self.allowed.iter().any(is_allowed) {
            return None;
        }
        let at = find(bytes, &self.bytes)?;
        let around = &bytes[at.saturating_sub(AROUND)..(at + AROUND).min(bytes.len())];
        let around = String::from_utf8_lossy(around);
        Some(format!(
            "{} ({}) in {name}: …{around}…",
            self.secret, self.form
        ))
    }
}

/// The first place of `needle`: by its first byte, since haystacks are large and this is a debug build.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = hay[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if hay[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// What base64 makes of the text when `shift` bytes stand before it, without the digits that depend on neighbours.
fn shifted(engine: &impl base64::Engine, text: &str, shift: usize) -> String {
    let padded = [&b"\0\0"[..shift], text.as_bytes()].concat();
    let encoded = engine.encode(&padded);
    let begin = (shift * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    encoded[begin..end].to_owned()
}

fn percent(text: &str, kept: &str) -> String {
    let encoded = text.bytes().map(|byte| {
        let plain = byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte);
        if plain {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    encoded.collect()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret = Secret::new("a secret", "s3\"cr/t+ü & more");
    let needles = Needle::forms(&secret);
    let text = secret.text.as_str();
    let json = serde_json::json!({"a": [text]}).to_string();
    let hays = [
        format!("before {text} after"),
        json.clone(),
        serde_json::json!({ "body": json }).to_string(),
        format!("?key={}", percent(text, "")),
        STANDARD.encode(format!("u:{text}")),
        STANDARD.encode(format!("us:{text}:x")),
        URL_SAFE_NO_PAD.encode(format!("use:{text}")),
        html(text),
        text.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ];

    for hay in hays {
        let hay = ("it".to_owned(), [b"\0\xff", hay.as_bytes()].concat());
        let found = needles.iter().any(|needle| needle.found_in(&hay).is_some());
        assert!(found, "{}", String::from_utf8_lossy(&hay.1));
    }
    let other = ("it".to_owned(), b"s3 cr t, nothing of it".to_vec());
    assert!(
        needles
            .iter()
            .all(|needle| needle.found_in(&other).is_none())
    );
}
