//! The server loop: connections with limits, and an end in order.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::util::MapRequest;
use tracing::{debug, warn};

use crate::App;
use crate::address::Proxies;
use crate::limit::{CONNECTIONS_AT_ONCE, HANDSHAKE_TIMEOUT, HEADERS_MAX, HEADERS_MAX_BYTES, HEADERS_TIMEOUT};
use crate::transport::Transport;

/// How long to wait after a failed accept, which usually means that all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests in flight may take to end.
const GRACE: Duration = Duration::from_secs(120);

/// Serves `app` on `listener` until `stop`. Then those who wait for a job are answered, and the requests in flight finished.
pub async fn serve(
    listener: TcpListener,
    app: App,
    transport: Transport,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (closing, graceful) = (app.closing.clone(), GracefulShutdown::new());
    let router = transport.layers(crate::router(app));
    let places = Arc::new(Semaphore::new(CONNECTIONS_AT_ONCE));
    let _fresh = transport.keep_fresh()?;
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => match accepted {
                Ok((socket, peer, place)) => {
                    let (router, proxies) = (router.clone(), transport.proxies.clone());
                    let (closing, watcher) = (closing.clone(), graceful.watcher());
                    let connection = Connection { peer, proxies, router, closing, watcher, _place: place };
                    tokio::spawn(connection.run(socket, transport.acceptor().cloned()));
                }
                Err(error) => {
                    warn!(%error, "Cannot accept a connection, trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    closing.cancel();
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        warn!("Requests that took too long are broken off");
    }
    Ok(())
}

/// The next connection and where it comes from, as soon as there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (socket, peer) = listener.accept().await?;
    Ok((socket, peer.ip(), place))
}

/// A connection that was accepted, in a task of its own.
struct Connection {
    peer: IpAddr,
    proxies: Proxies,
    router: Router,
    closing: CancellationToken,
    watcher: Watcher,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, socket: TcpStream, acceptor: Option<TlsAcceptor>) {
        let _ = socket.set_nodelay(true);
        match acceptor {
            None => self.answer(socket).await,
            Some(acceptor) => {
                if let Some(socket) = self.encrypt(socket, &acceptor).await {
                    self.answer(socket).await;
                }
            }
        }
    }

    /// Nothing was asked yet, so an end of the server is the end of a handshake too.
    async fn encrypt(&self, socket: TcpStream, acceptor: &TlsAcceptor) -> Option<TlsStream<TcpStream>> {
        let handshake = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket));
        match self.closing.run_until_cancelled(handshake).await? {
            Ok(Ok(socket)) => Some(socket),
            Ok(Err(error)) => {
                debug!(%error, "A TLS handshake failed");
                None
            }
            Err(_) => {
                debug!("A TLS handshake took too long");
                None
            }
        }
    }

    async fn answer(self, socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { peer, proxies, router, watcher, _place, .. } = self;
        let service = MapRequest::new(router, move |mut request: Request<Incoming>| {
            let client = proxies.client(peer, request.headers());
            request.extensions_mut().insert(client);
            request
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT);
        http.max_headers(HEADERS_MAX).max_buf_size(HEADERS_MAX_BYTES);
        let connection = http.serve_connection(TokioIo::new(socket), TowerToHyperService::new(service));
        if let Err(error) = watcher.watch(connection).await {
            debug!(%error, "A connection ended");
        }
    }
}
