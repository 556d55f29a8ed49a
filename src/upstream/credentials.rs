//! What lets a merchant's call in upstream, and the headers that say so.
//!
//! Must not: show or keep a token. Whatever is made of these values is hidden from `Debug`.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::types::Msn;

/// What a merchant's call brings to be let in upstream. Held in memory for the call, never stored or logged.
#[derive(Clone)]
pub struct Credentials {
    /// `Authorization` with its scheme, where the merchant sent a token.
    pub authorization: Option<HeaderValue>,
    /// `Ocp-Apim-Subscription-Key`.
    pub subscription_key: Option<HeaderValue>,
    /// The sales unit, where known.
    pub msn: Option<Msn>,
    /// The `Vipps-System-*` headers: the merchant's own, or the bridge's where it sent none.
    pub system: Vec<(HeaderName, HeaderValue)>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("msn", &self.msn)
            .finish_non_exhaustive()
    }
}

const SYSTEM_NAME: HeaderName = HeaderName::from_static("vipps-system-name");
const SYSTEM_VERSION: HeaderName = HeaderName::from_static("vipps-system-version");
const PLUGIN_NAME: HeaderName = HeaderName::from_static("vipps-system-plugin-name");
const PLUGIN_VERSION: HeaderName = HeaderName::from_static("vipps-system-plugin-version");
/// Marks a shadow's call; a bridge refuses it, so a shadow can't loop.
pub const SHADOW_MARK: HeaderName = HeaderName::from_static("bridge-shadow");
/// `Ocp-Apim-Subscription-Key`.
pub const SUBSCRIPTION_KEY: HeaderName = HeaderName::from_static("ocp-apim-subscription-key");
/// `Merchant-Serial-Number`.
pub const MERCHANT_SERIAL_NUMBER: HeaderName = HeaderName::from_static("merchant-serial-number");

impl Credentials {
    /// From a merchant's headers. A token without a scheme gets `Bearer`, which ePayment wants and eCom did not.
    #[must_use]
    pub fn of(headers: &HeaderMap, msn: Option<Msn>) -> Self {
        let mut system = Vec::with_capacity(4);
        for (name, version) in [(SYSTEM_NAME, SYSTEM_VERSION), (PLUGIN_NAME, PLUGIN_VERSION)] {
            let sent = headers.contains_key(&name) || headers.contains_key(&version);
            for (header, own) in [(name, "ecom-bridge"), (version, env!("CARGO_PKG_VERSION"))] {
                if sent {
                    system.extend(headers.get(&header).map(|value| (header, value.clone())));
                } else {
                    system.push((header, HeaderValue::from_static(own)));
                }
            }
        }
        Self {
            authorization: headers.get(http::header::AUTHORIZATION).and_then(bearer),
            subscription_key: headers.get(SUBSCRIPTION_KEY).cloned().map(sensitive),
            msn,
            system,
        }
    }

    /// Whether upstream would judge both alike.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.authorization == other.authorization
            && self.subscription_key == other.subscription_key
            && self.msn == other.msn
            && self.system == other.system
    }

    /// The same, marked as a shadow's: upstream can tell the calls apart, and a bridge refuses them.
    #[must_use]
    pub fn of_a_shadow(mut self) -> Self {
        self.system
            .retain(|(name, _)| name != PLUGIN_NAME && name != PLUGIN_VERSION);
        let own = |text| HeaderValue::from_static(text);
        self.system.extend([
            (PLUGIN_NAME, own("ecom-bridge-shadow")),
            (PLUGIN_VERSION, own(env!("CARGO_PKG_VERSION"))),
            (SHADOW_MARK, own("1")),
        ]);
        self
    }

    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(10);
        let msn = self
            .msn
            .as_ref()
            .and_then(|msn| HeaderValue::from_str(msn.as_str()).ok());
        for (name, value) in [
            (http::header::AUTHORIZATION, self.authorization.clone()),
            (SUBSCRIPTION_KEY, self.subscription_key.clone()),
            (MERCHANT_SERIAL_NUMBER, msn),
        ] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        headers.extend(self.system.iter().cloned());
        headers
    }
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

fn bearer(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?.trim();
    let token = match text.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        Some(_) => return Some(sensitive(value.clone())),
        None => text,
    };
    HeaderValue::from_str(&format!("Bearer {token}"))
        .ok()
        .map(sensitive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn a_token_is_sent_with_bearer_whatever_the_merchant_wrote() {
        for (sent, want) in [
            ("eyJ.a.b", "Bearer eyJ.a.b"),
            ("Bearer eyJ.a.b", "Bearer eyJ.a.b"),
            ("bearer  eyJ.a.b", "Bearer eyJ.a.b"),
            ("Basic abc", "Basic abc"),
        ] {
            let got = Credentials::of(&headers(&[("authorization", sent)]), None);
            let value = got.authorization.unwrap();
            assert_eq!(value, want);
            assert!(value.is_sensitive());
        }
    }

    #[test]
    fn the_bridge_names_itself_only_where_the_merchant_did_not() {
        let own = Credentials::of(&HeaderMap::new(), None);
        assert_eq!(own.headers()["vipps-system-name"], "ecom-bridge");
        assert_eq!(own.headers()["vipps-system-plugin-name"], "ecom-bridge");
        let shop = Credentials::of(
            &headers(&[("vipps-system-name", "woocommerce")]),
            Msn::parse("123456"),
        );
        assert_eq!(shop.headers()["vipps-system-name"], "woocommerce");
        assert!(!shop.headers().contains_key("vipps-system-version"));
        assert_eq!(shop.headers()["merchant-serial-number"], "123456");
    }

    #[test]
    fn a_shadow_is_marked_and_keeps_the_shop_s_name() {
        let shop = Credentials::of(
            &headers(&[
                ("vipps-system-name", "woocommerce"),
                ("vipps-system-plugin-name", "checkout"),
            ]),
            None,
        );
        let sent = shop.of_a_shadow().headers();
        assert_eq!(sent["vipps-system-name"], "woocommerce");
        assert_eq!(sent["vipps-system-plugin-name"], "ecom-bridge-shadow");
        assert_eq!(sent["bridge-shadow"], "1");
    }

    #[test]
    fn credentials_never_print() {
        let shop = Credentials::of(
            &headers(&[
                ("authorization", "canary"),
                ("ocp-apim-subscription-key", "canary"),
            ]),
            None,
        );
        assert!(!format!("{shop:?}").contains("canary"));
    }
}
