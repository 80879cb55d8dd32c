//! A half-open connection: both ends are held, and what they say goes nowhere.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Swallows what both ends say, until one of them closes.
pub(super) async fn hold(mut client: TcpStream, mut server: Option<TcpStream>) {
    tokio::select! {
        () = swallow(Some(&mut client)) => (),
        () = swallow(server.as_mut()) => (),
    }
}

async fn swallow(end: Option<&mut TcpStream>) {
    let Some(end) = end else {
        return std::future::pending().await;
    };
    let mut buffer = vec![0; 16 * 1024];
    while matches!(end.read(&mut buffer).await, Ok(1..)) {}
}
