//! Which addresses a request may go to: only public ones.
//!
//! A clinic, or whoever answers a clinic's name server, must not be able to point the service at
//! its own network. What is judged here is values only: a parsed URL, an address, a host name.
//! Looking names up and opening sockets is `egress`.
//!
//! Sources: the IANA special-purpose registries for IPv4 and IPv6, and the addresses of cloud
//! metadata services that lie outside of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// IPv4 blocks that are not public, as (network, prefix length).
const REFUSED_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // metadata service of Azure
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, metadata services
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24),  // AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24),  // automatic multicast tunnelling
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(192, 175, 48, 0), 24),  // AS112
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved, broadcast
];

/// IPv6 blocks inside `2000::/3` that are not public. Everything outside of it is refused anyway:
/// loopback, unspecified, v4-compatible and v4-mapped, NAT64 (`64:ff9b::/96` and `64:ff9b:1::/48`),
/// discard-only, segment routing, unique local, link-local, site-local, multicast.
const REFUSED_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, ORCHID, benchmarking
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48), // AS112
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16), // the former 6bone
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Last labels of names that mean this machine or a private network.
const REFUSED_NAMES: &[&str] = &[
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
    "onion",
    "invalid",
    "test",
    "example",
];

/// True for an address that anybody on the internet could reach.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !REFUSED_V4.iter().any(|(network, length)| (bits ^ network.to_bits()) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    let is_global_unicast = bits >> 125 == 0b001;
    // ISATAP hides an IPv4 address in the interface part of any prefix: 0000:5efe or 0200:5efe.
    let interface_head = (bits >> 32) as u32;
    let is_isatap = interface_head & !0x0200_0000 == 0x0000_5efe;
    is_global_unicast
        && !is_isatap
        && !REFUSED_V6.iter().any(|(network, length)| (bits ^ network.to_bits()) >> (128 - length) == 0)
}

/// True for a name that may be looked up: it has at least two labels and no label that stands for
/// a private network. Its answers are judged again, one by one.
pub fn is_public_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let labels_fit = name.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    });
    let is_refused = REFUSED_NAMES
        .iter()
        .any(|refused| name.strip_suffix(refused).is_some_and(|head| head.is_empty() || head.ends_with('.')));
    let last_label_is_a_number =
        name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    name.len() <= 253 && name.contains('.') && labels_fit && !is_refused && !last_label_is_a_number
}

/// Why a URL may not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    #[error("only https addresses are called")]
    Scheme,
    #[error("only port 443 is called")]
    Port,
    #[error("an address must not carry a user name or password")]
    UserInfo,
    #[error("the host is not on the public internet")]
    Host,
}

/// Judges a URL before anything is looked up: https on port 443, no user name in it, a public host.
pub fn check_url(url: &Url) -> Result<(), UrlRefusal> {
    // First of all: other schemes do not parse their host, so "gopher://127.0.0.1" has a "name".
    if url.scheme() != "https" {
        return Err(UrlRefusal::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefusal::UserInfo);
    }
    if url.port_or_known_default() != Some(443) {
        return Err(UrlRefusal::Port);
    }
    let is_fine = match url.host() {
        Some(Host::Ipv4(address)) => is_public_v4(address),
        Some(Host::Ipv6(address)) => is_public_v6(address),
        Some(Host::Domain(name)) => is_public_name(name),
        None => false,
    };
    if is_fine { Ok(()) } else { Err(UrlRefusal::Host) }
}

#[cfg(test)]
#[path = "address_tests.rs"]
pub(super) mod tests;
