//! What kind of network an IP address belongs to.
//!
//! Pure. Source: the special-purpose registries of IANA (RFC 6890), and where the clouds keep their metadata. An address
//! that carries another one (NAT64, 6to4, Teredo, mapped) is what it carries. Unknown space is not public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whom an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Anybody.
    Public,
    /// A private network or this machine: called only where an operator allows it.
    Private(&'static str),
    /// Nobody who takes callbacks; not called whatever the settings.
    Never(&'static str),
}

/// Whether the address is one of the public Internet.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    class(ip) == Class::Public
}

/// The kind of an address.
#[must_use]
pub fn class(ip: IpAddr) -> Class {
    match ip {
        IpAddr::V4(ip) => class_v4(ip),
        IpAddr::V6(ip) => class_v6(ip),
    }
}

fn class_v4(ip: Ipv4Addr) -> Class {
    use Class::{Never, Private, Public};
    match ip.octets() {
        // AWS, GCP, Azure and most others; Alibaba; Azure's host; Oracle.
        [169, 254, 169 | 170, _] | [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => {
            Never("metadata")
        }
        [169, 254, ..] => Never("link-local"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Private("private"),
        [127, ..] => Private("loopback"),
        [100, 64..=127, ..] => Private("shared"),
        [0, ..] => Never("unspecified"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Never("documentation"),
        [198, 18 | 19, ..] => Never("benchmark"),
        [192, 0, 0, _] | [192, 88, 99, _] => Never("special"),
        [224..=239, ..] => Never("multicast"),
        [240..=255, ..] => Never("reserved"),
        _ => Public,
    }
}

fn class_v6(ip: Ipv6Addr) -> Class {
    use Class::{Never, Private, Public};
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Never("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Private("loopback"),
        // Mapped, translated (SIIT), NAT64.
        [0, 0, 0, 0, 0, 0xffff, a, b]
        | [0, 0, 0, 0, 0xffff, 0, a, b]
        | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => class_v4(inner(a, b)),
        // 6to4, then Teredo: its server, and its client with every bit turned.
        [0x2002, a, b, ..] => class_v4(inner(a, b)),
        [0x2001, 0, s, t, _, _, a, b] => match class_v4(inner(!a, !b)) {
            Public => class_v4(inner(s, t)),
            other => other,
        },
        // AWS, GCP.
        [0xfd00, 0xec2, ..] | [0xfd20, 0xce, ..] => Never("metadata"),
        [0xfc00..=0xfdff, ..] => Private("private"),
        [0xfec0..=0xfeff, ..] => Private("site-local"),
        [0xfe80..=0xfebf, ..] => Never("link-local"),
        [0xff00..=0xffff, ..] => Never("multicast"),
        [0x2001, 0x2, 0, ..] => Never("benchmark"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Never("documentation"),
        [0x2001, 0..=0x1ff, ..] => Never("special"),
        [0x2000..=0x3fff, ..] => Public,
        _ => Never("reserved"),
    }
}

const fn inner(a: u16, b: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (a.to_be_bytes(), b.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::Class::{Never, Private, Public};
    use super::*;

    fn all_are(table: &[(&str, Class)]) {
        for (text, expected) in table {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(class(ip), *expected, "{text}");
            assert_eq!(is_public(ip), *expected == Public, "{text}");
        }
    }

    #[test]
    fn the_table_of_ipv4() {
        all_are(&[
            ("8.8.8.8", Public),
            ("1.1.1.1", Public),
            ("172.15.255.255", Public),
            ("172.32.0.0", Public),
            ("100.63.255.255", Public),
            ("100.128.0.0", Public),
            ("192.167.255.255", Public),
            ("223.255.255.255", Public),
            ("10.0.0.0", Private("private")),
            ("10.255.255.255", Private("private")),
            ("172.16.0.1", Private("private")),
            ("172.31.255.255", Private("private")),
            ("192.168.0.1", Private("private")),
            ("127.0.0.1", Private("loopback")),
            ("127.255.255.254", Private("loopback")),
            ("100.64.0.0", Private("shared")),
            ("100.127.255.255", Private("shared")),
            ("169.254.169.254", Never("metadata")),
            ("169.254.170.2", Never("metadata")),
            ("100.100.100.200", Never("metadata")),
            ("168.63.129.16", Never("metadata")),
            ("192.0.0.192", Never("metadata")),
            ("169.254.0.1", Never("link-local")),
            ("0.0.0.0", Never("unspecified")),
            ("0.1.2.3", Never("unspecified")),
            ("192.0.2.1", Never("documentation")),
            ("198.51.100.9", Never("documentation")),
            ("203.0.113.9", Never("documentation")),
            ("198.18.0.1", Never("benchmark")),
            ("198.19.255.255", Never("benchmark")),
            ("192.0.0.8", Never("special")),
            ("192.88.99.1", Never("special")),
            ("224.0.0.1", Never("multicast")),
            ("239.255.255.255", Never("multicast")),
            ("240.0.0.1", Never("reserved")),
            ("255.255.255.255", Never("reserved")),
        ]);
    }

    #[test]
    fn the_table_of_ipv6() {
        all_are(&[
            ("2606:4700:4700::1111", Public),
            ("2a00:1450:4001::1", Public),
            ("::", Never("unspecified")),
            ("::1", Private("loopback")),
            ("::7f00:1", Never("reserved")),
            ("::ffff:8.8.8.8", Public),
            ("::ffff:127.0.0.1", Private("loopback")),
            ("::ffff:169.254.169.254", Never("metadata")),
            ("::ffff:0:10.0.0.1", Private("private")),
            ("64:ff9b::8.8.8.8", Public),
            ("64:ff9b::10.0.0.1", Private("private")),
            ("64:ff9b::169.254.169.254", Never("metadata")),
            ("64:ff9b:1::808:808", Never("reserved")),
            ("2002:0808:0808::1", Public),
            ("2002:7f00:0001::1", Private("loopback")),
            ("2002:a9fe:a9fe::1", Never("metadata")),
            // Server 65.54.227.120, client 192.0.2.45: the example of RFC 4380.
            (
                "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                Never("documentation"),
            ),
            ("2001:0:4136:e378:8000:63bf:f7f7:f7f7", Public),
            ("2001:0:0a00:0001:8000:63bf:f7f7:f7f7", Private("private")),
            ("2001:0:4136:e378:8000:63bf:80ff:fffe", Private("loopback")),
            ("fd00:ec2::254", Never("metadata")),
            ("fd20:ce::254", Never("metadata")),
            ("fd12:3456::1", Private("private")),
            ("fc00::1", Private("private")),
            ("fec0::1", Private("site-local")),
            ("fe80::1", Never("link-local")),
            ("febf::1", Never("link-local")),
            ("ff02::1", Never("multicast")),
            ("2001:2::1", Never("benchmark")),
            ("2001:db8::1", Never("documentation")),
            ("3fff::1", Never("documentation")),
            ("2001:20::1", Never("special")),
            ("2001:1::1", Never("special")),
            ("2001:200::1", Public),
            ("100::1", Never("reserved")),
            ("5f00::1", Never("reserved")),
            ("4000::1", Never("reserved")),
        ]);
    }

    proptest::proptest! {
        #[test]
        fn whatever_carries_an_address_is_no_better_than_it(bits: u32) {
            let ip = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = ip.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for outer in [
                ip.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 1, 2, 3, 4, 5),
                Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0x8000, 1, !high, !low),
            ] {
                proptest::prop_assert_eq!(class(outer.into()), class(ip.into()));
            }
        }
    }
}
