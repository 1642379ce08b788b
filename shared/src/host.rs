//! Whether a host is this machine, so that what goes there crosses no network.

use std::net::IpAddr;

/// Whether a host's name or address means the machine that asks.
pub fn is_here(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => {
            let name = bare.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_here_and_all_else_is_not() {
        for host in
            ["localhost", "LocalHost.", "s3.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"]
        {
            assert!(is_here(host), "{host}");
        }
        for host in ["", "db", "localhost.example", "10.0.0.1", "0.0.0.0", "[2001:db8::1]", "127.0.0.1.example"] {
            assert!(!is_here(host), "{host}");
        }
    }
}
