//! Where a request comes from. It is known while the request lives, and neither logged nor stored.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// An address or a network, as `10.0.0.7` or `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse().map(|address: IpAddr| address.to_canonical().into());
        let network = address.or_else(|_| text.parse()).map(Self);
        network.map_err(|_| "must be an address or a network, such as 10.0.0.7 or 10.0.0.0/8".to_owned())
    }
}

/// The proxies whose word on where a request comes from is believed.
#[derive(Clone, Default)]
pub(crate) struct Proxies(Arc<[Network]>);

impl Proxies {
    pub(crate) fn new(networks: &[Network]) -> Self {
        Self(networks.into())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who asks: the peer, or the last of those that `x-forwarded-for` names who is no proxy of ours. What stands before that one
    /// was written by somebody whom we do not know.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let mut named = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')).map(address);
        let mut client = peer.to_canonical();
        while self.trusts(client) {
            let Some(Some(before)) = named.next() else { break };
            client = before;
        }
        ClientAddress(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|Network(network)| network.contains(&address))
    }
}

/// An address as proxies write it, some of them with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

/// Where a request comes from. It has no `Debug`, so that no log shows it.
#[derive(Clone, Copy)]
pub(crate) struct ClientAddress(IpAddr);

impl ClientAddress {
    /// What stands for one client: an IPv4 address, or the 64 bits of IPv6 that a line gets. None for this machine: whoever asks
    /// from here may ask for many, as a proxy does that nobody has told us of.
    pub(crate) fn client(self) -> Option<IpAddr> {
        match self.0 {
            address if address.is_loopback() => None,
            IpAddr::V4(_) => Some(self.0),
            IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let networks: Vec<Network> = trusted.iter().map(|text| text.parse().expect("a network")).collect();
        let headers = lines.iter().map(|line| (X_FORWARDED_FOR, line.parse().expect("a header value"))).collect();
        let ClientAddress(client) = Proxies::new(&networks).client(peer.parse().expect("an address"), &headers);
        client.to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_asked_who_the_client_is() {
        let table: [(&[&str], &str, &[&str], &str); 13] = [
            (&[], "198.51.100.1", &["203.0.113.7"], "198.51.100.1"),
            (&["10.0.0.0/8"], "198.51.100.1", &["203.0.113.7"], "198.51.100.1"),
            (&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            (&["10.0.0.1"], "10.0.0.1", &[], "10.0.0.1"),
            (&["10.0.0.1"], "::ffff:10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            // What the client itself has written stands first, and counts for nothing.
            (&["10.0.0.0/8"], "10.0.0.1", &["1.2.3.4, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
            (&["10.0.0.0/8"], "10.0.0.1", &["1.2.3.4", "203.0.113.7,10.0.0.2"], "203.0.113.7"),
            (&["10.0.0.0/8"], "10.0.0.1", &["1.2.3.4, nobody, 10.0.0.2"], "10.0.0.2"),
            (&["10.0.0.0/8"], "10.0.0.1", &["nobody"], "10.0.0.1"),
            (&["10.0.0.0/8"], "10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
            (&["fd00::/8"], "fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["fd00::/8"], "fd00::1", &["[2001:db8::7]"], "2001:db8::7"),
        ];
        for (trusted, peer, lines, expected) in table {
            assert_eq!(client(trusted, peer, lines), expected, "{trusted:?} {peer} {lines:?}");
        }
    }

    #[test]
    fn a_line_of_ipv6_is_one_client_and_this_machine_is_none() {
        let client = |text: &str| ClientAddress(text.parse().expect("an address")).client().map(|ip| ip.to_string());
        assert_eq!(client("203.0.113.7").as_deref(), Some("203.0.113.7"));
        assert_eq!(client("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::"));
        assert_eq!(client("127.0.0.1"), None);
        assert_eq!(client("::1"), None);
    }

    #[test]
    fn networks_are_addresses_or_prefixes() {
        assert_eq!("10.0.0.7".parse::<Network>(), "10.0.0.7/32".parse());
        for wrong in ["", "10.0.0.0/33", "proxy.example", "10.0.0"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
