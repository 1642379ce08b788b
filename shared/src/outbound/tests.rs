use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const LARGEST: usize = 1 << 20;

/// Answers with these addresses, one a lookup, and goes on with the last.
struct Answers {
    answers: Mutex<VecDeque<IpAddr>>,
    lookups: AtomicUsize,
}

impl Answers {
    fn new(answers: impl IntoIterator<Item = IpAddr>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), lookups: AtomicUsize::new(0) })
    }
}

impl Resolve for Answers {
    fn resolve(&self, _: Name) -> Resolving {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().expect("the lock");
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().copied() };
        Box::pin(async move { Ok(Box::new(answer.map(|ip| SocketAddr::new(ip, 0)).into_iter()) as Addrs) })
    }
}

/// A web server that answers each path with what `says` makes of it, one request a connection, and counts its connections.
async fn server(at: (IpAddr, u16), says: impl Fn(&str) -> String + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(at).await.expect("a port");
    let (address, connections) = (listener.local_addr().expect("its address"), Arc::new(AtomicUsize::new(0)));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]);
            let path = request.split_whitespace().nth(1).unwrap_or_default();
            // A client that has heard enough may hang up.
            let _ = stream.write_all(says(path).as_bytes()).await;
        }
    });
    (address, connections)
}

fn found(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn moved(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nconnection: close\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
}

/// A client that takes 127.0.0.1 for the public internet, and all else for what lies behind the wall.
fn walled(resolver: Arc<dyn Resolve>) -> Outbound {
    let rules = Rules { is_allowed: |ip| ip == OUTSIDE, ports: None };
    Outbound::resolving(resolver, rules, CONNECT_TIMEOUT).expect("a client")
}

fn guarded(resolver: Arc<dyn Resolve>) -> Outbound {
    Outbound::resolving(resolver, Rules::new(&OutboundConfig::default()), CONNECT_TIMEOUT).expect("a client")
}

#[test]
fn only_plain_http_urls_are_called() {
    for url in
        ["ftp://example.com/", "file:///etc/passwd", "example.com", "gopher://example.com/", "http://", "//example.com"]
    {
        assert_eq!(parse(url), Err(Refused::NotHttp), "{url}");
    }
    for url in ["http://[::1%25lo]/", "http://[fe80::1%eth0]/", "http://[::1", "http://1.2.3.4.5/", "http://256.0.0.1/"]
    {
        assert_eq!(parse(url), Err(Refused::NotHttp), "{url}: no address");
    }
    assert_eq!(parse("https://me:secret@example.com/"), Err(Refused::Credentials));
    assert_eq!(parse("https://me@example.com/"), Err(Refused::Credentials));
    assert!(parse("https://example.com:8443/hook?x=1").is_ok());
}

#[test]
fn a_private_address_is_refused_however_it_is_written() {
    let guarded = Outbound::new(&OutboundConfig::default(), CONNECT_TIMEOUT).expect("a client");
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "0",
        "169.254.169.254",
        "0xa9fea9fe",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
    ] {
        assert_eq!(guarded.check(&format!("http://{host}/")), Err(Refused::Private), "{host}");
    }
}

#[test]
fn only_the_ports_of_web_servers_are_called() {
    let guarded = Outbound::new(&OutboundConfig::default(), CONNECT_TIMEOUT).expect("a client");
    for url in ["http://example.com/", "https://example.com", "http://example.com:8080", "https://8.8.8.8:8443/x"] {
        assert!(guarded.check(url).is_ok(), "{url}");
    }
    for port in [0, 22, 25, 5432, 6379, 9000, 65535] {
        let refused = guarded.check(&format!("http://example.com:{port}/")).expect_err("refused");
        assert_eq!(refused.to_string(), "must have one of the ports 80, 443, 8080, 8443", "{port}");
    }
    let config = OutboundConfig { outbound_ports: vec![8123], ..OutboundConfig::default() };
    let narrow = Outbound::new(&config, CONNECT_TIMEOUT).expect("a client");
    assert!(narrow.check("http://example.com:8123/").is_ok() && narrow.check("http://example.com/").is_err());
    let unguarded = Outbound::new(&OutboundConfig::unguarded(), CONNECT_TIMEOUT).expect("a client");
    assert!(unguarded.check("http://127.0.0.1:9/").is_ok());
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused_at_connect_time() {
    for ip in ["127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"] {
        let guarded = guarded(Answers::new([ip.parse().expect(ip)]));
        for name in ["localhost", "localhost.", "LOCALHOST", "a.localhost.", "metadata.google.internal", "example.com."]
        {
            let request = guarded.request(Method::GET, &format!("http://{name}:8080/")).expect("a name passes");
            let error = request.send().await.expect_err("refused");
            assert!(error.is_connect() && format!("{error:?}").contains("Private"), "{name} {ip}: {error:?}");
            let fetched = guarded.fetch(&format!("http://{name}:8080/"), LARGEST).await;
            assert_eq!(fetched, Err(FetchError::Unreachable), "{name} {ip}");
        }
    }
}

#[tokio::test]
async fn the_machine_s_own_names_are_refused_at_connect_time() {
    let guarded = Outbound::new(&OutboundConfig::default(), CONNECT_TIMEOUT).expect("a client");
    let error = guarded.request(Method::GET, "http://localhost/").expect("a name passes").send().await;
    let error = error.expect_err("refused");
    assert!(error.is_connect() && format!("{error:?}").contains("Private"), "{error:?}");
}

#[tokio::test]
async fn what_is_connected_to_is_what_was_checked_though_the_name_changes_its_meaning() {
    let (outside, visits) = server((OUTSIDE, 0), |_| found("hello")).await;
    let (_, intrusions) = server((INSIDE, outside.port()), |_| found("secret")).await;
    let answers = Answers::new([OUTSIDE, INSIDE]);
    let walled = walled(answers.clone());
    let url = format!("http://rebinds.example:{}/", outside.port());
    assert_eq!(walled.fetch(&url, LARGEST).await.expect("an answer"), "hello");
    assert_eq!(answers.lookups.load(Ordering::Relaxed), 1, "what was looked up and checked is what is connected to");
    assert!(walled.check(&url).is_ok(), "the name says nothing");
    assert_eq!(walled.fetch(&url, LARGEST).await, Err(FetchError::Unreachable));
    let counts = [&answers.lookups, &*visits, &*intrusions].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(counts, [2, 1, 0], "looked up anew, checked anew, and refused");
}

#[tokio::test]
async fn a_few_redirects_are_followed_to_what_is_fetched() {
    let says = |path: &str| match path {
        "/0" => found("picture"),
        path => {
            let left: usize = path[1..].parse().unwrap_or(9);
            moved([301, 302, 303, 307, 308][left % 5], &format!("/{}", left - 1))
        }
    };
    let (address, visits) = server((OUTSIDE, 0), says).await;
    let client = walled(Answers::new([OUTSIDE]));
    for steps in 0..=3 {
        let fetched = client.fetch(&format!("http://{address}/{steps}"), LARGEST).await;
        assert_eq!(fetched.expect("an answer"), "picture", "{steps}");
    }
    assert_eq!(visits.swap(0, Ordering::Relaxed), 1 + 2 + 3 + 4);
    assert_eq!(client.fetch(&format!("http://{address}/4"), LARGEST).await, Err(FetchError::Redirect));
    assert_eq!(visits.load(Ordering::Relaxed), 4, "it was not asked for more");
    let request = client.request(Method::POST, &format!("http://{address}/1")).expect("a request");
    assert_eq!(request.send().await.expect("an answer").status(), 302, "a webhook is not redirected");
}

#[tokio::test]
async fn each_redirect_is_checked_as_the_first_address_was() {
    let (inside, intrusions) = server((INSIDE, 0), |_| found("secret")).await;
    let port = inside.port();
    let targets = [
        format!("http://{inside}/"),
        format!("//{inside}/"),
        format!("http://2130706434:{port}/"),
        format!("http://[::ffff:127.0.0.2]:{port}/"),
        format!("http://me:secret@127.0.0.1:{port}/"),
        "file:///etc/passwd".to_owned(),
        "ftp://127.0.0.1/".to_owned(),
        "http://[".to_owned(),
    ];
    let said = targets.clone();
    let says = move |path: &str| match path.strip_prefix("/to/") {
        Some(number) => moved(302, &said[number.parse::<usize>().unwrap_or_default()]),
        None => moved(302, &format!("http://inside.example:{port}/")),
    };
    let (outside, _) = server((OUTSIDE, 0), says).await;
    let client = walled(Answers::new([INSIDE]));
    for (number, target) in targets.iter().enumerate() {
        let fetched = client.fetch(&format!("http://{outside}/to/{number}"), LARGEST).await;
        assert_eq!(fetched, Err(FetchError::Redirect), "{target}");
    }
    let fetched = client.fetch(&format!("http://{outside}/name"), LARGEST).await;
    assert_eq!(fetched, Err(FetchError::Unreachable), "a name that leads inside");
    assert_eq!(intrusions.load(Ordering::Relaxed), 0);
}

#[test]
fn a_redirect_leads_neither_from_https_to_http_nor_to_other_ports() {
    let guarded = Outbound::new(&OutboundConfig::default(), CONNECT_TIMEOUT).expect("a client");
    let table = [
        ("http://example.com/", "https://example.com/", true),
        ("https://example.com/", "/b", true),
        ("https://example.com/", "//other.example/", true),
        ("https://example.com/", "http://example.com/", false),
        ("http://example.com/", "http://example.com:22/", false),
        ("http://example.com/", "http://10.0.0.1/", false),
    ];
    for (from, location, follows) in table {
        let followed = guarded.follow(&from.parse().expect(from), location);
        assert_eq!(followed.is_ok(), follows, "{from} {location}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_read_to_its_end() {
    let announced = |path: &str| match path {
        "/announced" => "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_owned(),
        "/exact" => found(&"a".repeat(LARGEST)),
        _ => format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "a".repeat(LARGEST + 1)),
    };
    let (address, _) = server((OUTSIDE, 0), announced).await;
    let client = walled(Answers::new([OUTSIDE]));
    for path in ["announced", "unannounced"] {
        let fetched = client.fetch(&format!("http://{address}/{path}"), LARGEST).await;
        assert_eq!(fetched, Err(FetchError::TooLarge(LARGEST)), "{path}");
    }
    assert_eq!(FetchError::TooLarge(LARGEST).to_string(), "must have at most 1 MB");
    assert_eq!(client.fetch(&format!("http://{address}/exact"), LARGEST).await.expect("an answer").len(), LARGEST);
}

#[tokio::test]
async fn a_body_whose_end_never_comes_is_given_up() {
    let listener = TcpListener::bind((OUTSIDE, 0)).await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let accepted = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        assert!(stream.read(&mut [0; 4096]).await.expect("a request") > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.expect("a client that listens");
        stream
    });
    let rules = Rules { is_allowed: |ip| ip == OUTSIDE, ports: None };
    let patience = Duration::from_millis(200);
    let client = Outbound::resolving(Answers::new([OUTSIDE]), rules, patience).expect("a client");
    let started = std::time::Instant::now();
    assert_eq!(client.fetch(&format!("http://{address}/"), LARGEST).await, Err(FetchError::Unreachable));
    assert!(started.elapsed() >= patience && started.elapsed() < CONNECT_TIMEOUT);
    drop(accepted);
}
