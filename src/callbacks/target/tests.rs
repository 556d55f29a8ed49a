//! Hostile addresses, as text and through names.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::settings;
use crate::types::OrderText;

fn settings(allow_http: bool, allow_private: bool, hosts: &[&str]) -> settings::Callbacks {
    settings::Callbacks {
        timeout: Duration::from_secs(10),
        schedule: vec![Duration::ZERO],
        allow_http,
        allow_private_addresses: allow_private,
        allowed_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
    }
}

fn rule(allow_private: bool, plain: bool) -> AddressRule {
    Targets::new(&settings(plain, allow_private, &[])).rule(plain)
}

fn check(settings: &settings::Callbacks, prefix: &str) -> Result<String, Refusal> {
    let order = OrderText::parse("order-1").unwrap();
    Targets::new(settings)
        .check(prefix, &order)
        .map(|url| url.to_string())
}

#[test]
fn the_suffix_is_text_and_the_rest_stays_as_written() {
    let strict = settings(false, false, &[]);
    for (prefix, url) in [
        (
            "https://shop.example/cb",
            "https://shop.example/cb/v2/payments/order-1",
        ),
        (
            "https://shop.example/cb/",
            "https://shop.example/cb/v2/payments/order-1",
        ),
        (
            "https://shop.example:8443/cb",
            "https://shop.example:8443/cb/v2/payments/order-1",
        ),
        (
            "https://shop.example/?wc-api=wc_gateway_vipps&tk=a%2Fb&callback=",
            "https://shop.example/?wc-api=wc_gateway_vipps&tk=a%2Fb&callback=/v2/payments/order-1",
        ),
        ("https://8.8.8.8", "https://8.8.8.8/v2/payments/order-1"),
        (
            "HTTPS://Shop.Example",
            "https://shop.example/v2/payments/order-1",
        ),
    ] {
        assert_eq!(check(&strict, prefix).as_deref(), Ok(url));
    }
}

#[test]
fn what_the_text_tells_is_refused_before_anything_is_looked_up() {
    let strict = settings(false, false, &[]);
    for (prefix, why) in [
        ("", Refusal::NotUrl),
        ("shop.example/cb", Refusal::NotUrl),
        ("https://", Refusal::NotUrl),
        ("https://exa mple/", Refusal::NotUrl),
        ("https://shop.example:99999/", Refusal::NotUrl),
        ("https://shop.example:0/", Refusal::Port),
        ("ftp://shop.example/", Refusal::Scheme),
        ("file:///etc/passwd", Refusal::Scheme),
        ("javascript:alert(1)", Refusal::Scheme),
        ("gopher://shop.example/", Refusal::Scheme),
        ("http://shop.example/", Refusal::PlainHttp),
        ("https://user@shop.example/", Refusal::UserInfo),
        ("https://user:word@shop.example/", Refusal::UserInfo),
        ("https://shop.example:443@10.0.0.1/", Refusal::UserInfo),
        ("https://127.0.0.1/", Refusal::PrivateAddress("loopback")),
        ("https://127.1/", Refusal::PrivateAddress("loopback")),
        ("https://2130706433/", Refusal::PrivateAddress("loopback")),
        ("https://0x7f000001/", Refusal::PrivateAddress("loopback")),
        ("https://017700000001/", Refusal::PrivateAddress("loopback")),
        ("https://127.0.0.1./", Refusal::PrivateAddress("loopback")),
        ("https://[::1]/", Refusal::PrivateAddress("loopback")),
        (
            "https://[::ffff:7f00:1]/",
            Refusal::PrivateAddress("loopback"),
        ),
        (
            "https://[64:ff9b::a00:1]/",
            Refusal::PrivateAddress("private"),
        ),
        ("https://10.1.2.3/", Refusal::PrivateAddress("private")),
        (
            "https://169.254.169.254/latest",
            Refusal::NeverAddress("metadata"),
        ),
        (
            "https://[fd00:ec2::254]/",
            Refusal::NeverAddress("metadata"),
        ),
        ("https://0.0.0.0/", Refusal::NeverAddress("unspecified")),
        ("https://0/", Refusal::NeverAddress("unspecified")),
    ] {
        assert_eq!(check(&strict, prefix), Err(why), "{prefix}");
    }
    // Digits of another script are the same host.
    assert_eq!(
        check(&strict, "https://\u{2460}\u{2461}\u{2466}.0.0.1/"),
        Err(Refusal::PrivateAddress("loopback"))
    );
}

#[test]
fn an_order_can_not_change_the_address() {
    let targets = Targets::new(&settings(false, false, &[]));
    for order in ["../../admin", "a?b", "a#b", "a/b", "a b", "å"] {
        let order = OrderText::parse(order).unwrap();
        assert_eq!(
            targets.check("https://shop.example", &order),
            Err(Refusal::Order)
        );
    }
}

#[test]
fn plain_http_is_for_private_hosts_of_staging() {
    let staging = settings(true, true, &[]);
    assert!(check(&staging, "http://127.0.0.1:8080/cb").is_ok());
    assert!(check(&staging, "http://192.168.1.2/cb").is_ok());
    assert!(
        check(&staging, "http://shop.test/cb").is_ok(),
        "judged by its addresses"
    );
    assert_eq!(
        check(&staging, "http://8.8.8.8/"),
        Err(Refusal::PlainPublic)
    );
    assert!(check(&staging, "https://8.8.8.8/").is_ok());
    // Even then.
    for prefix in [
        "http://169.254.169.254/",
        "https://[fe80::1]/",
        "http://0.0.0.0/",
        "https://224.0.0.1/",
    ] {
        assert!(
            matches!(check(&staging, prefix), Err(Refusal::NeverAddress(_))),
            "{prefix}"
        );
    }
    // Without private addresses nothing plain is left.
    let half = settings(true, false, &[]);
    assert_eq!(
        check(&half, "http://127.0.0.1/"),
        Err(Refusal::PrivateAddress("loopback"))
    );
    assert_eq!(check(&half, "http://8.8.8.8/"), Err(Refusal::PlainPublic));
}

#[test]
fn allowed_hosts_are_compared_whole() {
    let few = settings(
        false,
        true,
        &["Shop.Example", "[2001:4860::8888]", "10.0.0.7"],
    );
    for prefix in [
        "https://shop.example/",
        "https://SHOP.example:444/",
        "https://shop.example./",
        "https://[2001:4860:0:0::8888]/",
        "https://10.0.0.7/",
        "https://10.7/",
    ] {
        assert!(check(&few, prefix).is_ok(), "{prefix}");
    }
    for prefix in [
        "https://www.shop.example/",
        "https://shop.example.evil.example/",
        "https://evil-shop.example/",
        "https://10.0.0.70/",
        "https://10.0.0.8/",
        "https://evil.example/?https://shop.example/",
        "https://evil.example#@shop.example/",
        "https://evil.example\\@shop.example/",
    ] {
        assert_eq!(
            check(&few, prefix),
            Err(Refusal::HostNotAllowed),
            "{prefix}"
        );
    }
}

/// Forms in which an inner address hides, by what they are read as.
const HIDDEN: &[(Refusal, &[&str])] = {
    use Refusal::{NeverAddress, NotUrl, PrivateAddress, UserInfo};
    &[
        (
            PrivateAddress("loopback"),
            &[
                // IPv4 in other words: short, decimal, octal, hexadecimal, mixed.
                "127.1",
                "127.0.1",
                "2130706433",
                "0x7f.1",
                "0x7f000001",
                "0X7F.0x0.0x0.0x1",
                "0177.0.0.1",
                "017700000001",
                "0x0000000000000000007f.00000000001",
                "127.0xffffff",
                // A dot at the end, percent signs, digits and dots of other scripts.
                "127.0.0.1.",
                "0x7f.1.",
                "%31%32%37.0.0.1",
                "127%2e0%2E0.1",
                "%30x7f.1",
                "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
                "127\u{3002}0\u{ff0e}0\u{ff61}1",
                "\u{2460}\u{2461}\u{2466}.1",
                "12\u{ad}7.0.0.1",
                "127.0.0.1\t",
                "12\n7.0.0.1",
                // Neither a user nor a password.
                ":@127.0.0.1",
                "@127.0.0.1",
                // IPv6, and IPv4 inside it: mapped, translated, NAT64, 6to4, Teredo.
                "[::1]",
                "[0:0:0:0:0:0:0:1]",
                "[0000::0001]",
                "[::ffff:127.0.0.1]",
                "[::ffff:7f00:1]",
                "[0:0:0:0:0:FFFF:7F00:0001]",
                "[::ffff:0:127.0.0.1]",
                "[64:ff9b::127.0.0.1]",
                "[64:ff9b::7f00:1]",
                "[2002:7f00:1::]",
                "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
                "[2001::7f00:1:0:0:f7f7:f7f7]",
            ],
        ),
        (
            PrivateAddress("private"),
            &[
                "10.1",
                "012.0x01",
                "167772161",
                "192.168.257",
                "0300.0250.1",
                "172.16.65535",
                "[::ffff:10.0.0.1]",
                "[64:ff9b::10.0.0.1]",
                "[2002:c0a8:1::1]",
                "[fc00::]",
                "[fdff:ffff::1]",
            ],
        ),
        (PrivateAddress("shared"), &["100.64.1", "1681915905"]),
        (PrivateAddress("site-local"), &["[fec0::1]", "[feff::1]"]),
        (
            NeverAddress("metadata"),
            &[
                "169.254.169.254",
                "2852039166",
                "0xa9fea9fe",
                "169.254.43518",
                "0251.0376.0251.0376",
                "[::ffff:a9fe:a9fe]",
                "[64:ff9b::169.254.169.254]",
                "[2002:a9fe:a9fe::]",
                "[fd00:ec2::254]",
                "100.100.100.200",
            ],
        ),
        (
            NeverAddress("link-local"),
            &["0xa9.254.1", "[fe80::1]", "[febf::1]"],
        ),
        (
            NeverAddress("unspecified"),
            &[
                "0",
                "0x",
                "0.0",
                "00000000000",
                "256",
                "0.0.0.0",
                "[::]",
                "[::ffff:0.0.0.0]",
                "[64:ff9b::]",
            ],
        ),
        (
            NeverAddress("reserved"),
            &[
                "4294967295",
                "[::127.0.0.1]",
                "[64:ff9b:1::7f00:1]",
                "[100::1]",
            ],
        ),
        (NeverAddress("multicast"), &["224.1", "[ff02::1]"]),
        (
            UserInfo,
            &[
                "good@127.0.0.1",
                "shop.example@127.0.0.1",
                "shop.example%40evil@10.0.0.1",
                "shop.example:443@127.1",
                "a@b@127.0.0.1",
                "shop.example\t@127.0.0.1",
                "shop.example%2f@127.0.0.1",
            ],
        ),
        (
            NotUrl,
            &[
                "4294967296",
                "127.0.0.256",
                "127.0.0.0x100",
                "1.2.3.4.5",
                "0x7f.0.0.08",
                "[::1%25lo]",
                "[::1%lo]",
                "[127.0.0.1]",
                "[::ffff:127.1]",
                "[::1",
                "127.0.0.1%00.shop.example",
                "%zz",
                "%ff",
                "a b",
                "..",
                ".",
                "127.0.0.1..",
                "0x7f..1",
                "shop..example",
                ".shop.example",
            ],
        ),
    ]
};

/// C14: every form in which an inner address hides, and what it is read as. What it is read as is what is connected to.
#[test]
fn c14_an_inner_address_is_known_in_every_form() {
    let mut wrong = Vec::new();
    for settings in [settings(false, false, &[]), settings(true, false, &[])] {
        for (why, host) in HIDDEN
            .iter()
            .flat_map(|(why, hosts)| hosts.iter().map(move |h| (why, h)))
        {
            for prefix in [
                format!("https://{host}"),
                format!("https://{host}:8443/a?b="),
                format!("hTTps:\\\\{host}/a"),
                format!("https:{host}#a"),
                format!(" https:////{host}/a"),
            ] {
                let got = check(&settings, &prefix);
                if got != Err(*why) {
                    wrong.push(format!("{prefix:?}: {got:?}, not {why:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// C14: what looks like an inner address and is a name, which is judged when it is resolved.
#[test]
fn c14_a_name_is_judged_where_it_is_resolved() {
    let strict = settings(false, false, &[]);
    for (prefix, host) in [
        ("https://127.0.0.1.nip.example", "127.0.0.1.nip.example"),
        ("https://localhost", "localhost"),
        ("https://LOCALHOST.", "localhost."),
        ("https://l\u{f6}calhost.example", "xn--lcalhost-n4a.example"),
        ("https://%6cocalhost", "localhost"),
        ("https://127.0.0.1.example", "127.0.0.1.example"),
        (
            "https://metadata.google.internal",
            "metadata.google.internal",
        ),
        ("https://shop.example\\@127.0.0.1", "shop.example"),
        ("https://shop.example#@127.0.0.1", "shop.example"),
        ("https://shop.example?@127.0.0.1", "shop.example"),
        ("https://shop.example/@127.0.0.1", "shop.example"),
    ] {
        let url = check(&strict, prefix).unwrap();
        let url = reqwest::Url::parse(&url).unwrap();
        assert_eq!(url.host_str(), Some(host), "{prefix}");
    }
}

proptest::proptest! {
    /// C14: whatever is let through is https without a user, and a host that is an address is a public one.
    #[test]
    fn c14_no_text_panics_or_leads_inside(
        prefix in proptest::prop_oneof![
            "\\PC{0,40}",
            "(https|http|HTTPS)?:?[/\\\\]{0,3}([a-z.:@]{0,6})[0-9a-fA-Fx.:%\\[\\]]{1,24}[/?#@:a-z0-9]{0,9}",
        ],
    ) {
        if let Ok(url) = check(&settings(false, false, &[]), &prefix) {
            let url = reqwest::Url::parse(&url).unwrap();
            proptest::prop_assert!(url.scheme() == "https" && url.username().is_empty());
            let host = url.host_str().unwrap().trim_matches(['[', ']']).to_owned();
            if let Ok(ip) = host.trim_end_matches('.').parse::<IpAddr>() {
                proptest::prop_assert!(crate::callbacks::address::is_public(ip), "{prefix}");
            }
        }
    }
}

/// Answers every name with the same addresses.
struct Fixed(Vec<IpAddr>);

impl Resolve for Fixed {
    fn resolve(&self, _: Name) -> Resolving {
        let all: Vec<SocketAddr> = self.0.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
        Box::pin(async move {
            let all: Addrs = Box::new(all.into_iter());
            Ok(all)
        })
    }
}

async fn resolved(addresses: &[&str], rule: AddressRule) -> Result<Vec<String>, String> {
    let fixed = Fixed(addresses.iter().map(|text| text.parse().unwrap()).collect());
    let guarded = GuardedResolver::new(Arc::new(fixed), rule);
    match guarded.resolve("shop.example".parse().unwrap()).await {
        Ok(all) => Ok(all.map(|address| address.ip().to_string()).collect()),
        Err(why) => Err(why
            .downcast_ref::<Refusal>()
            .map_or_else(|| why.to_string(), |why| format!("{why:?}"))),
    }
}

#[tokio::test]
async fn bad_addresses_of_a_name_are_left_out_and_none_left_is_a_refusal() {
    let public = rule(false, false);
    let all = ["10.0.0.1", "8.8.8.8", "::1", "2606:4700::1111"];
    assert_eq!(
        resolved(&all, public).await.unwrap(),
        ["8.8.8.8", "2606:4700::1111"]
    );
    assert_eq!(
        resolved(&["127.0.0.1", "169.254.169.254"], public).await,
        Err(r#"PrivateAddress("loopback")"#.to_owned())
    );
    assert_eq!(
        resolved(&["64:ff9b::a9fe:a9fe"], public).await,
        Err(r#"NeverAddress("metadata")"#.to_owned())
    );
    assert_eq!(
        resolved(&[], public).await,
        Err("the name has no address".to_owned())
    );
    let plain = rule(true, true);
    assert_eq!(resolved(&all, plain).await.unwrap(), ["10.0.0.1", "::1"]);
    assert_eq!(
        resolved(&["8.8.8.8"], plain).await,
        Err("PlainPublic".to_owned())
    );
}

#[tokio::test]
async fn this_machine_is_refused_by_its_name_too() {
    let rule = rule(false, false);
    let guarded = GuardedResolver::new(Arc::new(SystemResolver), rule);
    let refused = guarded
        .resolve("localhost".parse().unwrap())
        .await
        .err()
        .unwrap();
    assert_eq!(
        refused.downcast_ref(),
        Some(&Refusal::PrivateAddress("loopback"))
    );
}
