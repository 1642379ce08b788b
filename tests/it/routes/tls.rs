use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use clipmill_api::transport::TransportConfig;
use clipmill_api::{App, Transport};
use clipmill_shared::outbound::OutboundConfig;
use clipmill_tests::{Server, Setup};
use rcgen::CertifiedKey;
use reqwest::{Certificate, Client, Method};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const HSTS: &str = "strict-transport-security";

/// A certificate of this machine and its key, in files.
struct Files(TempDir);

impl Files {
    /// With what proves the certificate.
    fn new() -> (Self, Certificate) {
        let files = Self(tempfile::tempdir().unwrap());
        let root = files.renew();
        (files, root)
    }

    fn config(&self) -> TransportConfig {
        let [tls_certificate, tls_key] = ["chain.pem", "key.pem"].map(|name| Some(self.0.path().join(name)));
        TransportConfig { tls_certificate, tls_key, ..TransportConfig::default() }
    }

    async fn transport(&self) -> Transport {
        Transport::open(&self.config()).await.unwrap()
    }

    /// Puts another certificate in the place of the one that is there.
    fn renew(&self) -> Certificate {
        let (certificate, key) = made();
        self.put("chain.pem", &certificate);
        self.put("key.pem", &key);
        Certificate::from_pem(certificate.as_bytes()).unwrap()
    }

    /// As those who renew certificates do it: nobody ever sees half of a file.
    fn put(&self, name: &str, text: &str) {
        let new = self.0.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.0.path().join(name)).unwrap();
    }
}

/// A certificate and its key in PEM.
fn made() -> (String, String) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

async fn server(transport: Transport) -> Server {
    Server::with(Setup { transport, ..Setup::default() }).await
}

/// A client that connects anew and trusts nothing but this.
fn client(root: &Certificate) -> Client {
    Client::builder().tls_certs_only([root.clone()]).no_proxy().timeout(Duration::from_secs(5)).build().unwrap()
}

fn https(server: &Server, path: &str) -> String {
    server.url().replace("http://", "https://") + path
}

async fn is_trusted(server: &Server, root: &Certificate) -> bool {
    client(root).get(https(server, "/healthz")).send().await.is_ok_and(|response| response.status().is_success())
}

#[tokio::test]
async fn requests_come_encrypted_and_no_other_way() {
    let (files, root) = Files::new();
    let server = server(files.transport().await).await;
    let request = client(&root).get(https(&server, "/v1/videos")).bearer_auth(server.key());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[HSTS], "max-age=63072000");
    let refused = client(&root).get(https(&server, "/v1/nothing")).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()[HSTS]), (404, &response.headers()[HSTS]));
    let (_, another) = Files::new();
    assert!(!is_trusted(&server, &another).await, "a client that trusts somebody else does not come in");
    assert!(server.anonymous(Method::GET, "/healthz").send().await.is_err(), "plain HTTP is not answered");
}

#[tokio::test]
async fn only_where_there_is_tls_are_browsers_told_to_use_it() {
    let plain = Server::start().await;
    assert!(!plain.anonymous(Method::GET, "/healthz").send().await.unwrap().headers().contains_key(HSTS));
    let trusted_proxies = vec!["192.0.2.7".parse().unwrap()];
    let config = TransportConfig { trusted_proxies, ..TransportConfig::default() };
    let behind_a_proxy = server(Transport::open(&config).await.unwrap()).await;
    let response = behind_a_proxy.anonymous(Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(response.headers()[HSTS], "max-age=63072000");
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let (files, first) = Files::new();
    let transport = files.transport().await;
    let server = server(transport.clone()).await;
    assert!(!transport.refresh().await, "nothing has changed yet");
    let before = client(&first);
    assert_eq!(before.get(https(&server, "/healthz")).send().await.unwrap().text().await.unwrap(), "ok");

    let second = files.renew();
    assert!(transport.refresh().await);
    assert!(is_trusted(&server, &second).await);
    assert!(!is_trusted(&server, &first).await);
    assert!(before.get(https(&server, "/healthz")).send().await.is_ok(), "an open connection goes on");

    let (foreign, foreign_key) = made();
    for (name, text) in [("chain.pem", "-----BEGIN"), ("chain.pem", ""), ("chain.pem", &foreign), ("key.pem", "no key")]
    {
        files.put(name, text);
        assert!(!transport.refresh().await, "{text}");
        assert!(is_trusted(&server, &second).await, "the one before stays");
    }
    files.put("key.pem", &foreign_key);
    assert!(transport.refresh().await, "certificate and key belong together again");
    assert!(is_trusted(&server, &Certificate::from_pem(foreign.as_bytes()).unwrap()).await);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_said_at_the_start() {
    let (files, _) = Files::new();
    let said = async || format!("{:#}", Transport::open(&files.config()).await.err().expect("it cannot be used"));
    files.put("key.pem", &made().1);
    assert!(said().await.contains("cannot be used together"), "{}", said().await);
    files.put("key.pem", "secret words");
    let no_key = said().await;
    assert!(no_key.contains("key.pem holds no private key") && !no_key.contains("secret"), "{no_key}");
    fs::remove_file(files.0.path().join("chain.pem")).unwrap();
    assert!(said().await.contains("CLIPMILL_TLS_CERTIFICATE"), "{}", said().await);
}

#[tokio::test]
async fn handshakes_that_never_end_keep_nobody_waiting_and_no_server_from_its_end() {
    let (files, root) = Files::new();
    let server = Server::start().await;
    let (outbound, setup) = (OutboundConfig::unguarded(), Setup::default());
    let app = App::new(
        server.pool.clone(),
        server.storage.clone(),
        server.env.vault.clone(),
        &outbound,
        &setup.moderation,
        &setup.clients,
        &setup.signing,
    );
    let (listener, stop) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), CancellationToken::new());
    let address: SocketAddr = listener.local_addr().unwrap();
    let until = stop.clone().cancelled_owned();
    let serving = tokio::spawn(clipmill_api::serve(listener, app.unwrap(), files.transport().await, until));

    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let client = client(&root);
    let response = client.get(format!("https://{address}/v1/videos")).bearer_auth(server.key()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    stop.cancel();
    // Less than a handshake may take.
    tokio::time::timeout(Duration::from_secs(8), serving).await.expect("an end").unwrap().unwrap();
    drop(silent);
}
