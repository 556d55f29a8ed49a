//! A form that was sent: read, proven to be the bridge's own, done once.
//!
//! Two proofs are asked for, because each covers what the other may miss: the gate refuses what the browser says to come
//! from another site's page (older browsers say nothing), and the form carries a token bound to the session, which
//! another site's page can't read. Must not: do anything without both.

use std::sync::Arc;

use axum::extract::{Form, FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::forms::Told;
use super::super::problem::{Problem, reason, unit};
use super::{Pages, frame, see_other};
use crate::store::Reason;
use crate::types::Msn;

/// What a visitor has sent with a form of the bridge's own.
pub(super) struct Sent {
    pub(super) pages: Arc<Pages>,
    fields: Vec<(String, String)>,
}

impl FromRequest<Arc<Pages>> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, pages: &Arc<Pages>) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let visitor = frame::visitor(&parts)?;
        let request = Request::from_parts(parts, body);
        let Form(fields) = Form::<Vec<(String, String)>>::from_request(request, &())
            .await
            .map_err(|error| Problem::new(error.status(), error.body_text()))?;
        let sent = Self {
            pages: Arc::clone(pages),
            fields,
        };
        if pages.gate.is_own_form(visitor, sent.text("csrf")) {
            return Ok(sent);
        }
        let why = "nothing was changed: the form is of another session, or older than this process of the bridge. Load \
                   its page again";
        Err(Problem::new(StatusCode::FORBIDDEN, why))
    }
}

impl Sent {
    /// A field without blanks around it; empty where it was not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.map_or("", |(_, value)| value.trim())
    }

    /// The same; none where it is empty.
    pub(super) fn maybe(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// The sales unit that was chosen; none: all.
    pub(super) fn unit(&self, name: &str) -> Result<Option<Msn>, Problem> {
        unit(self.maybe(name).filter(|text| *text != "all"))
    }

    /// Who and why.
    pub(super) fn reason(&self) -> Result<Reason, Problem> {
        reason(self.text("who"), self.text("why"))
            .map_err(|_| Problem::wrong("nothing was changed: say who you are and why"))
    }

    /// Does `work` unless this very form was sent before (a second click, a repeat after going back), then shows `back`
    /// with what became of it.
    pub(super) async fn once(
        &self,
        back: &str,
        work: impl Future<Output = Result<Told, Problem>>,
    ) -> Response {
        let forms = &self.pages.forms;
        let form = self.text("once");
        if form.is_empty() || form.len() > 100 {
            return Problem::wrong("nothing was changed: the form is not whole").into_response();
        }
        let told = if forms.claim(form) {
            match work.await {
                Ok(told) => told,
                Err(problem) => {
                    forms.release(form);
                    return problem.into_response();
                }
            }
        } else {
            Told::note("This form was sent twice. It was done once.")
        };
        let number = forms.tell(told);
        see_other(&format!("{back}?told={number}"))
    }
}
