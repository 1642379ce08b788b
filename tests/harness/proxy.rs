//! A TCP proxy that breaks the way to the database or to the store: at once, or when it sees a certain request pass.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::process::until;
use crate::trap::{Direction, Trap};

/// What happens to what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It passes.
    Open,
    /// Connections are cut, and new ones end at once.
    Cut,
    /// Connections stay, and nothing passes.
    Stalled,
}

/// A proxy. It ends with the test's runtime.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    upstream: Mutex<String>,
    way: watch::Sender<Way>,
    trap: Mutex<Option<Trap>>,
    connections: AtomicU64,
}

impl Proxy {
    /// A proxy to a host and port.
    pub async fn to(upstream: &str) -> Self {
        Self::on(([127, 0, 0, 1], 0).into(), upstream).await
    }

    /// A proxy at this address to a host and port.
    pub async fn on(listen: SocketAddr, upstream: &str) -> Self {
        let listener = TcpListener::bind(listen).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let inner = Arc::new(Inner {
            upstream: Mutex::new(upstream.to_owned()),
            way: watch::Sender::new(Way::Open),
            trap: Mutex::default(),
            connections: AtomicU64::default(),
        });
        let carrier = inner.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, carrier.clone()));
            }
        });
        Self { address, inner }
    }

    /// The host and port to use in place of the real ones.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Changes what happens, for live connections too.
    pub fn set(&self, way: Way) {
        self.inner.way.send_replace(way);
    }

    /// Sends connections that are made from now on to another host and port.
    pub fn lead_to(&self, upstream: &str) {
        upstream.clone_into(&mut self.inner.upstream.lock().expect("the lock"));
    }

    /// Lets everything pass until the trap springs.
    pub fn set_trap(&self, trap: Trap) {
        *self.inner.trap.lock().expect("the lock") = Some(trap);
    }

    /// Waits until the trap has sprung.
    ///
    /// # Panics
    /// When it has not after a minute.
    pub async fn sprung(&self) {
        until("what the trap waits for", async || self.inner.trap.lock().expect("the lock").is_none()).await;
    }
}

impl Inner {
    /// Shows a piece of a connection to the trap, if there is one.
    fn look(&self, connection: u64, direction: Direction, bytes: &[u8]) {
        let mut trap = self.trap.lock().expect("the lock");
        if let Some(way) = trap.as_mut().and_then(|trap| trap.look(connection, direction, bytes)) {
            *trap = None;
            self.way.send_replace(way);
        }
    }
}

async fn carry(client: TcpStream, inner: Arc<Inner>) {
    if *inner.way.borrow() == Way::Cut {
        return;
    }
    let connection = inner.connections.fetch_add(1, Ordering::Relaxed);
    let upstream = inner.upstream.lock().expect("the lock").clone();
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let asking = pump(&inner, connection, Direction::Request, from_client, to_server);
    let answering = pump(&inner, connection, Direction::Answer, from_server, to_client);
    // An error, the cut among them, ends both; an orderly end leaves the other direction alone.
    let _ = tokio::try_join!(asking, answering);
}

/// Carries one direction of a connection until it ends or is cut.
async fn pump(
    inner: &Inner,
    connection: u64,
    direction: Direction,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut way = inner.way.subscribe();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = tokio::select! {
            read = from.read(&mut piece) => read?,
            cut = closed(&mut way) => return cut,
        };
        if length == 0 {
            return to.shutdown().await;
        }
        inner.look(connection, direction, &piece[..length]);
        if *way.wait_for(|way| *way != Way::Stalled).await.map_err(io::Error::other)? == Way::Cut {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        to.write_all(&piece[..length]).await?;
    }
}

/// Comes back when connections are cut.
async fn closed(way: &mut watch::Receiver<Way>) -> io::Result<()> {
    way.wait_for(|way| *way == Way::Cut).await.map_err(io::Error::other)?;
    Err(io::ErrorKind::ConnectionAborted.into())
}
