//! What an instance brings for the TLS of its own callback: authorities to trust, and a certificate to show.

use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_platform::tls::{Authorities, Chain, Identity, Invalid, Tls};

/// Authorities and a certificate with its key, in PEM; at least one of the two.
#[derive(Clone, Debug)]
pub(crate) struct OwnTls {
    authorities: Option<String>,
    identity: Option<(String, SecretString)>,
}

/// Why what an instance brings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// What can be read in an entry of the configuration.
    #[error("event.notification.tls.ca: {0}")]
    Authorities(Invalid),
    /// The same of the certificate and its key.
    #[error("event.notification.tls.client.certificate and its key: {0}")]
    Identity(Invalid),
    /// One without the other.
    #[error(
        "event.notification.tls.client.certificate and .key go together, and one of them is missing"
    )]
    Half,
    /// Both can be read, and TLS does not take them.
    #[error("what event.notification.tls brings cannot be used: {0}")]
    Refused(String),
}

impl OwnTls {
    /// Nothing when an instance brings nothing.
    pub(crate) fn new(
        authorities: Option<String>,
        certificate: Option<String>,
        key: Option<SecretString>,
    ) -> Result<Option<Self>, Unusable> {
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(Unusable::Half),
        };
        let brings = authorities.is_some() || identity.is_some();
        Ok(brings.then_some(Self {
            authorities,
            identity,
        }))
    }

    /// `tls` with what the instance brings.
    pub(crate) fn on(&self, tls: &Tls) -> Result<Tls, Unusable> {
        let authorities = self.authorities.as_deref().map(Authorities::from_pem);
        let authorities = authorities.transpose().map_err(Unusable::Authorities)?;
        let identity = self.identity.as_ref().map(|(certificate, key)| {
            let chain = Chain::from_pem(certificate)?;
            Identity::new(chain, key)
        });
        let identity = identity.transpose().map_err(Unusable::Identity)?;
        tls.with(authorities, identity)
            .map_err(|error| Unusable::Refused(error.to_string()))
    }
}

impl PartialEq for OwnTls {
    fn eq(&self, other: &Self) -> bool {
        fn identity(own: &OwnTls) -> Option<(&str, &str)> {
            let (certificate, key) = own.identity.as_ref()?;
            Some((certificate, key.expose_secret()))
        }
        self.authorities == other.authorities && identity(self) == identity(other)
    }
}
