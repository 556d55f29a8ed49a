//! Addresses as they are configured: a base URL, and where the store keeps its records.
//!
//! Must not: connect, or look up names. Names of this machine are recognised by their text.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// Scheme, host, perhaps a port and a path prefix; no slash at the end, no user, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    host: String,
    https: bool,
}

impl BaseUrl {
    /// Reads the text; the error says what is wrong with it.
    ///
    /// # Errors
    /// Where it is no URL of http or https, or has a part that a base URL cannot have.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_end_matches('/');
        let uri: http::Uri = text.parse().map_err(|_| "this is no URL")?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("it does not begin with https:// or http://"),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it holds a user name or a password");
        }
        if text.contains(['?', '#']) {
            return Err("it holds a query or a fragment");
        }
        let port = &authority.as_str()[authority.host().len()..];
        if !port.is_empty() && !matches!(authority.port_u16(), Some(1..)) {
            return Err("its port is no number from 1 to 65535");
        }
        if !is_host(authority.host()) {
            return Err("its host is no host name and no IP address");
        }
        let segments = || uri.path().split('/').skip(1);
        if uri.path() != "/" && segments().any(|s| matches!(s, "" | "." | "..")) {
            return Err("its path has empty or dotted parts");
        }
        Ok(Self {
            text: text.to_owned(),
            host: authority.host().to_ascii_lowercase(),
            https,
        })
    }

    /// The text, without a slash at its end: a path that begins with one can follow.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host in lower case, without port; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Host and port as written: what a `Host` header says.
    #[must_use]
    pub fn authority(&self) -> &str {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// The path prefix: empty, or from a slash on.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').map_or("", |at| &rest[at..])
    }

    /// Whether TLS is used.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.');
        if name == "localhost" || name.ends_with(".localhost") {
            return true;
        }
        ip(&self.host).is_some_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(six) => six.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// Whether the text is a host name or an IP address (IPv6 in brackets).
pub(super) fn is_host(host: &str) -> bool {
    if ip(host).is_some() {
        return true;
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    let last_is_a_number = name
        .rsplit('.')
        .next()
        .is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    name.len() <= 253 && name.split('.').all(label) && !last_is_a_number
}

/// Where the store keeps its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// An SQLite file, `sqlite:FILE`.
    Sqlite(PathBuf),
}

impl StoreUrl {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        let Self::Sqlite(file) = self;
        file
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite:{}", self.file().display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_read_and_taken_apart() {
        let url = BaseUrl::parse("https://Bridge.example.com:8443/vipps/").unwrap();
        assert_eq!(url.as_str(), "https://Bridge.example.com:8443/vipps");
        assert_eq!(url.host(), "bridge.example.com");
        assert_eq!(url.authority(), "Bridge.example.com:8443");
        assert_eq!(url.path_prefix(), "/vipps");
        assert!(url.is_https() && !url.is_loopback());
        for text in [
            "http://localhost",
            "http://127.9.9.9:1/",
            "http://[::1]:80",
            "http://a.localhost",
        ] {
            let url = BaseUrl::parse(text).unwrap();
            assert!(url.is_loopback() && !url.is_https(), "{text}");
            assert_eq!(url.path_prefix(), "", "{text}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused_with_a_reason() {
        for text in [
            "",
            "/",
            "api.vipps.no",
            "ftp://h",
            "https://",
            "https://:1",
            "https://h:0",
            "https://h:70000",
            "https://h:",
            "https://u:p@h",
            "https://h/?a",
            "https://h?",
            "https://h/#f",
            "https://h//x",
            "https://h/../x",
            "https://1.2.3.456",
            "https://-h",
            "https://h h",
            "https://localhost.evil.[",
        ] {
            assert!(BaseUrl::parse(text).is_err(), "{text}");
        }
        assert!(
            !BaseUrl::parse("http://127.0.0.1.example.com")
                .unwrap()
                .is_loopback()
        );
        assert!(!BaseUrl::parse("http://notlocalhost").unwrap().is_loopback());
    }
}
