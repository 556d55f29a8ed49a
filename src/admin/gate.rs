//! Who may come in: the token or a session of it; without a token, this machine only. And nothing that another site's
//! page made a browser send.
//!
//! Must not: say how much of a token is right, by its answer or by the time that takes; or serve when it can't tell.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};

use super::brought;
use super::guesses::{Guesses, Judged};
use super::origin::{self, one};
use super::problem::Problem;
use super::sessions::{Keyed, SessionId, Sessions};
use crate::telemetry::Meters;
use crate::types::{Clock, Moment};

/// Who asks, as far as the answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visitor {
    /// From this machine, where no token is configured.
    Local,
    /// With the token itself.
    Token,
    /// Signed in.
    Session(SessionId),
}

/// Tells the token in force; none: only this machine is let in.
pub type TokenNow = Arc<dyn Fn() -> Option<SecretString> + Send + Sync>;

/// The gate of the operator's listener.
pub struct Gate {
    token: TokenNow,
    /// Of the token that the sessions were begun with: another one ends them.
    begun_with: Mutex<Option<[u8; 32]>>,
    sessions: Sessions,
    guesses: Guesses,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
}

impl Gate {
    /// `token` tells what a visitor must show.
    #[must_use]
    pub fn new(token: TokenNow, clock: Arc<dyn Clock>, meters: Arc<Meters>) -> Self {
        Self {
            token,
            begun_with: Mutex::default(),
            sessions: Sessions::new(Keyed::new()),
            guesses: Guesses::default(),
            clock,
            meters,
        }
    }

    /// The token in force. With another one than before, nobody is signed in any more.
    fn token(&self) -> Option<SecretString> {
        let token = (self.token)()?;
        let keyed = self.sessions.keyed();
        let mark = keyed.hash("token", token.expose_secret().as_bytes());
        let mut begun_with = self
            .begun_with
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if begun_with
            .replace(mark)
            .is_some_and(|before| before != mark)
        {
            self.sessions.end_all();
        }
        Some(token)
    }

    pub(super) fn has_token(&self) -> bool {
        self.token().is_some()
    }

    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Looks at a token from an address.
    pub(super) fn judge(&self, from: Option<IpAddr>, sent: &[u8]) -> Judged {
        let Some(token) = self.token() else {
            return Judged::Wrong;
        };
        // Whoever has no address, has the unspecified one in common with all such.
        let from = from.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        let right = || {
            let token = token.expose_secret().as_bytes();
            self.sessions.keyed().same(sent, token)
        };
        let judged = self.guesses.judge(from, self.clock.now(), right);
        match judged {
            Judged::Right => {}
            Judged::Wrong => {
                self.meters.admin_refused("wrong-token");
                tracing::warn!(%from, "a wrong admin token");
            }
            Judged::Limited(_) => self.meters.admin_refused("too-many"),
        }
        judged
    }

    /// Begins a session; the header that makes the browser keep it.
    pub(super) fn sign_in(&self, headers: &HeaderMap) -> String {
        let cookie = self.sessions.begin(self.clock.now());
        brought::keep(&cookie, super::sessions::LIFE, origin::is_https(headers))
    }

    /// Ends a session; the header that makes the browser forget it.
    pub(super) fn sign_out(&self, visitor: Visitor) -> String {
        if let Visitor::Session(id) = visitor {
            self.sessions.end(id);
        }
        brought::forget()
    }

    /// What every form that this visitor is shown carries.
    pub(super) fn form_token(&self, visitor: Visitor) -> String {
        self.sessions.form_token(match visitor {
            Visitor::Session(id) => Some(id),
            Visitor::Local | Visitor::Token => None,
        })
    }

    /// Whether a form is one that this visitor was shown.
    pub(super) fn is_own_form(&self, visitor: Visitor, sent: &str) -> bool {
        let own = self.form_token(visitor);
        let same = self.sessions.keyed();
        same.same(sent.as_bytes(), own.as_bytes())
    }

    /// The session of the request's cookie.
    pub(super) fn session(&self, headers: &HeaderMap) -> Option<SessionId> {
        self.token()?;
        brought::cookies(headers).find_map(|cookie| self.sessions.of(cookie, self.clock.now()))
    }
}

/// Whether the answer is to be a page.
pub(super) fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let page = !path.starts_with("/api/") && path != "/metrics";
    page && one(headers, header::ACCEPT).is_some_and(|accept| accept.contains("text/html"))
}

fn peer(request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(addr)| addr.ip().to_canonical())
}

/// Before everything but the probes: without a token only this machine, and no change that another site asks for.
pub(super) async fn from_here(
    State(gate): State<Arc<Gate>>,
    request: Request,
    next: Next,
) -> Response {
    if !gate.has_token() {
        let near = peer(&request).is_some_and(|ip| ip.is_loopback());
        if !near || !origin::names_loopback(request.headers(), request.uri()) {
            gate.meters.admin_refused("not-local");
            let why = "without admin.token only this machine is served, by its own name: ask for http://127.0.0.1 or \
                       http://localhost, or set a token";
            return Problem::new(StatusCode::FORBIDDEN, why).into_response();
        }
    }
    if !request.method().is_safe() && origin::is_cross_site(request.headers()) {
        gate.meters.admin_refused("cross-site");
        let why = "this came from another site's page, so nothing was changed";
        return Problem::new(StatusCode::FORBIDDEN, why).into_response();
    }
    next.run(request).await
}

/// Before everything that is not for everyone.
pub(super) async fn authorised(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let shown = request.headers().contains_key(header::AUTHORIZATION);
    let visitor = if !gate.has_token() {
        Visitor::Local
    } else if shown {
        match gate.judge(peer(&request), brought::bearer(request.headers())) {
            Judged::Right => Visitor::Token,
            Judged::Wrong => return unauthorised("this is not the token (admin.token)"),
            Judged::Limited(seconds) => return limited(seconds),
        }
    } else if let Some(session) = gate.session(request.headers()) {
        // A session is for the pages, whose forms prove where they come from. Of the rest it may only read.
        if path.starts_with("/api/") && !request.method().is_safe() {
            return unauthorised(
                "send Authorization: Bearer TOKEN: a session changes nothing here",
            );
        }
        Visitor::Session(session)
    } else if wants_page(path, request.headers()) {
        let back = if request.method() == Method::GET {
            path
        } else {
            "/"
        };
        let to = format!("/sign-in?next={}", super::pages::in_query(back));
        return super::pages::see_other(&to);
    } else {
        return unauthorised("send Authorization: Bearer TOKEN (admin.token)");
    };
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

fn unauthorised(why: &str) -> Response {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, why);
    ([(header::WWW_AUTHENTICATE, "Bearer")], problem).into_response()
}

/// Too many wrong tokens: when to try again.
pub(super) fn limited(seconds: u64) -> Response {
    let why = format!("too many wrong tokens came from your address: try again in {seconds} s");
    let after = [(header::RETRY_AFTER, seconds.to_string())];
    (after, Problem::new(StatusCode::TOO_MANY_REQUESTS, why)).into_response()
}

/// The address of whoever asks, for the sign-in form.
pub(super) fn peer_of(request: &Request) -> Option<IpAddr> {
    peer(request)
}
