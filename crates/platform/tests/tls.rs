//! HTTPS works with the one crypto provider, and trusts whom it is told to trust.
#![cfg(test)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use base64::Engine as _;
use ie_platform::http::{self, ClientSettings};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server for one connection, with a certificate that only it knows.
struct Server {
    url: String,
    certificate: CertificateDer<'static>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Server {
    fn start() -> Self {
        http::install_crypto_provider();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Self {
            url: format!("https://localhost:{port}/"),
            certificate,
            thread: std::thread::spawn(move || answer(&listener, config)),
        }
    }

    fn pem(&self) -> Vec<u8> {
        let base64 = base64::engine::general_purpose::STANDARD.encode(&self.certificate);
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n").into_bytes()
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

#[tokio::test]
async fn a_server_with_an_extra_root_is_trusted() {
    let server = Server::start();
    let settings = ClientSettings {
        extra_roots: vec![server.pem()],
        ..ClientSettings::default()
    };
    let client = http::client(&settings).unwrap();

    let response = http::send(client.get(&server.url), &client, "probe")
        .await
        .unwrap();

    assert_eq!(response.status(), 204);
    server.thread.join().unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_refused() {
    let server = Server::start();
    // The operating system may have no roots at all; another server's root leaves the store unable to vouch for this one.
    let settings = ClientSettings {
        extra_roots: vec![Server::start().pem()],
        ..ClientSettings::default()
    };
    let client = http::client(&settings).unwrap();

    let error = http::send(client.get(&server.url), &client, "probe")
        .await
        .unwrap_err();

    assert!(error.is_connect(), "{error:?}");
    assert!(
        format!("{error:?}").contains("InvalidCertificate"),
        "{error:?}"
    );
    server.thread.join().unwrap().unwrap_err();
}

#[test]
fn a_root_that_is_no_certificate_is_refused() {
    let settings = ClientSettings {
        extra_roots: vec![
            b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n".to_vec(),
        ],
        ..ClientSettings::default()
    };

    assert!(http::client(&settings).unwrap_err().is_builder());
}
