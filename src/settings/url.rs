//! Addresses as they are configured: a base URL, and where the store keeps its records.
//!
//! Must not: connect, look up names, or show a password. Names of this machine are recognised by their text.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

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

    /// What tells whether two URLs lead to the same server: the host without a dot at its end, an address in its one
    /// form; and the port, the scheme's own where none is written.
    pub(super) fn server(&self) -> (String, u16) {
        let host = match ip(&self.host) {
            Some(ip) => ip.to_canonical().to_string(),
            None => self.host.trim_end_matches('.').to_owned(),
        };
        let own = if self.https { 443 } else { 80 };
        let port = self
            .authority()
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        (host, port.unwrap_or(own))
    }

    /// Whether the host is this machine by its own name or address; what is sent there does not leave it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.');
        if name == "localhost" || name.ends_with(".localhost") {
            return true;
        }
        ip(&self.host).is_some_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Whether a connection to the host ends on this machine. `0.0.0.0` and `::` are no address of a server, and lead
    /// here nevertheless.
    pub(super) fn is_here(&self) -> bool {
        self.is_loopback() || ip(&self.host).is_some_and(|ip| ip.to_canonical().is_unspecified())
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
    // What ends in a number is an IPv4 address to a resolver, also as 127.1, 2130706433 or 0x7f000001: it has one form.
    let last_is_a_number = name.rsplit('.').next().is_some_and(|l| {
        let hex = l.strip_prefix("0x").or_else(|| l.strip_prefix("0X"));
        hex.map_or_else(
            || l.bytes().all(|b| b.is_ascii_digit()),
            |hex| hex.bytes().all(|b| b.is_ascii_hexdigit()),
        )
    });
    name.len() <= 253 && name.split('.').all(label) && !last_is_a_number
}

/// Where the store keeps its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// An SQLite file, `sqlite:FILE`.
    Sqlite(PathBuf),
    /// A PostgreSQL database, `postgres://user@host/db`.
    Postgres(PostgresUrl),
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// How much a connection to PostgreSQL is worth, from `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// `disable`, `allow`, `prefer`: anybody on the way may read.
    Clear,
    /// `require` (also where nothing is said), `verify-ca`: encrypted, but with whom is not known for sure.
    Encrypted,
    /// `verify-full`.
    Full,
}

/// The address of a PostgreSQL database. Neither `Debug` nor `Display` shows the user's name or password.
#[derive(Clone, Debug)]
pub struct PostgresUrl {
    text: SecretString,
    shown: String,
    is_near: bool,
    guard: Guard,
}

impl PostgresUrl {
    /// Reads the text; the error says what is wrong with it and quotes nothing of it.
    ///
    /// # Errors
    /// Where it names no user, host or database, or says what the bridge settles itself.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .ok_or("it does not begin with postgres://")?;
        let plain = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&b);
        if !text.bytes().all(plain) || !is_percent_encoded(text) {
            return Err(
                "it holds a character that must be percent-encoded (a # is %23, a space %20)",
            );
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').ok_or("it names no database")?;
        if database.is_empty() || database.contains('/') {
            return Err("it names no database, or has a path beyond it");
        }
        let (user, at) = authority.rsplit_once('@').ok_or("it names no user")?;
        if user.contains('@') {
            return Err("it holds two @: in a password write %40");
        }
        if user.is_empty() || user.starts_with(':') {
            return Err("it names no user");
        }
        let guard = postgres_options(query)?;
        let (host, port) = match at.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (at, None),
        };
        if port.is_some_and(|port| !matches!(port.parse::<u16>(), Ok(1..))) {
            return Err("its port is no number from 1 to 65535");
        }
        let is_socket = host.starts_with("%2F") || host.starts_with("%2f");
        if host.contains(',') {
            return Err("it names several hosts; name one that leads to the primary");
        }
        if !is_socket && !is_host(host) {
            return Err(
                "its host is no host name, no IP address and no folder of a socket (%2Frun%2Fpostgresql)",
            );
        }
        Ok(Self {
            text: SecretString::from(text),
            shown: format!("postgres://…@{at}/{database}"),
            is_near: is_socket
                || host == "localhost"
                || ip(host).is_some_and(|ip| ip.is_loopback()),
            guard,
        })
    }

    /// The whole text, password and all.
    #[must_use]
    pub const fn secret(&self) -> &SecretString {
        &self.text
    }

    /// Whether the server is on this machine.
    #[must_use]
    pub const fn is_near(&self) -> bool {
        self.is_near
    }

    /// How the way to the server is guarded.
    #[must_use]
    pub const fn guard(&self) -> Guard {
        self.guard
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.text.expose_secret() == other.text.expose_secret()
    }
}

impl Eq for PostgresUrl {}

fn is_percent_encoded(text: &str) -> bool {
    let hex = |code: &str| {
        code.get(..2)
            .is_some_and(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    text.split('%').skip(1).all(hex)
}

fn postgres_options(query: &str) -> Result<Guard, &'static str> {
    let mut guard = Guard::Encrypted;
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "sslmode" => {
                guard = match value {
                    "disable" | "allow" | "prefer" => Guard::Clear,
                    "require" | "verify-ca" => Guard::Encrypted,
                    "verify-full" => Guard::Full,
                    _ => return Err("its sslmode is no word that PostgreSQL knows"),
                }
            }
            "sslrootcert" | "sslcert" | "sslkey" if !value.is_empty() => {}
            _ => {
                return Err(
                    "it holds an option other than sslmode, sslrootcert, sslcert and sslkey",
                );
            }
        }
    }
    Ok(guard)
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
            "http://[::ffff:127.0.0.1]",
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
            "https://127.1",
            "https://2130706433",
            "https://017700000001",
            "https://0x7f000001",
            "https://0x7f.0.0.0x1",
            "https://10.0.0.0xff",
            "https://%31%32%37.0.0.1",
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

    #[test]
    fn postgres_urls_are_read_and_never_shown_whole() {
        for (text, near, guard) in [
            ("postgres://u@db/bridge", false, Guard::Encrypted),
            (
                "postgresql://u:p%40q@db.example.com:5433/bridge?sslmode=verify-full",
                false,
                Guard::Full,
            ),
            (
                "postgres://u@10.0.0.1/b?sslmode=disable",
                false,
                Guard::Clear,
            ),
            ("postgres://u@[::1]:5432/b", true, Guard::Encrypted),
            (
                "postgres://u@localhost/b?sslmode=verify-ca&sslrootcert=/etc/ca.pem",
                true,
                Guard::Encrypted,
            ),
            ("postgres://u@%2Frun%2Fpostgresql/b", true, Guard::Encrypted),
            (
                "postgres://u@%2Frun%2Fpostgresql:5433/b",
                true,
                Guard::Encrypted,
            ),
        ] {
            let url = PostgresUrl::parse(text).unwrap();
            assert_eq!((url.is_near(), url.guard()), (near, guard), "{text}");
            assert_eq!(url.secret().expose_secret(), text);
        }
        let url = PostgresUrl::parse("postgres://me:canary@db:5433/bridge?sslkey=canary").unwrap();
        assert_eq!(url.to_string(), "postgres://…@db:5433/bridge");
        assert!(!format!("{url:?}{url}").contains("canary"));
    }

    #[test]
    fn what_is_no_postgres_url_is_refused_with_a_reason() {
        for text in [
            "postgres:",
            "postgres://",
            "postgres://u@db",
            "postgres://u@db/",
            "postgres://u@db/a/b",
            "postgres://db/b",
            "postgres://@db/b",
            "postgres://:p@db/b",
            "postgres://u:p@q@db/b",
            "postgres://u:p#q@db/b",
            "postgres://u:p q@db/b",
            "postgres://u:50%@db/b",
            "postgres://u:é@db/b",
            "postgres://u@a,b/b",
            "postgres://u@db:0/b",
            "postgres://u@db:x/b",
            "postgres://u@/b",
            "postgres://u@db/b?sslmode=on",
            "postgres://u@db/b?host=other",
            "postgres://u@db/b?options=-c%20fsync=off",
            "postgres://u@db/b?sslrootcert=",
        ] {
            assert!(PostgresUrl::parse(text).is_err(), "{text}");
        }
    }
}
