//! The table of addresses that must never be called, and of those that must be.

use super::*;

/// Everything here must be refused, by the parser or by the check.
#[rustfmt::skip]
pub(in crate::providers) const REFUSED: &[&str] = &[
    // Loopback in all its spellings.
    "https://127.0.0.1", "https://127.0.0.1/", "https://127.0.0.1:443/", "https://127.0.0.2", "https://127.1",
    "https://127.0.1", "https://127.255.255.254", "https://0177.0.0.1", "https://0177.1", "https://00000177.1",
    "https://0x7f.0.0.1", "https://0x7f.1", "https://0x7f000001", "https://0x7F.0x0.0x0.0x1", "https://2130706433",
    "https://017700000001", "https://127.000.000.001", "https://127.0.0.1.", "https://127.1.", "https://0x7f.1.",
    "https://①②⑦.⓪.⓪.①", "https://127。0。0。1", "https://127.0.0.1", "https://127.0.0.1%2f@",
    "https:/127.0.0.1/", "https:127.0.0.1", "https:///127.0.0.1", "https:\\\\127.0.0.1", "https://127%2e0%2e0%2e1",
    "https://%31%32%37.0.0.1", " https://127.0.0.1", "https://127.0\t.0.1", "https://127.0.0.1#.example.com",
    "https://127.0.0.1?x=.example.com",
    // This network and the unspecified address.
    "https://0", "https://0.0.0.0", "https://0.0.0.1", "https://00", "https://0x0", "https://0.1.2.3",
    // Private networks.
    "https://10.0.0.1", "https://10.255.255.255", "https://0xa.1", "https://012.1", "https://167772161",
    "https://172.16.0.1", "https://172.31.255.255", "https://192.168.0.1", "https://192.168.255.255",
    "https://0xc0.0xa8.0.1", "https://0300.0250.0.1", "https://3232235521",
    // Link-local and metadata services.
    "https://169.254.0.1", "https://169.254.169.254/latest/meta-data/", "https://0xa9fea9fe", "https://2852039166",
    "https://0251.0376.0251.0376", "https://169.254.43518", "https://168.63.129.16", "https://100.100.100.200",
    "https://192.0.0.192", "https://[fd00:ec2::254]", "https://metadata.google.internal/computeMetadata/v1/",
    // Carrier-grade NAT and other assignments.
    "https://100.64.0.1", "https://100.127.255.255", "https://192.0.0.1", "https://192.0.0.170", "https://192.0.2.1",
    "https://198.51.100.1", "https://203.0.113.255", "https://198.18.0.1", "https://198.19.255.255",
    "https://192.88.99.1", "https://192.31.196.1", "https://192.52.193.1", "https://192.175.48.1",
    // Multicast, reserved, broadcast.
    "https://224.0.0.1", "https://239.255.255.255", "https://240.0.0.1", "https://255.255.255.255",
    "https://0xffffffff", "https://4294967295", "https://0377.0377.0377.0377", "https://255.255.65535",
    "https://255.16777215", "https://037777777777",
    // IPv6 that is not global.
    "https://[::]", "https://[::1]", "https://[0:0:0:0:0:0:0:1]", "https://[0000::0001]", "https://[::1]:443",
    "https://[fe80::1]", "https://[febf::1]", "https://[fec0::1]", "https://[fc00::1]", "https://[fdff::1]",
    "https://[ff02::1]", "https://[ff0e::1]", "https://[100::1]", "https://[100:0:0:1::1]", "https://[5f00::1]",
    "https://[4000::1]", "https://[1fff::1]", "https://[2001:db8::1]", "https://[3fff::1]", "https://[3fff:fff::1]",
    "https://[3ffe::1]", "https://[2620:4f:8000::1]", "https://[fe80::1%25eth0]",
    // IPv4 inside of IPv6.
    "https://[::127.0.0.1]", "https://[::7f00:1]", "https://[::10.0.0.1]", "https://[::8.8.8.8]",
    "https://[::ffff:127.0.0.1]", "https://[::ffff:7f00:1]", "https://[::ffff:10.0.0.1]",
    "https://[::ffff:169.254.169.254]", "https://[::ffff:a9fe:a9fe]", "https://[::ffff:0:127.0.0.1]",
    "https://[0:0:0:0:0:ffff:7f00:1]", "https://[64:ff9b::127.0.0.1]", "https://[64:ff9b::a9fe:a9fe]",
    "https://[64:ff9b:1::10.0.0.1]", "https://[64:ff9b:1:ffff::1]", "https://[2002:7f00:1::]",
    "https://[2002:a9fe:a9fe::1]", "https://[2002:808:808::1]", "https://[2001::1]", "https://[2001:0:7f00:1::]",
    "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]", "https://[2001:2::1]", "https://[2001:10::1]",
    "https://[2001:20::1]", "https://[2001:1ff:ffff::1]", "https://[2606:4700::5efe:7f00:1]",
    "https://[2606:4700::200:5efe:a9fe:a9fe]",
    // Names.
    "https://localhost", "https://LOCALHOST", "https://localhost.", "https://a.localhost", "https://foo.bar.localhost.",
    "https://localhost.localdomain", "https://printer.local", "https://db.internal", "https://intranet",
    "https://router", "https://router.", "https://nas.lan", "https://fritz.home", "https://x.corp",
    "https://a.home.arpa", "https://1.0.0.127.in-addr.arpa", "https://x.onion", "https://no.invalid",
    "https://a..example.com", "https://.example.com", "https://example.com..", "https://loc\u{ad}alhost",
    "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "https://exa mple.com", "https://example.com:99999", "https://[::1", "https://",
    "https://*.example.com", "https://a,b.example.com", "https://example.com%00.evil.com",
    // Schemes, ports, user names.
    "http://api.vapi.ai", "http://127.0.0.1", "ftp://example.com", "gopher://127.0.0.1", "file:///etc/passwd",
    "dict://127.0.0.1:11211/", "ldap://example.com", "javascript://example.com/%0aalert(1)", "data:text/html,x",
    "ws://example.com", "wss://example.com", "unix:/run/docker.sock", "//example.com", "example.com", "",
    "https://example.com:22", "https://example.com:8443", "https://example.com:80", "https://example.com:0",
    "https://user@example.com", "https://user:word@example.com", "https://:word@example.com",
    "https://api.vapi.ai@127.0.0.1", "https://127.0.0.1\\@api.vapi.ai", "https://api.vapi.ai:443@10.0.0.1/",
];

/// And all of these must pass.
#[rustfmt::skip]
pub(in crate::providers) const PASSED: &[&str] = &[
    "https://api.vapi.ai", "https://api.eu.vapi.ai/assistant?limit=1", "https://api.twilio.com/2010-04-01/Accounts",
    "https://messaging.twilio.com", "https://API.TWILIO.COM", "https://example.com", "https://example.com.",
    "https://example.com:443/", "https://hooks.n8n.cloud/webhook/x", "https://a_b.example.com", "https://bücher.de",
    "https://localhost.example.com", "https://internal.example.com", "https://127.0.0.1.nip.io",
    "https://8.8.8.8", "https://1.1.1.1", "https://100.63.255.255", "https://100.128.0.0", "https://172.15.255.255",
    "https://172.32.0.0", "https://169.253.255.255", "https://198.20.0.0", "https://223.255.255.255",
    "https://[2606:4700:4700::1111]", "https://[2a00:1450:4001::1]", "https://[2001:4860:4860::8888]",
    "https://[2001:200::1]", "https://[2003::1]",
];

#[test]
fn no_url_of_the_table_may_be_called() {
    assert!(REFUSED.len() >= 150, "the table has shrunk to {}", REFUSED.len());
    for text in REFUSED {
        if let Ok(url) = Url::parse(text) {
            assert!(check_url(&url).is_err(), "{text:?} became {url} and passed");
        }
    }
}

#[test]
fn public_urls_may_be_called() {
    for text in PASSED {
        let url = Url::parse(text).expect(text);
        assert_eq!(check_url(&url), Ok(()), "{text}");
    }
}

/// First and last address of each refused IPv4 block, written down independently of the table
/// that the code uses.
#[rustfmt::skip]
const BLOCK_EDGES: &[(&str, &str)] = &[
    ("0.0.0.0", "0.255.255.255"), ("10.0.0.0", "10.255.255.255"), ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"), ("168.63.129.16", "168.63.129.16"), ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"), ("192.0.0.0", "192.0.0.255"), ("192.0.2.0", "192.0.2.255"),
    ("192.31.196.0", "192.31.196.255"), ("192.52.193.0", "192.52.193.255"), ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"), ("192.175.48.0", "192.175.48.255"), ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"), ("203.0.113.0", "203.0.113.255"), ("224.0.0.0", "255.255.255.255"),
];

fn all_cases() -> bool {
    std::env::var("VOXANNE_BARS").is_ok_and(|bars| bars == "full")
}

#[test]
fn the_edges_of_every_ipv4_block_are_exact() {
    let ranges: Vec<(u32, u32)> = BLOCK_EDGES
        .iter()
        .map(|(first, last)| {
            let bits = |text: &str| text.parse::<Ipv4Addr>().expect(text).to_bits();
            (bits(first), bits(last))
        })
        .collect();
    let is_refused = |bits: u32| ranges.iter().any(|(first, last)| (*first..=*last).contains(&bits));
    let edges = ranges.iter().flat_map(|(first, last)| {
        [
            first.wrapping_sub(1),
            *first,
            first.wrapping_add(1),
            last.wrapping_sub(1),
            *last,
            last.wrapping_add(1),
        ]
    });
    // Every address there is, where all cases are asked for (bar S4).
    let step = if all_cases() { 1 } else { 65_521 };
    let spread = (0..=u32::MAX).step_by(step);
    for bits in edges.chain(spread) {
        let address = Ipv4Addr::from_bits(bits);
        assert_eq!(is_public_v4(address), !is_refused(bits), "{address}");
    }
}

#[test]
fn no_ipv4_address_hides_in_ipv6() {
    // Ten million embeddings where all cases are asked for.
    let step = if all_cases() { 3_863 } else { 16_777_213 };
    for bits in (0..=u32::MAX).step_by(step) {
        let v4 = u128::from(bits);
        let embeddings = [
            v4,
            0xffff_0000_0000 | v4,
            0xffff_0000_0000_0000 | v4,
            (0x0064_ff9b_u128 << 96) | v4,
            (0x0064_ff9b_0001_u128 << 80) | v4,
            (0x2002_u128 << 112) | (v4 << 80),
            (0x2001_0000_u128 << 96) | v4,
            (0x2606_4700_u128 << 96) | (0x5efe_u128 << 32) | v4,
            (0x2606_4700_u128 << 96) | (0x0200_5efe_u128 << 32) | v4,
        ];
        for embedded in embeddings {
            let address = Ipv6Addr::from_bits(embedded);
            assert!(!is_public_v6(address), "{address}");
        }
    }
}

/// First and last address of each block of IPv6 that is refused inside of `2000::/3`, written down
/// independently of the table that the code uses.
const BLOCK_EDGES_V6: &[(&str, &str)] = &[
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
    ("3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

#[test]
fn the_edges_of_every_ipv6_block_are_exact() {
    let bits = |text: &str| text.parse::<Ipv6Addr>().expect(text).to_bits();
    let ranges: Vec<(u128, u128)> =
        BLOCK_EDGES_V6.iter().map(|(first, last)| (bits(first), bits(last))).collect();
    let unicast = bits("2000::")..=bits("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    let is_refused = |address: u128| {
        !unicast.contains(&address) || ranges.iter().any(|(first, last)| (*first..=*last).contains(&address))
    };
    let around = |edge: u128| [edge.wrapping_sub(1), edge, edge.wrapping_add(1)];
    let edges = ranges.iter().copied().chain([(*unicast.start(), *unicast.end())]);
    for address in edges.flat_map(|(first, last)| [around(first), around(last)].concat()) {
        let ip = Ipv6Addr::from_bits(address);
        assert_eq!(is_public_v6(ip), !is_refused(address), "{ip}");
    }
}
