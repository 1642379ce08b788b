//! The one place that builds HTTP clients.
//!
//! Every address that a customer names (webhooks, images) goes through [`Outbound`], which looks at the addresses that
//! a name resolves to at the moment of connecting, so that a name cannot change its meaning after it was checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use url::{Host, Url};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Whom customers may make us call.
#[derive(Debug, Clone, clap::Args)]
pub struct OutboundConfig {
    /// Let webhooks and image addresses point to private, loopback and link-local hosts (for development)
    #[arg(long, env = "CLIPMILL_ALLOW_PRIVATE_ADDRESSES")]
    pub allow_private_addresses: bool,
}

/// Why an address is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Only these two schemes are spoken.
    #[error("must be an http:// or https:// URL with a host")]
    NotHttp,
    /// A user name or password in the address would end up in logs of others.
    #[error("must not contain a user name or password")]
    Credentials,
    /// The address is not on the public internet.
    #[error("must not point to a private, loopback or link-local address")]
    Private,
}

/// An HTTP client for addresses that customers give.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    allow_private: bool,
}

impl Outbound {
    /// A client that follows no redirect and gives up after `timeout`.
    pub fn new(config: &OutboundConfig, timeout: Duration) -> reqwest::Result<Self> {
        let allow_private = config.allow_private_addresses;
        let client = builder(timeout).redirect(Policy::none()).dns_resolver(Guard { allow_private }).build()?;
        Ok(Self { client, allow_private })
    }

    /// A request to `url`, or why there is none.
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, Refused> {
        self.check(url).map(|url| self.client.request(method, url))
    }

    /// The URL in `text`, if it is one that is called. What its name resolves to is checked when connecting.
    pub fn check(&self, text: &str) -> Result<Url, Refused> {
        let url = parse(text)?;
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            _ => None,
        };
        match literal {
            Some(ip) if !self.allow_private && !is_public(ip) => Err(Refused::Private),
            _ => Ok(url),
        }
    }
}

/// A client for servers that the operator or the user of this machine named.
pub fn trusted(timeout: Duration) -> reqwest::Result<Client> {
    builder(timeout).build()
}

fn builder(timeout: Duration) -> reqwest::ClientBuilder {
    Client::builder()
        .user_agent(concat!("Clipmill/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .no_proxy()
}

/// The URL in `text`, if it is one that we may call. What its name resolves to is checked when connecting.
pub fn parse(text: &str) -> Result<Url, Refused> {
    let url = Url::parse(text).map_err(|_| Refused::NotHttp)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(Refused::NotHttp);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Credentials);
    }
    Ok(url)
}

#[derive(Debug, Clone, Copy)]
struct Guard {
    allow_private: bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|addr| allow_private || is_public(addr.ip())).collect();
            if allowed.is_empty() { Err(Refused::Private.into()) } else { Ok(Box::new(allowed.into_iter()) as Addrs) }
        })
    }
}

/// Whether an address is one of the public internet (IANA special-purpose address registries, RFC 6890).
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match a {
        0 | 10 | 127 | 224..=255 => true,
        100 => (64..128).contains(&b),
        169 => b == 254,
        172 => (16..32).contains(&b),
        192 => b == 168 || (b == 0 && (c == 0 || c == 2)) || (b == 88 && c == 99),
        198 => b == 18 || b == 19 || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let [.., high, low] = segments;
    let embedded = Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        // NAT64 leads to the IPv4 address in its last 32 bits.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => is_public_v4(embedded),
        // Teredo and other protocol assignments, documentation, 6to4.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] => false,
        [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast is 2000::/3; all else (mapped, unique local, link-local, multicast) is not for us.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let private = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
        ];
        for ip in private {
            assert!(!is_public(ip.parse().expect(ip)), "{ip}");
        }
        for ip in
            ["8.8.8.8", "1.1.1.1", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808"]
        {
            assert!(is_public(ip.parse().expect(ip)), "{ip}");
        }
    }

    #[test]
    fn only_plain_http_urls_are_called() {
        assert_eq!(parse("ftp://example.com/"), Err(Refused::NotHttp));
        assert_eq!(parse("file:///etc/passwd"), Err(Refused::NotHttp));
        assert_eq!(parse("example.com"), Err(Refused::NotHttp));
        assert_eq!(parse("https://me:secret@example.com/"), Err(Refused::Credentials));
        assert!(parse("https://example.com:8443/hook?x=1").is_ok());
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_loopback_is_refused_at_connect_time() {
        let guarded =
            Outbound::new(&OutboundConfig { allow_private_addresses: false }, CONNECT_TIMEOUT).expect("client");
        let error = guarded
            .request(Method::GET, "http://localhost:9/")
            .expect("a name passes")
            .send()
            .await
            .expect_err("refused");
        assert!(error.is_connect(), "{error:?}");
        assert!(format!("{error:?}").contains("Private"), "{error:?}");
        for url in [
            "http://127.0.0.1:9/",
            "http://[::1]:9/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::ffff:7f00:1]/",
        ] {
            assert_eq!(guarded.request(Method::GET, url).err(), Some(Refused::Private), "{url}");
        }
    }
}
