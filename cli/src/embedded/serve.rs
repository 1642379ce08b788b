//! Serves S3 over HTTP on a listener.

use std::convert::Infallible;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::service::S3Service;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tracing::instrument::WithSubscriber;

/// How long to wait after a failed accept, which usually means that all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is sent or dropped, then lets requests in flight end for as long as `grace`.
pub(super) async fn serve(listener: TcpListener, service: S3Service, mut stop: oneshot::Receiver<()>, grace: Duration) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    let connection = graceful.watch(connect(socket, service.clone()));
                    connections.spawn(connection);
                }
                Err(error) => {
                    tracing::warn!(%error, "The object store cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("The object store broke off requests that took too long");
    }
}

fn connect(
    socket: TcpStream,
    service: S3Service,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    let _ = socket.set_nodelay(true);
    let answer = service_fn(move |request| answer(service.clone(), request));
    http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(socket), answer)
}

async fn answer(service: S3Service, request: Request<Incoming>) -> Result<Response<s3s::Body>, Infallible> {
    let method = request.method().clone();
    // s3s and s3s-fs log whole requests, so signatures and signed URLs; nothing of theirs may reach our log.
    let call = service.call(request.map(s3s::Body::from)).with_subscriber(tracing::Dispatch::none());
    let response = call.await.unwrap_or_else(|_| {
        let mut response = Response::new(s3s::Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    });
    // What the server does not offer is an answer, for which whoever asks is prepared.
    if response.status().is_server_error() && response.status() != StatusCode::NOT_IMPLEMENTED {
        tracing::error!(%method, status = response.status().as_u16(), "The object store failed a request");
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use s3s::service::S3ServiceBuilder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_request_that_never_ends_does_not_hold_the_stop_up() {
        let folder = tempfile::tempdir().unwrap();
        let service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap()).build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client
            .write_all(b"PUT /bucket/key HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
            .await
            .unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve(listener, service, stopped, Duration::from_millis(50)));
        // The interim answer says that the body is awaited: the request is in flight.
        client.read_exact(&mut [0; 12]).await.unwrap();
        stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(20), server).await.expect("the stop is held up").unwrap();
    }
}
