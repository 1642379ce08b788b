//! Which addresses are those of the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the public internet, where a customer's server may be (IANA special-purpose address registries,
/// RFC 6890). Where the registries and caution differ, it is not.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // This network, private use, loopback, multicast, reserved, broadcast.
        [0 | 10 | 127 | 224..=255, ..] => true,
        // Shared by the customers of a carrier.
        [100, 64..=127, ..] => true,
        // Inside of a cloud of Azure, this is the machine's host.
        [168, 63, 129, 16] => true,
        // Link-local, private use.
        [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..] => true,
        // Protocol assignments, AS112, AMT, 6to4 relays.
        [192, 0, 0, _] | [192, 31, 196, _] | [192, 52, 193, _] | [192, 88, 99, _] | [192, 175, 48, _] => true,
        // Documentation, benchmarks.
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18 | 19, ..] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // NAT64 leads to the IPv4 address in its last 32 bits.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        // Protocol assignments (Teredo, benchmarks, ORCHID, drones), documentation, 6to4, AS112.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x2620, 0x4f, 0x8000, ..] => false,
        [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast is 2000::/3. All else is not for us: IPv4 in either form, NAT64 of local use, discard-only, segment
        // routing, unique local, link-local, site-local, multicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let private = "
            0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254 168.63.129.16
            169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1
            192.168.1.1 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
            255.255.255.255 :: ::1 ::7f00:1 ::808:808 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:8.8.8.8 64:ff9b::7f00:1
            64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 64:ff9b:1:ffff::1 100::1 100:0:0:1::1 2001::1 2001:2::1
            2001:10::1 2001:20::1 2001:30::1 2001:1ff::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 2620:4f:8000::1 3fff::1
            3fff:fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fd12::1 fe80::1 febf::1 fec0::1 ff02::1 ff0e::1";
        for ip in private.split_whitespace() {
            assert!(!is_public(ip.parse().expect(ip)), "{ip}");
        }
        let public = "
            1.1.1.1 8.8.8.8 100.63.0.1 100.128.0.1 168.63.129.17 169.253.0.1 172.15.0.1 172.32.0.1 192.0.1.1 192.167.0.1
            198.17.0.1 198.20.0.1 223.255.255.254 64:ff9b::808:808 2001:200::1 2001:4860:4860::8888 2003::1 2606:4700::1111
            2a00:1450::1 3ffe::1";
        for ip in public.split_whitespace() {
            assert!(is_public(ip.parse().expect(ip)), "{ip}");
        }
    }
}
