//! Signing in with the admin token, because a browser can't be made to send it by hand; and signing out.
//!
//! Must not: show the token, keep it, or lead anywhere but to the bridge's own pages afterwards.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, FromRequest, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::forms::Told;
use super::super::gate;
use super::super::guesses::Judged;
use super::super::problem::Problem;
use super::form::Sent;
use super::frame::Look;
use super::{Pages, page_with, see_other};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    next: &'a str,
    wrong: bool,
    signed_out: bool,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    next: Option<String>,
    out: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    token: String,
    next: Option<String>,
}

/// A path of the bridge's own, and nothing that a browser could read as another place.
fn own_path(next: Option<&str>) -> &str {
    let own = |path: &&str| {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.');
        path.starts_with('/') && !path.starts_with("//") && path.bytes().all(good)
    };
    next.filter(own).unwrap_or("/")
}

pub(super) async fn form(
    State(pages): State<Arc<Pages>>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    let next = own_path(asked.next.as_deref());
    if !pages.gate.has_token() || pages.gate.session(request.headers()).is_some() {
        return see_other(next);
    }
    let template = SignIn {
        next,
        wrong: false,
        signed_out: asked.out.is_some(),
    };
    page_with(StatusCode::OK, &template)
}

pub(super) async fn sign_in(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    if !pages.gate.has_token() {
        return see_other("/");
    }
    let peer = gate::peer_of(&request);
    let headers = request.headers().clone();
    let given = match Form::<Given>::from_request(request, &()).await {
        Ok(Form(given)) => given,
        Err(error) => return Problem::new(error.status(), "give the token").into_response(),
    };
    let next = own_path(given.next.as_deref());
    match pages.gate.judge(peer, given.token.trim().as_bytes()) {
        Judged::Right => {
            tracing::info!("an operator signed in");
            with_cookie(see_other(next), &pages.gate.sign_in(&headers))
        }
        Judged::Wrong => {
            let template = SignIn {
                next,
                wrong: true,
                signed_out: false,
            };
            page_with(StatusCode::UNAUTHORIZED, &template)
        }
        Judged::Limited(seconds) => gate::limited(seconds),
    }
}

pub(super) async fn sign_out(look: Look, sent: Sent) -> Response {
    let cookie = sent.pages.gate.sign_out(look.visitor);
    let to = if sent.pages.gate.has_token() {
        "/sign-in?out=1".to_owned()
    } else {
        let note = Told::note("There is no session: this bridge has no token.");
        format!("/?told={}", sent.pages.forms.tell(note))
    };
    with_cookie(see_other(&to), &cookie)
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_own_pages_only() {
        for (next, want) in [
            (Some("/callbacks/12"), "/callbacks/12"),
            (Some("//evil.example"), "/"),
            (Some("/\\evil.example"), "/"),
            (Some("https://evil.example"), "/"),
            (Some("/a\r\nset-cookie: x"), "/"),
            (Some("/callbacks?state=dead"), "/"),
            (Some(""), "/"),
            (None, "/"),
        ] {
            assert_eq!(own_path(next), want, "{next:?}");
        }
    }
}
