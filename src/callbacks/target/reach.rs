//! Whether a shop could be called now: its name is resolved, its addresses judged, a connection made. For `doctor`.
//!
//! The same rules as a delivery, and nothing of HTTP is sent: a shop sees a connection that ends. Must not: connect to an
//! address that a delivery would not.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::ConfigBuilderExt;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, crypto::aws_lc_rs};

use super::text::plain_host;
use super::{ADDRESSES_MAX, Refusal, Targets};
use crate::types::OrderText;

/// For each step: the name, the connection, TLS.
const PATIENCE: Duration = Duration::from_secs(4);
/// For one place with all its addresses.
const WHOLE: Duration = Duration::from_secs(12);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The rules refuse it.
    Refused(Refusal),
    /// The name leads nowhere.
    NoName(String),
    /// No connection.
    Closed(SocketAddr, String),
    /// A connection, and no TLS on it.
    NoTls(SocketAddr, String),
    /// A delivery would be sent.
    Good(SocketAddr),
}

/// Tries places.
pub struct Reach {
    targets: Targets,
    tls: TlsConnector,
}

impl Reach {
    /// With these rules.
    ///
    /// # Errors
    /// When the machine's certificates can't be used.
    pub fn new(targets: Targets) -> io::Result<Self> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .try_with_platform_verifier()
            .map_err(io::Error::other)?
            .with_no_client_auth();
        Ok(Self {
            targets,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Tries the place of a callback: `https://shop.example:8443`.
    pub async fn origin(&self, origin: &str) -> Reached {
        // Any order will do: the rules look at the rest.
        let Some(order) = OrderText::parse("doctor") else {
            return Reached::Refused(Refusal::Order);
        };
        match self.targets.check(origin, &order) {
            Err(why) => Reached::Refused(why),
            Ok(url) => {
                let host = plain_host(url.host_str().unwrap_or_default());
                let port = url.port_or_known_default().unwrap_or(443);
                self.place(&host, port, url.scheme() == "http").await
            }
        }
    }

    /// Tries a host without knowing more of it: https, and plain HTTP where that is allowed and https does not answer.
    pub async fn host(&self, host: &str) -> Reached {
        let host = plain_host(host);
        let secure = self.place(&host, 443, false).await;
        if !self.targets.allow_http() || matches!(secure, Reached::Good(_) | Reached::NoName(_)) {
            return secure;
        }
        match self.place(&host, 80, true).await {
            good @ Reached::Good(_) => good,
            _ => secure,
        }
    }

    async fn place(&self, host: &str, port: u16, plain: bool) -> Reached {
        match timeout(WHOLE, self.tried(host, port, plain)).await {
            Ok(reached) => reached,
            Err(_) => Reached::NoName(format!(
                "none of its addresses answers within {} s",
                WHOLE.as_secs()
            )),
        }
    }

    async fn tried(&self, host: &str, port: u16, plain: bool) -> Reached {
        let found = match resolved(host, port).await {
            Ok(found) => found,
            Err(why) => return Reached::NoName(why),
        };
        let rule = self.targets.rule(plain);
        let mut refusal = None;
        let mut closed = None;
        for address in found.into_iter().take(ADDRESSES_MAX) {
            if let Err(why) = rule.judge(address.ip()) {
                refusal = Some(refusal.unwrap_or(why));
                continue;
            }
            match self.connect(host, address, plain).await {
                Reached::Closed(at, why) => closed = Some((at, why)),
                other => return other,
            }
        }
        match (closed, refusal) {
            (Some((at, why)), _) => Reached::Closed(at, why),
            (None, Some(why)) => Reached::Refused(why),
            (None, None) => Reached::NoName("the name has no address".to_owned()),
        }
    }

    async fn connect(&self, host: &str, address: SocketAddr, plain: bool) -> Reached {
        let socket = match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Reached::Closed(address, error.to_string()),
            Err(_) => return Reached::Closed(address, in_time("no connection")),
        };
        if plain {
            return Reached::Good(address);
        }
        let Ok(name) = ServerName::try_from(host.to_owned()) else {
            return Reached::NoTls(address, "the name fits no certificate".to_owned());
        };
        match timeout(PATIENCE, self.tls.connect(name, socket)).await {
            Ok(Ok(_closed_at_once)) => Reached::Good(address),
            Ok(Err(error)) => Reached::NoTls(address, error.to_string()),
            Err(_) => Reached::NoTls(address, in_time("no handshake")),
        }
    }
}

/// The addresses of a host.
///
/// # Errors
/// What the system says.
pub async fn resolved(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    match timeout(PATIENCE, lookup_host((host, port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(in_time("no answer from the resolver")),
    }
}

fn in_time(what: &str) -> String {
    format!("{what} within {} s", PATIENCE.as_secs())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::settings::Callbacks;

    fn reach(allow_private: bool) -> Reach {
        let settings = Callbacks {
            timeout: Duration::from_secs(10),
            schedule: vec![Duration::ZERO],
            allow_http: true,
            allow_private_addresses: allow_private,
            allowed_hosts: Vec::new(),
        };
        Reach::new(Targets::new(&settings)).unwrap()
    }

    #[tokio::test]
    async fn a_shop_that_is_tried_hears_nothing_of_http() {
        let shop = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = shop.local_addr().unwrap();
        let reached = reach(true).origin(&format!("http://{at}")).await;
        assert_eq!(reached, Reached::Good(at));
        let (mut socket, _) = shop.accept().await.unwrap();
        let mut heard = Vec::new();
        socket.read_to_end(&mut heard).await.unwrap();
        assert!(heard.is_empty());
    }

    #[tokio::test]
    async fn what_speaks_no_tls_is_told_from_what_is_closed() {
        let shop = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = shop.local_addr().unwrap();
        let answers = tokio::spawn(async move {
            let (mut socket, _) = shop.accept().await.unwrap();
            socket
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
            // Not closed before the other end has read it.
            let _its_hello = socket.read_to_end(&mut Vec::new()).await;
        });
        let secure = format!("https://{at}");
        let reached = reach(true).origin(&secure).await;
        assert!(
            matches!(reached, Reached::NoTls(told, _) if told == at),
            "{reached:?}"
        );
        answers.await.unwrap();
        let reached = reach(true).origin(&secure).await;
        assert!(
            matches!(reached, Reached::Closed(told, _) if told == at),
            "{reached:?}"
        );
        let reached = reach(false).origin(&secure).await;
        assert_eq!(
            reached,
            Reached::Refused(Refusal::PrivateAddress("loopback"))
        );
        let reached = reach(true).host("no-such-shop.invalid").await;
        assert!(matches!(reached, Reached::NoName(_)), "{reached:?}");
    }
}
