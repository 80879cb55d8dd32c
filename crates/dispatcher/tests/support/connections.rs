//! Serves connections one by one, plain or with TLS, with HTTP/1.1 or HTTP/2, and counts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The connections that were made to a server.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    made: AtomicUsize,
    open: AtomicUsize,
}

impl Connections {
    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn enter(self: &Arc<Self>) -> Open {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.open.fetch_add(1, Ordering::SeqCst);
        Open(Arc::clone(self))
    }
}

struct Open(Arc<Connections>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Router,
    seen: Arc<Connections>,
) -> anyhow::Result<()> {
    let mut under_way = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let (open, tls, app) = (seen.enter(), tls.clone(), app.clone());
        under_way.spawn(async move {
            let _open = open;
            match tls {
                None => speak(stream, app).await,
                Some(tls) => {
                    // Whoever does not trust us, or is not trusted, hangs up.
                    if let Ok(stream) = tls.accept(stream).await {
                        speak(stream, app).await;
                    }
                }
            }
        });
        while under_way.try_join_next().is_some() {}
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, app: Router) {
    let server = auto::Builder::new(TokioExecutor::new());
    let service = TowerToHyperService::new(app);
    // A caller may hang up at any time.
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}
