//! A callback's prefix, and after a line's end the order.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;

use crate::callbacks::address::is_public;
use crate::callbacks::text::Targets;
use crate::settings::Callbacks;
use crate::types::OrderText;

/// What is let through is https, has no user, and no address but a public one; the order ends the path as it was written.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (prefix, order) = text.split_once('\n').unwrap_or((text, "order-0001"));
    let Some(order) = OrderText::parse(order) else {
        return;
    };
    let rules = |allow_http, allow_private_addresses| {
        Targets::new(&Callbacks {
            timeout: Duration::from_secs(10),
            schedule: vec![Duration::ZERO],
            allow_http,
            allow_private_addresses,
            allowed_hosts: Vec::new(),
        })
    };
    let _any = crate::translate::initiate::is_http_to_private_host(prefix);
    let _any = rules(true, true).check(prefix, &order);
    let Ok(url) = rules(false, false).check(prefix, &order) else {
        return;
    };
    assert_eq!(url.scheme(), "https");
    assert!(url.username().is_empty() && url.password().is_none(), "{url}");
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_matches(['[', ']']).trim_end_matches('.');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        assert!(is_public(ip), "{url}");
    }
    // The order cannot lead elsewhere: without it the same server is called.
    let other = Url::parse(prefix).expect("checked by itself");
    assert_eq!((other.host(), other.port_or_known_default()), (url.host(), url.port_or_known_default()));
    let ends = format!("/v2/payments/{order}");
    let whole = format!("{}{}{}", url.path(), url.query().unwrap_or(""), url.fragment().unwrap_or(""));
    assert!(whole.ends_with(&ends), "{url}");
}
