//! The shadow upstream: a separate place for what shadows write, and the only way to it.
//!
//! It is made of two addresses, and is not made where they are one host or where the shadow's is a production one. What
//! enters it has the credentials of a shadow's sales unit and the mark of a shadow; of a merchant's headers only those
//! that name its shop system come along. Must not: hold or give a client of the primary upstream.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};

use super::ecom::{Forwarder, ForwarderError};
use super::epayment::Epayment;
use super::token::{TokenError, Tokens, UnitKeys};
use super::{Budget, ClientError, Credentials, RawReply, SendFailure};
use crate::telemetry::Meters;
use crate::types::Msn;

/// Domains of Vipps MobilePay; every server in them counts as production, but those whose name begins with [`TEST`]. The
/// settings refuse the same.
const VIPPS: [&str; 2] = ["vipps.no", "vippsmobilepay.com"];
/// Of hosts without real money (Vipps MobilePay developer documentation, "Servers").
const TEST: &str = "apitest";

/// Why there is no shadow upstream. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NoShadowUpstream {
    /// The primary upstream is there.
    #[error(
        "the shadow upstream is the primary one's host, so shadowed writes would move real money: name another host"
    )]
    SameHost,
    /// Real money is there.
    #[error(
        "the shadow upstream is a production host, so shadowed writes would move real money: name a test host"
    )]
    Production,
    /// Not `http(s)://host[:port][/path]`.
    #[error("the shadow upstream is not http(s)://host[:port][/path]")]
    BaseUrl,
    /// The client that forwards.
    #[error("the client for the shadow upstream can't be made: {0}")]
    Forwarder(#[from] ForwarderError),
    /// The typed client.
    #[error("the client for the shadow upstream can't be made: {0}")]
    Client(#[from] ClientError),
}

/// Both APIs of the shadow upstream. Its connections and counts are its own.
#[derive(Clone, Debug)]
pub struct ShadowUpstream {
    epayment: Epayment,
    forwarder: Forwarder,
    tokens: Tokens,
}

/// A sales unit at the shadow upstream: nothing of it is a merchant's own.
#[derive(Clone, Debug)]
pub struct ShadowUnit {
    /// Its number there.
    pub msn: Msn,
    /// Its keys there.
    pub keys: UnitKeys,
}

/// What lets a shadow's call in at the shadow upstream. Only [`ShadowUpstream::credentials`] makes one.
#[derive(Clone, Debug)]
pub struct ShadowCredentials(Credentials);

impl ShadowCredentials {
    /// For typed calls.
    #[must_use]
    pub const fn credentials(&self) -> &Credentials {
        &self.0
    }
}

/// A call of eCom for the shadow upstream.
#[derive(Debug)]
pub struct ShadowCall {
    /// Its method.
    pub method: Method,
    /// Path and perhaps query.
    pub target: Uri,
    /// Its own headers, without credentials: what stands in the way of those is replaced.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl ShadowUpstream {
    /// The upstream at `own`, which is not `primary`'s host and no production host. `connect_timeout` covers DNS, TCP and
    /// TLS; `idle` is the longest that it may be silent; `meters` are not those of the primary path.
    ///
    /// # Errors
    /// Where it would be a place with real money, or can't be made.
    pub fn new(
        own: &str,
        primary: &str,
        (connect_timeout, idle): (Duration, Duration),
        meters: Arc<Meters>,
    ) -> Result<Self, NoShadowUpstream> {
        let (here, there) = (place(own)?, place(primary)?);
        if here.host == there.host && (!here.near || here.port == there.port) {
            return Err(NoShadowUpstream::SameHost);
        }
        if is_production(&here.host) {
            return Err(NoShadowUpstream::Production);
        }
        Ok(Self {
            epayment: Epayment::new(own, connect_timeout, Arc::clone(&meters))?,
            forwarder: Forwarder::new(own, connect_timeout, idle)?.marked(),
            tokens: Tokens::new(own, connect_timeout, meters)?,
        })
    }

    /// Lets a call of this unit in. Of `shop` only the `Vipps-System-*` headers are read.
    ///
    /// # Errors
    /// When no token can be had now.
    pub async fn credentials(
        &self,
        unit: &ShadowUnit,
        shop: &HeaderMap,
    ) -> Result<ShadowCredentials, Arc<TokenError>> {
        let mut own = self.tokens.credentials(&unit.msn, &unit.keys).await?;
        own.system = Credentials::of(shop, None).system;
        Ok(ShadowCredentials(own.of_a_shadow()))
    }

    /// Forgets a token that was refused (401).
    pub async fn refused(&self, unit: &ShadowUnit, pass: &ShadowCredentials) {
        self.tokens.forget(&unit.msn, &unit.keys, &pass.0).await;
    }

    /// ePayment there.
    #[must_use]
    pub const fn epayment(&self) -> &Epayment {
        &self.epayment
    }

    /// eCom there: the whole answer within `limit`.
    ///
    /// # Errors
    /// When there is no answer, or not all of it.
    pub async fn ecom(
        &self,
        pass: &ShadowCredentials,
        call: ShadowCall,
        limit: Duration,
    ) -> Result<RawReply, SendFailure> {
        let mut request = Request::new(());
        *request.method_mut() = call.method;
        *request.uri_mut() = call.target;
        let headers = request.headers_mut();
        *headers = call.headers;
        // Not `extend`: a second value beside the own one would be a second reading.
        for (name, value) in &pass.0.headers() {
            headers.insert(name.clone(), value.clone());
        }
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("*/*"));
        let (head, ()) = request.into_parts();
        self.forwarder
            .forward_bytes(&head, call.body, Budget::of(limit))
            .await
    }
}

/// Where an address leads.
struct Place {
    /// In lower case, without a dot at its end; one word for all names of this machine.
    host: String,
    port: u16,
    /// This machine.
    near: bool,
}

fn place(url: &str) -> Result<Place, NoShadowUpstream> {
    let no_url = || NoShadowUpstream::BaseUrl;
    let uri: Uri = url.parse().map_err(|_| no_url())?;
    let usual = match uri.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return Err(no_url()),
    };
    let name = uri.host().filter(|host| !host.is_empty());
    let name = name.ok_or_else(no_url)?.to_ascii_lowercase();
    let name = name.trim_end_matches('.');
    let address: Option<IpAddr> = name.trim_matches(['[', ']']).parse().ok();
    let address = address.map(|address| address.to_canonical());
    let near = name == "localhost"
        || name.ends_with(".localhost")
        || address.is_some_and(|address| address.is_loopback() || address.is_unspecified());
    let host = match address {
        _ if near => "localhost".to_owned(),
        Some(address) => address.to_string(),
        None => name.to_owned(),
    };
    Ok(Place {
        host,
        port: uri.port_u16().unwrap_or(usual),
        near,
    })
}

/// See [`VIPPS`].
fn is_production(host: &str) -> bool {
    VIPPS.iter().any(|domain| {
        let Some(rest) = host.strip_suffix(domain) else {
            return false;
        };
        match rest.strip_suffix('.') {
            Some(name) => name.contains('.') || !name.starts_with(TEST),
            None => rest.is_empty(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(own: &str, primary: &str) -> Result<ShadowUpstream, NoShadowUpstream> {
        let limits = (Duration::from_secs(1), Duration::from_secs(1));
        ShadowUpstream::new(own, primary, limits, Arc::new(Meters::default()))
    }

    #[test]
    fn a_place_with_real_money_is_refused() {
        use NoShadowUpstream::{BaseUrl, Production, SameHost};
        const PRIMARY: &str = "https://primary.example.com";
        for (own, primary, want) in [
            ("https://primary.example.com", PRIMARY, Err(SameHost)),
            ("https://PRIMARY.Example.com./", PRIMARY, Err(SameHost)),
            ("http://primary.example.com:8080/x", PRIMARY, Err(SameHost)),
            ("http://127.0.0.1:81", "http://localhost:81", Err(SameHost)),
            ("http://[::1]:81", "http://127.0.0.1:81", Err(SameHost)),
            (
                "http://[::ffff:10.0.0.1]:81",
                "http://10.0.0.1",
                Err(SameHost),
            ),
            ("https://0.0.0.0:81", "http://127.0.0.1:81", Err(SameHost)),
            ("https://[::]:81", "http://localhost:81", Err(SameHost)),
            (
                "http://[::ffff:7f00:1]:81",
                "http://127.0.0.1:81",
                Err(SameHost),
            ),
            ("https://api.vipps.no", PRIMARY, Err(Production)),
            ("https://API.vipps.no.:444", PRIMARY, Err(Production)),
            ("https://new.vipps.no", PRIMARY, Err(Production)),
            ("https://vipps.no", PRIMARY, Err(Production)),
            ("https://api.vippsmobilepay.com", PRIMARY, Err(Production)),
            (
                "https://apitest.vipps.no",
                "https://apitest.vipps.no",
                Err(SameHost),
            ),
            ("primary.example.com", PRIMARY, Err(BaseUrl)),
            ("ftp://shadow.example.com", PRIMARY, Err(BaseUrl)),
            ("https://shadow.example.com", "", Err(BaseUrl)),
            ("https://apitest.vipps.no", "https://api.vipps.no", Ok(())),
            ("https://x.apitest.vipps.no", PRIMARY, Err(Production)),
            ("https://apitest.vippsmobilepay.com", PRIMARY, Ok(())),
            ("https://notvipps.no", PRIMARY, Ok(())),
            ("http://127.0.0.1:81", "http://127.0.0.1:82", Ok(())),
        ] {
            let got = made(own, primary).map(drop).map_err(|no| no.to_string());
            let want: Result<(), String> = want.map_err(|no| no.to_string());
            assert_eq!(got, want, "{own} beside {primary}");
        }
    }
}
