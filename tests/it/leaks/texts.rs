//! The secrets that a client gives.

use ie_tests::client::{ORGANIZATION_SECRET, PASSWORD, USER_SECRET};

use super::needles::Secret;

/// The secrets of an instance. Their characters differ in every way of writing them down.
pub(super) struct Texts {
    pub(super) key: String,
    pub(super) wrong_key: String,
    pub(super) signature_key: String,
    pub(super) next_signature_key: String,
    pub(super) password: String,
    pub(super) header: String,
    pub(super) bad_header: String,
    pub(super) client_key: String,
    pub(super) certificate: String,
    pub(super) bad_client_key: String,
    pub(super) unknown_token: String,
}

impl Texts {
    pub(super) fn new() -> anyhow::Result<Self> {
        let unique = |begin: &str| format!("{begin}{}", uuid::Uuid::new_v4().simple());
        let made = rcgen::generate_simple_self_signed(["us.example".to_owned()])?;
        Ok(Self {
            key: unique("insightly-key-/+="),
            wrong_key: unique("no-such-key-/+="),
            signature_key: unique("sign \"/+é <&> "),
            next_signature_key: unique("sign again \"/+é <&> "),
            password: unique("basic \"/+é <&> "),
            header: unique("header \"/+=<&> "),
            bad_header: unique("bad header \"/+=<&> "),
            client_key: made.signing_key.serialize_pem(),
            certificate: made.cert.pem(),
            bad_client_key: unique("-----BEGIN PRIVATE KEY----- "),
            unknown_token: unique("token of \"/+=<&> "),
        })
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        // A line of the key in the middle: the first ones are the same in every key of the kind.
        let lines: Vec<&str> = self.client_key.lines().collect();
        let client_key = lines[lines.len() / 2];
        [
            ("Insightly key", &self.key),
            ("refused Insightly key", &self.wrong_key),
            ("signature key", &self.signature_key),
            ("next signature key", &self.next_signature_key),
            ("basic password", &self.password),
            ("callback header", &self.header),
            ("malformed callback header", &self.bad_header),
            ("malformed client key", &self.bad_client_key),
            ("entry that is a secret by its name", &self.unknown_token),
        ]
        .into_iter()
        .map(|(name, text)| Secret::new(name, text.as_str()))
        .chain([
            Secret::new("client key", client_key),
            Secret::new("user secret", USER_SECRET),
            Secret::new("organization secret", ORGANIZATION_SECRET),
            Secret::new("password of the dashboard", PASSWORD),
        ])
        .collect()
    }
}
