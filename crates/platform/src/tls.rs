//! How two ends of an HTTPS connection prove who they are: the operating system's authorities, and what a caller brings.

use std::error::Error as StdError;
use std::fmt::{self, Debug, Formatter};
use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use secrecy::{ExposeSecret as _, SecretString};

use crate::http::install_crypto_provider;

/// Sessions remembered for each caller that brings something of its own; it calls few hosts.
const OWN_SESSIONS: usize = 8;

/// Why a text is not what was expected. It repeats nothing of the text, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No certificate at all.
    #[error(
        "expected certificates in PEM, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----; there is none"
    )]
    NoCertificate,
    /// PEM, and no certificate in it.
    #[error("certificate {place} cannot be read: {reason}")]
    Certificate {
        /// Counted from 1.
        place: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// No key at all.
    #[error(
        "expected a private key in PEM without a passphrase, from -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----"
    )]
    NoKey,
    /// A key that cannot be used.
    #[error(
        "the private key cannot be used: expected RSA of at least 2048 bits, ECDSA P-256 or P-384, or Ed25519"
    )]
    Key,
    /// Both can be read, and do not belong together.
    #[error("the private key belongs to another certificate than the first")]
    Mismatch,
}

/// Authorities to trust beside those of the operating system.
#[derive(Clone)]
pub struct Authorities(Arc<RootCertStore>);

impl Authorities {
    /// Reads one or more certificates in PEM.
    pub fn from_pem(text: &str) -> Result<Self, Invalid> {
        let mut store = RootCertStore::empty();
        for (index, certificate) in certificates(text)?.into_iter().enumerate() {
            let added = store.add(certificate);
            added.map_err(|error| Invalid::Certificate {
                place: index + 1,
                reason: error.to_string(),
            })?;
        }
        Ok(Self(Arc::new(store)))
    }
}

impl Debug for Authorities {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorities").field(&self.0.len()).finish()
    }
}

/// A client certificate with its chain.
#[derive(Clone, Debug)]
pub struct Chain(Vec<CertificateDer<'static>>);

impl Chain {
    /// Reads a certificate and those that vouch for it, in PEM.
    pub fn from_pem(text: &str) -> Result<Self, Invalid> {
        let chain = certificates(text)?;
        for (index, certificate) in chain.iter().enumerate() {
            // Whether it can be read as one is found out by trusting it.
            let read = RootCertStore::empty().add(certificate.clone());
            read.map_err(|error| Invalid::Certificate {
                place: index + 1,
                reason: error.to_string(),
            })?;
        }
        Ok(Self(chain))
    }
}

/// A client certificate and its key: what a caller shows to a server that asks for it.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// A chain and the key of its first certificate, in PEM.
    pub fn new(chain: Chain, key: &SecretString) -> Result<Self, Invalid> {
        let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes());
        let key = key.map_err(|_| Invalid::NoKey)?;
        let made = CertifiedKey::from_der(chain.0, key, &provider());
        made.map(|made| Self(Arc::new(made)))
            .map_err(|error| match error {
                Error::InconsistentKeys(_) => Invalid::Mismatch,
                _ => Invalid::Key,
            })
    }
}

impl Debug for Identity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// What a client trusts and shows; cheap to clone, and clients that are made of one share its sessions.
#[derive(Clone, Debug)]
pub struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    system: Arc<dyn ServerCertVerifier>,
}

impl Tls {
    /// Trusts the authorities of the operating system (or those of `SSL_CERT_FILE`) and shows no certificate.
    pub fn of_system() -> Result<Self, Error> {
        let system: Arc<dyn ServerCertVerifier> = Arc::new(Verifier::new(provider())?);
        let config = config(Arc::clone(&system), None)?;
        Ok(Self {
            config: Arc::new(config),
            system,
        })
    }

    /// The same, with these authorities beside the operating system's and this identity; with sessions of its own.
    pub fn with(
        &self,
        authorities: Option<Authorities>,
        identity: Option<Identity>,
    ) -> Result<Self, Error> {
        let verifier: Arc<dyn ServerCertVerifier> = match authorities {
            None => Arc::clone(&self.system),
            Some(Authorities(roots)) => {
                let own = WebPkiServerVerifier::builder_with_provider(roots, provider());
                let own = own
                    .build()
                    .map_err(|error| Error::General(error.to_string()))?;
                let system = Arc::clone(&self.system);
                Arc::new(Either { own, system })
            }
        };
        let mut config = config(verifier, identity)?;
        config.resumption = rustls::client::Resumption::in_memory_sessions(OWN_SESSIONS);
        Ok(Self {
            config: Arc::new(config),
            system: Arc::clone(&self.system),
        })
    }
}

fn config(
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<Identity>,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(Identity(key)) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Accepts what its own authorities vouch for, or else the operating system's.
#[derive(Debug)]
struct Either {
    own: Arc<WebPkiServerVerifier>,
    system: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Either {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let ask = |verifier: &dyn ServerCertVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        ask(&*self.own).or_else(|refused| {
            // Of two refusals the one by whoever knows the issuer says more.
            ask(&*self.system).map_err(|other| match refused {
                Error::InvalidCertificate(CertificateError::UnknownIssuer) => other,
                _ => refused,
            })
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.own.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.own.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.own.supported_verify_schemes()
    }
}

/// What TLS had against a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// No authority that we trust vouches for the server.
    UnknownAuthority,
    /// The server does not accept the certificate that we showed, or that we showed none.
    ClientCertificate,
    /// Anything else.
    Other,
}

/// What servers say to a certificate that they do not accept, or to none.
const REFUSALS: [AlertDescription; 7] = [
    AlertDescription::CertificateRequired,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
];

/// Looks for an objection in one cause of an error.
pub fn objection(cause: &(dyn StdError + 'static)) -> Option<Objection> {
    match of_tls(cause) {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            Some(Objection::UnknownAuthority)
        }
        Some(Error::AlertReceived(alert)) if REFUSALS.contains(alert) => {
            Some(Objection::ClientCertificate)
        }
        Some(_) => Some(Objection::Other),
        None => refusal_in_words(cause).then_some(Objection::ClientCertificate),
    }
}

/// HTTP/2 keeps nothing but the words of what ended its connection.
fn refusal_in_words(cause: &(dyn StdError + 'static)) -> bool {
    let broken = cause.downcast_ref::<io::Error>().map(ToString::to_string);
    broken.is_some_and(|words| {
        let mut refusals = REFUSALS.iter();
        refusals.any(|alert| words == Error::AlertReceived(*alert).to_string())
    })
}

/// Errors of TLS come wrapped in those of input and output, which do not tell them as their sources.
fn of_tls<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    if let Some(error) = cause.downcast_ref() {
        return Some(error);
    }
    of_tls(cause.downcast_ref::<io::Error>()?.get_ref()?)
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, Invalid> {
    let mut certificates = Vec::new();
    for read in CertificateDer::pem_slice_iter(text.as_bytes()) {
        certificates.push(read.map_err(|error| Invalid::Certificate {
            place: certificates.len() + 1,
            reason: in_words(&error).to_owned(),
        })?);
    }
    if certificates.is_empty() {
        return Err(Invalid::NoCertificate);
    }
    Ok(certificates)
}

/// The library shows lines of the text as numbers.
fn in_words(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "its -----END----- line is missing",
        pem::Error::IllegalSectionStart { .. } => "its -----BEGIN----- line is malformed",
        pem::Error::Base64Decode(_) => "it is not base64 between its first and its last line",
        _ => "it is no PEM",
    }
}

fn provider() -> Arc<CryptoProvider> {
    install_crypto_provider();
    let chosen = CryptoProvider::get_default();
    chosen.map_or_else(
        || Arc::new(rustls::crypto::ring::default_provider()),
        Arc::clone,
    )
}
