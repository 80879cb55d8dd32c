//! HTTPS works with the one crypto provider, and trusts whom it is told to trust.
#![cfg(test)]

use std::error::Error as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use ie_platform::http::{self, ClientSettings};
use ie_platform::tls::{self, Authorities, Chain, Identity, Invalid, Objection, Tls};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server for one connection, with a certificate that only it knows.
struct Server {
    url: String,
    pem: String,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Server {
    fn start() -> Self {
        http::install_crypto_provider();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Self {
            url: format!("https://localhost:{port}/"),
            pem: made.cert.pem(),
            thread: std::thread::spawn(move || answer(&listener, config)),
        }
    }
}

fn answer(listener: &TcpListener, config: ServerConfig) -> std::io::Result<()> {
    let (stream, _) = listener.accept()?;
    let connection = ServerConnection::new(Arc::new(config)).map_err(std::io::Error::other)?;
    let mut tls = StreamOwned::new(connection, stream);
    let mut request = [0; 1024];
    let read = tls.read(&mut request)?;
    assert!(request[..read].starts_with(b"GET / HTTP/1.1"));
    tls.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
}

/// A client that trusts these authorities beside the operating system's.
fn trusting(authorities: &str) -> reqwest::Client {
    let authorities = Authorities::from_pem(authorities).unwrap();
    let tls = Tls::of_system().unwrap().with(Some(authorities), None);
    let settings = ClientSettings {
        tls: Some(tls.unwrap()),
        ..ClientSettings::default()
    };
    http::client(&settings).unwrap()
}

#[tokio::test]
async fn a_server_of_an_own_authority_is_trusted() {
    let server = Server::start();
    let several = format!("{}{}", Server::start().pem, server.pem);
    let client = trusting(&several);

    let response = http::send(client.get(&server.url), &client, "probe")
        .await
        .unwrap();

    assert_eq!(response.status(), 204);
    server.thread.join().unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_refused() {
    let server = Server::start();
    let settings = ClientSettings {
        tls: Some(Tls::of_system().unwrap()),
        ..ClientSettings::default()
    };
    let client = http::client(&settings).unwrap();

    let error = http::send(client.get(&server.url), &client, "probe")
        .await
        .unwrap_err();

    assert!(error.is_connect(), "{error:?}");
    let mut cause = error.source().unwrap();
    while tls::objection(cause).is_none() {
        cause = cause.source().expect("TLS is among the causes");
    }
    assert_eq!(
        tls::objection(cause),
        Some(Objection::UnknownAuthority),
        "{error:?}"
    );
    server.thread.join().unwrap().unwrap_err();
}

#[test]
fn authorities_are_certificates_in_pem() {
    let good = Server::start().pem;
    let refused = |text: &str| Authorities::from_pem(text).unwrap_err().to_string();

    assert!(refused("trust me").contains("-----BEGIN CERTIFICATE-----"));
    let cut = good.replace("-----END CERTIFICATE-----", "");
    assert!(refused(&cut).contains("-----END----- line is missing"));
    let hello = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    assert!(refused(&format!("{good}{hello}")).contains("certificate 2 cannot be read"));
    assert!(Authorities::from_pem(&good).is_ok());
}

#[test]
fn an_identity_is_a_certificate_with_its_own_key() {
    let made = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (mine, other) = (made("mine"), made("other"));
    let identity = |key: String| {
        let chain = Chain::from_pem(&mine.cert.pem()).unwrap();
        Identity::new(chain, &key.into())
    };

    assert!(identity(mine.signing_key.serialize_pem()).is_ok());
    let refused = identity(other.signing_key.serialize_pem());
    assert_eq!(refused.unwrap_err(), Invalid::Mismatch);
    assert_eq!(identity(mine.cert.pem()).unwrap_err(), Invalid::NoKey);
    let broken = "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n";
    assert_eq!(identity(broken.to_owned()).unwrap_err(), Invalid::Key);
}
