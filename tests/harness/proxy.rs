//! A TCP proxy that breaks the way to the database or to the store.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

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

/// A proxy on loopback. It ends with the test's runtime.
pub struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
}

impl Proxy {
    /// A proxy to a host and port.
    pub async fn to(upstream: &str) -> Self {
        let upstream = upstream.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (way, seen) = watch::channel(Way::Open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, upstream.clone(), seen.clone()));
            }
        });
        Self { address, way }
    }

    /// The host and port to use in place of the real ones.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Changes what happens, for live connections too.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn carry(mut client: TcpStream, upstream: String, mut way: watch::Receiver<Way>) {
    if *way.borrow() == Way::Cut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else { return };
    let mut copying = Box::pin(copy_bidirectional(&mut client, &mut server));
    loop {
        let now = *way.borrow_and_update();
        match now {
            Way::Cut => return,
            Way::Stalled => _ = way.changed().await,
            Way::Open => tokio::select! {
                _ = &mut copying => return,
                changed = way.changed() => if changed.is_err() { return },
            },
        }
    }
}
