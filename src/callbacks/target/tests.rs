//! Hostile addresses, as text and through names.

use std::time::Duration;

use super::*;

fn settings(allow_http: bool, allow_private: bool, hosts: &[&str]) -> settings::Callbacks {
    settings::Callbacks {
        timeout: Duration::from_secs(10),
        schedule: vec![Duration::ZERO],
        allow_http,
        allow_private_addresses: allow_private,
        allowed_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
    }
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
    let public = AddressRule {
        allow_private: false,
        plain: false,
    };
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
    let plain = AddressRule {
        allow_private: true,
        plain: true,
    };
    assert_eq!(resolved(&all, plain).await.unwrap(), ["10.0.0.1", "::1"]);
    assert_eq!(
        resolved(&["8.8.8.8"], plain).await,
        Err("PlainPublic".to_owned())
    );
}

#[tokio::test]
async fn this_machine_is_refused_by_its_name_too() {
    let rule = AddressRule {
        allow_private: false,
        plain: false,
    };
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
