//! The one place that builds HTTP clients.
//!
//! Every address that a customer names (webhooks, images, stores) goes through [`Outbound`], which looks at the addresses that
//! a name resolves to at the moment of connecting, so that a name cannot change its meaning after it was checked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use url::{Host, Url};

mod address;
mod fetch;
mod put;

pub use address::is_public;
pub use fetch::FetchError;
pub use put::PutError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Where web servers are, and what few else listens on.
const PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// Whom customers may make us call.
#[derive(Debug, Clone, clap::Args)]
pub struct OutboundConfig {
    /// Let webhooks, image addresses and customers' stores point to private, loopback and link-local hosts, and to any port (for development)
    #[arg(long, env = "CLIPMILL_ALLOW_PRIVATE_ADDRESSES")]
    pub allow_private_addresses: bool,
    /// Ports that webhooks, image addresses and customers' stores may have
    #[arg(long, env = "CLIPMILL_OUTBOUND_PORTS", value_delimiter = ',', default_values_t = PORTS)]
    pub outbound_ports: Vec<u16>,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self { allow_private_addresses: false, outbound_ports: PORTS.to_vec() }
    }
}

impl OutboundConfig {
    /// Any address and any port, for development.
    pub fn unguarded() -> Self {
        Self { allow_private_addresses: true, ..Self::default() }
    }
}

/// Why an address is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Only these two schemes are spoken.
    #[error("must be an http:// or https:// URL with a host")]
    NotHttp,
    /// What is sent there is nobody else's to read.
    #[error("must be an https:// URL")]
    InTheClear,
    /// A user name or password in the address would end up in logs of others.
    #[error("must not contain a user name or password")]
    Credentials,
    /// The address is not on the public internet.
    #[error("must not point to a private, loopback or link-local address")]
    Private,
    /// What listens there is hardly a web server. Has the ports that are allowed.
    #[error("must have one of the ports {0}")]
    Port(String),
}

/// An HTTP client for addresses that customers give.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    rules: Rules,
    timeout: Duration,
}

/// What may be called.
#[derive(Debug, Clone)]
struct Rules {
    is_allowed: fn(IpAddr) -> bool,
    /// Any, if there is no list.
    ports: Option<Vec<u16>>,
}

impl Rules {
    fn new(config: &OutboundConfig) -> Self {
        match config.allow_private_addresses {
            true => Self { is_allowed: |_| true, ports: None },
            false => Self { is_allowed: is_public, ports: Some(config.outbound_ports.clone()) },
        }
    }

    /// The URL in `text`, if it is one that is called. What its name resolves to is checked when connecting.
    fn check(&self, text: &str) -> Result<Url, Refused> {
        let url = parse(text)?;
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            _ => None,
        };
        if literal.is_some_and(|ip| !(self.is_allowed)(ip)) {
            return Err(Refused::Private);
        }
        match (&self.ports, url.port_or_known_default()) {
            (Some(ports), port) if !port.is_some_and(|port| ports.contains(&port)) => {
                Err(Refused::Port(ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")))
            }
            _ => Ok(url),
        }
    }
}

impl Outbound {
    /// A client that gives up after `timeout`.
    pub fn new(config: &OutboundConfig, timeout: Duration) -> reqwest::Result<Self> {
        Self::resolving(Arc::new(System), Rules::new(config), timeout)
    }

    /// As [`Outbound::new`], with names looked up by `resolver`. The client is given no address but those that pass the rules, and
    /// connects to one of just these.
    fn resolving(resolver: Arc<dyn Resolve>, rules: Rules, timeout: Duration) -> reqwest::Result<Self> {
        let guard = Guard { resolver, is_allowed: rules.is_allowed };
        let client = builder(timeout).redirect(Policy::none()).dns_resolver(guard).build()?;
        Ok(Self { client, rules, timeout })
    }

    /// A request to `url`, or why there is none. No redirect is followed.
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, Refused> {
        self.check(url).map(|url| self.client.request(method, url))
    }

    /// The URL in `text`, if it is one that is called. What its name resolves to is checked when connecting.
    pub fn check(&self, text: &str) -> Result<Url, Refused> {
        self.rules.check(text)
    }

    /// As [`Outbound::check`], for what is nobody else's to read: over https, but for development.
    pub fn check_encrypted(&self, text: &str) -> Result<Url, Refused> {
        let url = self.check(text)?;
        let is_in_the_clear = url.scheme() != "https" && !(self.rules.is_allowed)(IpAddr::V4(Ipv4Addr::LOCALHOST));
        if is_in_the_clear { Err(Refused::InTheClear) } else { Ok(url) }
    }

    /// The addresses that a name has at this moment and that may be connected to.
    pub async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip());
        Ok(found.filter(|ip| (self.rules.is_allowed)(*ip)).collect())
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

/// Looks names up as the machine does.
struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Lets through what may be connected to of the addresses that a name has at this moment.
struct Guard {
    resolver: Arc<dyn Resolve>,
    is_allowed: fn(IpAddr) -> bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, is_allowed) = (self.resolver.resolve(name), self.is_allowed);
        Box::pin(async move {
            let allowed: Vec<SocketAddr> = found.await?.filter(|addr| is_allowed(addr.ip())).collect();
            if allowed.is_empty() { Err(Refused::Private.into()) } else { Ok(Box::new(allowed.into_iter()) as Addrs) }
        })
    }
}

#[cfg(test)]
mod tests;
