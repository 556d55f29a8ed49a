//! The URLs of `merchantInfo`: https, or what else each of them may be.
//!
//! Source: `MerchantInfo` (lengths, schemes). Must not: resolve or call one.

use super::{Faults, Rules};
use crate::ecom::lenient::{Field, StrictText};
use crate::ecom::request::MerchantInfo;

/// eCom's longest URL and token, in characters.
pub(super) const URL_MAX: usize = 255;

pub(super) fn limited(
    field: &Field<StrictText>,
    name: &str,
    max: usize,
    faults: &mut Faults,
) -> Option<String> {
    faults.wrong(field, name, "text");
    let text = &field.get()?.0;
    if text.chars().count() > max {
        faults.add(name, &format!("has more than {max} characters"));
        return None;
    }
    Some(text.clone())
}

/// Callback, consent and shipping URLs; gives the callback prefix.
pub(super) fn urls(merchant: &MerchantInfo, rules: &Rules, faults: &mut Faults) -> Option<String> {
    let mut check = |field: &Field<StrictText>, name: &str| {
        let url = limited(field, name, URL_MAX, faults)?;
        let https = url
            .get(..8)
            .is_some_and(|s| s.eq_ignore_ascii_case("https://"))
            && url.len() > 8;
        if https || (rules.allow_http_callbacks && is_http_to_private_host(&url)) {
            return Some(url);
        }
        faults.add(name, "must be an https URL");
        None
    };
    for (field, name) in [
        (
            &merchant.consent_removal_prefix,
            "merchantInfo.consentRemovalPrefix",
        ),
        (
            &merchant.shipping_details_prefix,
            "merchantInfo.shippingDetailsPrefix",
        ),
    ] {
        if field.get().is_some_and(|text| !text.0.is_empty()) || field.is_wrong() {
            check(field, name);
        }
    }
    let prefix = check(&merchant.callback_prefix, "merchantInfo.callbackPrefix");
    if !merchant.callback_prefix.is_there() {
        faults.add("merchantInfo.callbackPrefix", "is required");
    }
    prefix
}

/// Plain http to loopback or a private network, as in staging.
pub(crate) fn is_http_to_private_host(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    if uri.scheme_str() != Some("http") {
        return false;
    }
    let host = uri.host().unwrap_or("").trim_matches(['[', ']']);
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private(),
        Ok(std::net::IpAddr::V6(ip)) => ip.is_loopback() || (ip.segments()[0] & 0xfe00) == 0xfc00,
        // A name without a dot is a local one; a bare number is an address written in another way.
        Err(_) => {
            !host.contains('.') && host.starts_with(|first: char| first.is_ascii_alphabetic())
        }
    }
}

pub(super) fn fall_back_of(field: &Field<StrictText>, faults: &mut Faults) -> Option<String> {
    const NAME: &str = "merchantInfo.fallBack";
    if !field.is_there() {
        faults.add(NAME, "is required");
        return None;
    }
    let url = limited(field, NAME, URL_MAX, faults)?;
    let scheme = url
        .split_once(':')
        .map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let fits = match scheme {
        _ if url == "INTENT" => true,
        Some((scheme, rest)) if scheme == "https" => rest.len() > 2 && rest.starts_with("//"),
        Some((scheme, _)) if scheme == "http" => false,
        Some((scheme, _)) => {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        }
        None => false,
    };
    if fits {
        return Some(url);
    }
    faults.add(
        NAME,
        "must be an https URL or have a custom scheme such as myapp://",
    );
    None
}
