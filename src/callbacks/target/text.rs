//! What the text of a callback's address tells: how it is called, and where it may not go.
//!
//! IPv4 addresses in short, decimal, octal and hexadecimal forms, percent-encoded hosts and digits of other scripts are
//! brought into one form by the same reader that makes the connection, so the two can't differ. Pure. Must not: look up
//! a name.

use std::net::IpAddr;

use reqwest::Url;

use crate::callbacks::address::{Class, class};
use crate::ecom::callback::callback_url;
use crate::settings;
use crate::types::OrderText;

/// Why an address is not called. Says nothing of the address itself: it may hold a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It can't be read.
    #[error("callbackPrefix is no URL with a host")]
    NotUrl,
    /// Neither http nor https.
    #[error("callbackPrefix is neither https nor http")]
    Scheme,
    /// Plain HTTP, and not allowed.
    #[error("callbackPrefix is http, and callbacks.allow_http is false")]
    PlainHttp,
    /// Plain HTTP over the Internet.
    #[error("callbackPrefix is http, which only private and loopback hosts may use")]
    PlainPublic,
    /// A name or a password before the host.
    #[error("callbackPrefix holds a user name or a password")]
    UserInfo,
    /// Port 0.
    #[error("callbackPrefix has port 0")]
    Port,
    /// Not in `callbacks.allowed_hosts`.
    #[error("the host is not in callbacks.allowed_hosts")]
    HostNotAllowed,
    /// A private network, and not allowed.
    #[error("the host has a {0} address, and callbacks.allow_private_addresses is false")]
    PrivateAddress(&'static str),
    /// An address that takes no callbacks.
    #[error("the host has a {0} address, which is never called")]
    NeverAddress(&'static str),
    /// The order id would change the address.
    #[error("the orderId is none that eCom accepts")]
    Order,
}

/// Which IP addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRule {
    allow_private: bool,
    plain: bool,
}

impl AddressRule {
    /// Whether this address may be connected to.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(self, ip: IpAddr) -> Result<(), Refusal> {
        match class(ip) {
            Class::Public if self.plain => Err(Refusal::PlainPublic),
            Class::Private(word) if !self.allow_private => Err(Refusal::PrivateAddress(word)),
            Class::Never(word) => Err(Refusal::NeverAddress(word)),
            Class::Public | Class::Private(_) => Ok(()),
        }
    }
}

/// The rules for addresses.
#[derive(Clone, Debug)]
pub struct Targets {
    allow_http: bool,
    allow_private: bool,
    hosts: Vec<String>,
}

impl Targets {
    /// The rules as configured.
    #[must_use]
    pub fn new(settings: &settings::Callbacks) -> Self {
        Self {
            allow_http: settings.allow_http,
            allow_private: settings.allow_private_addresses,
            hosts: settings
                .allowed_hosts
                .iter()
                .map(|host| plain_host(host))
                .collect(),
        }
    }

    /// The address of an order's callback, where it may be called as far as its text can tell.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check(&self, prefix: &str, order: &OrderText) -> Result<Url, Refusal> {
        let order = order.strict().ok_or(Refusal::Order)?;
        // By itself first: the suffix must not become the host of a prefix without one.
        Url::parse(prefix).map_err(|_| Refusal::NotUrl)?;
        let text = callback_url(prefix, order.as_str());
        let url = Url::parse(&text).map_err(|_| Refusal::NotUrl)?;
        let plain = match url.scheme() {
            "https" => false,
            "http" if self.allow_http => true,
            "http" => return Err(Refusal::PlainHttp),
            _ => return Err(Refusal::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        if url.port() == Some(0) {
            return Err(Refusal::Port);
        }
        let host = plain_host(url.host_str().ok_or(Refusal::NotUrl)?);
        // `127.0.0.1..` is no address to this reader, and no name to anybody.
        if host.split('.').any(str::is_empty) {
            return Err(Refusal::NotUrl);
        }
        if !self.hosts.is_empty() && !self.hosts.contains(&host) {
            return Err(Refusal::HostNotAllowed);
        }
        if let Ok(ip) = host.parse::<IpAddr>() {
            self.rule(plain).judge(ip)?;
        }
        Ok(url)
    }

    /// The rule for the addresses of https (`plain` false) or http hosts.
    #[must_use]
    pub const fn rule(&self, plain: bool) -> AddressRule {
        AddressRule {
            allow_private: self.allow_private,
            plain,
        }
    }

    /// Whether plain HTTP is called at all.
    #[must_use]
    pub const fn allow_http(&self) -> bool {
        self.allow_http
    }
}

/// A host as it is compared: in lower case, without the brackets of IPv6 and the dot of the root; IP addresses in one
/// form.
pub(super) fn plain_host(host: &str) -> String {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return ip.to_string();
    }
    let lower = bare.to_ascii_lowercase();
    lower.strip_suffix('.').unwrap_or(&lower).to_owned()
}
