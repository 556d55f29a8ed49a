//! One log line per request, with everything that is known about it at the end.
//!
//! Facts are typed, so that no secret, phone number, name or text of a merchant can become one: identifiers with an
//! alphabet of their own, numbers, and words of this program. Must not: take a free text. Times are in milliseconds.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::seen::Seen;
use super::words::{Op, Route};
use crate::types::{Msn, OrderId};

/// What is known about a request. [`RequestFacts::finish`] writes the line; dropped before that (the client hung up),
/// it writes itself with `client_gone`.
#[derive(Debug)]
pub struct RequestFacts {
    started: Instant,
    written: bool,
    request_id: Uuid,
    method: &'static str,
    operation: Op,
    route: Option<Route>,
    why: &'static str,
    msn: Option<Msn>,
    order_id: Option<OrderId>,
    status: u16,
    outcome: &'static str,
    upstream: Duration,
    upstream_calls: u32,
    losses: Vec<&'static str>,
    client_gone: bool,
    /// What the observation counts of it; not in the line.
    pub seen: Seen,
}

impl RequestFacts {
    /// Begins, and begins to count the time. `request_id` is the bridge's own (`bridge-request-id`).
    #[must_use]
    pub fn begin(request_id: Uuid, method: &http::Method, operation: impl Into<Op>) -> Self {
        Self {
            started: Instant::now(),
            written: false,
            request_id,
            method: method_word(method),
            operation: operation.into(),
            route: None,
            why: "",
            msn: None,
            order_id: None,
            status: 0,
            outcome: "",
            upstream: Duration::ZERO,
            upstream_calls: 0,
            losses: Vec::new(),
            client_gone: false,
            seen: Seen::default(),
        }
    }

    /// Which way it goes, and the rule that led there (a word of the code).
    pub fn routed(&mut self, route: Route, why: &'static str) {
        self.route = Some(route);
        self.why = why;
    }

    /// Whose it is.
    pub fn msn(&mut self, msn: &Msn) {
        self.msn = Some(msn.clone());
    }

    /// Which order it is about.
    pub fn order(&mut self, order_id: &OrderId) {
        self.order_id = Some(order_id.clone());
    }

    /// What became of it (a word of the code, such as `unknown` for an outcome that nobody knows yet).
    pub fn outcome(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }

    /// A call to an API ended.
    pub fn upstream(&mut self, took: Duration) {
        self.upstream = self.upstream.saturating_add(took);
        self.upstream_calls = self.upstream_calls.saturating_add(1);
    }

    /// So many calls to an API, with their time together.
    pub fn upstream_calls(&mut self, calls: u32, took: Duration) {
        self.upstream = self.upstream.saturating_add(took);
        self.upstream_calls = self.upstream_calls.saturating_add(calls);
    }

    /// Something was lost in translation; `code` is the loss's own word. Each code stands once in the line.
    pub fn loss(&mut self, code: &'static str) {
        if !self.losses.contains(&code) {
            self.losses.push(code);
        }
    }

    /// The client hung up before the answer.
    pub fn client_gone(&mut self) {
        self.client_gone = true;
    }

    /// The operation.
    #[must_use]
    pub const fn operation(&self) -> Op {
        self.operation
    }

    /// The route, once it is known.
    #[must_use]
    pub const fn route(&self) -> Option<Route> {
        self.route
    }

    /// Whose it is, once it is known.
    #[must_use]
    pub const fn whose(&self) -> Option<&Msn> {
        self.msn.as_ref()
    }

    /// What was lost, by code.
    #[must_use]
    pub fn losses(&self) -> &[&'static str] {
        &self.losses
    }

    /// The time of calls to APIs, where there were any.
    #[must_use]
    pub fn upstream_time(&self) -> Option<Duration> {
        (self.upstream_calls > 0).then_some(self.upstream)
    }

    /// The time since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Writes the line, with the HTTP status that was answered.
    pub fn finish(mut self, status: u16) {
        self.status = status;
        self.written = true;
        self.write();
    }

    fn write(&self) {
        if !tracing::enabled!(target: "request", tracing::Level::INFO) {
            return;
        }
        tracing::info!(
            target: "request",
            request_id = %self.request_id,
            method = self.method,
            operation = self.operation.word(),
            route = self.route.map(Route::word),
            why = word(self.why),
            msn = self.msn.as_ref().map(Msn::as_str),
            order_id = self.order_id.as_ref().map(OrderId::as_str),
            status = (self.status > 0).then_some(self.status),
            outcome = word(self.outcome),
            duration_ms = millis(self.started.elapsed()),
            upstream_ms = millis(self.upstream),
            upstream_calls = self.upstream_calls,
            losses = word(&self.losses.join(",")),
            client_gone = self.client_gone,
        );
    }
}

impl Drop for RequestFacts {
    fn drop(&mut self) {
        if !self.written {
            self.client_gone = true;
            self.write();
        }
    }
}

fn word(word: &str) -> Option<&str> {
    (!word.is_empty()).then_some(word)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Methods that a client made up are all `other`.
fn method_word(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::super::logging::tests::Kept;
    use super::super::logging::{Format, Level, subscriber};
    use super::*;
    use crate::ecom::route::Operation;

    fn written(level: Level, run: impl FnOnce()) -> String {
        let kept = Kept::default();
        let target = kept.clone();
        let make = move || target.clone();
        tracing::subscriber::with_default(subscriber(Format::Json, level, false, make), run);
        kept.text()
    }

    fn facts() -> RequestFacts {
        let mut facts = RequestFacts::begin(Uuid::nil(), &http::Method::POST, Operation::Capture);
        facts.routed(Route::Epayment, "born_epayment");
        facts.msn(&Msn::parse("123456").unwrap());
        facts.order(&OrderId::parse("order-1").unwrap());
        facts.upstream(Duration::from_millis(30));
        facts.upstream(Duration::from_millis(12));
        facts.loss("text_cut");
        facts.loss("text_cut");
        facts.loss("no_fallback");
        facts
    }

    #[test]
    fn a_request_is_one_line_with_all_its_facts() {
        let text = written(Level::Info, || {
            let mut facts = facts();
            facts.outcome("done");
            facts.finish(200);
        });
        assert_eq!(text.lines().count(), 1);
        let mut line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(line["duration_ms"].is_u64());
        for key in ["timestamp", "duration_ms"] {
            line[key] = "…".into();
        }
        insta::assert_snapshot!(serde_json::to_string_pretty(&line).unwrap(), @r#"
        {
          "client_gone": false,
          "duration_ms": "…",
          "level": "INFO",
          "losses": "text_cut,no_fallback",
          "method": "POST",
          "msn": "123456",
          "operation": "capture",
          "order_id": "order-1",
          "outcome": "done",
          "request_id": "00000000-0000-0000-0000-000000000000",
          "route": "epayment",
          "status": 200,
          "target": "request",
          "timestamp": "…",
          "upstream_calls": 2,
          "upstream_ms": 42,
          "why": "born_epayment"
        }
        "#);
    }

    #[test]
    fn a_request_that_is_cut_off_says_so() {
        let text = written(Level::Info, || drop(facts()));
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["client_gone"], true);
        assert_eq!(line.get("status"), None);
    }

    #[test]
    fn nothing_is_written_below_the_level() {
        assert_eq!(written(Level::Warn, || facts().finish(200)), "");
    }

    #[test]
    fn a_made_up_method_is_no_fact() {
        let method: http::Method = "SECRET".parse().unwrap();
        let text = written(Level::Info, || {
            RequestFacts::begin(Uuid::nil(), &method, Op::Pass).finish(200);
        });
        assert!(text.contains("\"other\"") && !text.contains("SECRET"));
    }
}
