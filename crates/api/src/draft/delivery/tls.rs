//! What is trusted and shown on connections to the callback.

use std::collections::BTreeMap;

use ie_model::TlsSettings;
use ie_model::instance::secret;
use ie_platform::secret::SecretString;
use ie_platform::tls::{Authorities, Chain, Identity, Invalid};

use super::super::Secret;
use super::super::reader::Reader;

pub(super) const CA: &str = "event.notification.tls.ca";
pub(super) const CERTIFICATE: &str = "event.notification.tls.client.certificate";
const KEY: &str = secret::CLIENT_KEY;

/// More than any chain of certificates takes.
const LONGEST: usize = 64 * 1024;

/// The authorities and the certificate; its key is among the secrets.
pub(super) fn read(reader: &mut Reader<'_>) -> TlsSettings {
    TlsSettings {
        authorities: pem(reader, CA, |text| Authorities::from_pem(text).map(drop)),
        certificate: pem(reader, CERTIFICATE, |text| Chain::from_pem(text).map(drop)),
    }
}

fn pem(
    reader: &mut Reader<'_>,
    key: &str,
    check: impl Fn(&str) -> Result<(), Invalid>,
) -> Option<String> {
    let text = reader.text(key, "certificates in PEM")?;
    if text.len() > LONGEST {
        let got = text.len();
        let problem = format!("expected at most {LONGEST} characters of PEM, got {got}");
        reader.refuse(key, problem);
        return None;
    }
    match check(text) {
        Ok(()) => Some(text.to_owned()),
        Err(problem) => {
            reader.refuse(key, problem.to_string());
            None
        }
    }
}

/// A certificate has its key, and a key its certificate. A key that is kept is compared where it can be opened.
pub(in crate::draft) fn check_key(reader: &mut Reader<'_>, secrets: &BTreeMap<String, Secret>) {
    let certificate = reader.given(CERTIFICATE).and_then(|value| value.as_str());
    match (certificate, secrets.get(KEY)) {
        (Some(certificate), Some(Secret::New(key))) => {
            if let Err(problem) = check_pair(certificate, key) {
                reader.refuse(KEY, problem);
            }
        }
        (Some(_), None) if reader.given(KEY).is_none() => reader.refuse(
            KEY,
            format!("expected the private key that belongs to {CERTIFICATE}"),
        ),
        (None, Some(_)) if reader.given(CERTIFICATE).is_none() => reader.refuse(
            CERTIFICATE,
            format!("expected the certificate that belongs to {KEY}; without both, none is shown"),
        ),
        _ => {}
    }
}

/// Whether a key is that of the certificate; a certificate that cannot be read has been refused already.
pub(crate) fn check_pair(certificate: &str, key: &SecretString) -> Result<(), String> {
    let Ok(chain) = Chain::from_pem(certificate) else {
        return Ok(());
    };
    match Identity::new(chain, key) {
        Ok(_) => Ok(()),
        Err(problem @ Invalid::Mismatch) => Err(format!(
            "{problem} in {CERTIFICATE}; send the certificate and its key together"
        )),
        Err(problem) => Err(problem.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::super::super::test_bodies::{draft, refusal, with};
    use super::*;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["us.example".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn nothing_is_trusted_or_shown_unless_it_is_given() {
        let plain = draft(&with(json!({}))).settings.delivery.tls;

        assert_eq!(plain, TlsSettings::default());
    }

    #[test]
    fn a_certificate_is_kept_and_its_key_is_a_secret() {
        let (certificate, key) = made();
        let (authority, other) = (made().0, made().0);
        let body = with(json!({
            CA: format!("{authority}{other}"), CERTIFICATE: certificate, KEY: key,
        }));

        let draft = draft(&body);

        let tls = draft.settings.delivery.tls;
        assert!(tls.authorities.unwrap().contains(authority.trim()));
        assert_eq!(tls.certificate.unwrap(), certificate.trim());
        assert!(matches!(draft.secrets[KEY], Secret::New(_)));
        assert_eq!(draft.configuration[KEY], "********");
        assert!(draft.warnings.is_empty(), "{:?}", draft.warnings);
    }

    #[rstest]
    #[case(CA, json!("trust me"), "-----BEGIN CERTIFICATE-----")]
    #[case(CA, json!("x".repeat(LONGEST + 1)), "65536 characters")]
    #[case(CA, json!(["a", "b"]), "got a list")]
    #[case(CERTIFICATE, json!("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----"), "certificate 1 cannot be read")]
    fn what_is_no_certificate_is_refused_by_its_entry(
        #[case] key: &str,
        #[case] value: Value,
        #[case] expected: &str,
    ) {
        let problem = refusal(&with(json!({ key: value })));

        assert!(problem.contains(&format!("['{key}']")), "{problem}");
        assert!(problem.contains(expected), "{problem}");
    }

    #[test]
    fn a_certificate_and_its_key_come_together_and_belong_together() {
        let (certificate, key) = made();
        let other = made().1;
        let cases = [
            (
                json!({CERTIFICATE: certificate}),
                KEY,
                "expected the private key",
            ),
            (json!({KEY: key}), CERTIFICATE, "expected the certificate"),
            (
                json!({CERTIFICATE: certificate, KEY: other}),
                KEY,
                "another certificate",
            ),
            (
                json!({CERTIFICATE: certificate, KEY: certificate}),
                KEY,
                "private key in PEM",
            ),
        ];

        for (entries, field, expected) in cases {
            let problem = refusal(&with(entries));

            assert!(
                problem.starts_with(&format!("$.configuration['{field}']")),
                "{problem}"
            );
            assert!(problem.contains(expected), "{problem}");
            assert!(!problem.contains("MII"), "no PEM is repeated: {problem}");
        }
    }
}
