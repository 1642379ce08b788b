//! The server loop: connections with limits, and an end in order.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, warn};

use crate::App;
use crate::limit::{CONNECTIONS_AT_ONCE, HEADERS_MAX, HEADERS_MAX_BYTES, HEADERS_TIMEOUT};

/// How long to wait after a failed accept, which usually means that all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests in flight may take to end.
const GRACE: Duration = Duration::from_secs(120);

/// Serves `app` on `listener` until `stop`. Then those who wait for a job are answered, and the requests in flight finished.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (closing, router, graceful) = (app.closing.clone(), crate::router(app), GracefulShutdown::new());
    let places = Arc::new(Semaphore::new(CONNECTIONS_AT_ONCE));
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => match accepted {
                Ok((socket, place)) => connect(socket, place, router.clone(), &graceful),
                Err(error) => {
                    warn!(%error, "Cannot accept a connection, trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    closing.cancel();
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        warn!("Requests that took too long are broken off");
    }
    Ok(())
}

/// The next connection, as soon as there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (socket, _) = listener.accept().await?;
    Ok((socket, place))
}

fn connect(socket: TcpStream, place: OwnedSemaphorePermit, router: Router, graceful: &GracefulShutdown) {
    let _ = socket.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT);
    http.max_headers(HEADERS_MAX).max_buf_size(HEADERS_MAX_BYTES);
    let connection = graceful.watch(http.serve_connection(TokioIo::new(socket), TowerToHyperService::new(router)));
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = connection.await {
            debug!(%error, "A connection ended");
        }
    });
}
