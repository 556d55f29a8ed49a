//! The day at work: makes the shop's calls, shows each beside what reached upstream, and checks what it shows.
//!
//! A check that fails is said at once and again at the end; the day goes on. Must not: let the bridge be its own witness
//! (sums come from the simulator).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::stage::Stage;
use crate::cli::scene::brief::Detail;
use crate::cli::scene::page::{Look, Page};
use crate::cli::scene::shop::{self, Call, Heard, Shop, kr};
use crate::simulator::{Handle, PaymentView, SeenRequest, Surface};

/// What is counted through the day.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The shop's calls to the bridge, by `bridge-route`.
    pub(super) routes: BTreeMap<String, usize>,
    /// Money operations that the shop was told of, each once: order, operation and X-Request-Id.
    pub(super) told: BTreeMap<(String, String, String), i64>,
    /// Requests at the simulator that did not come from the bridge, by their numbers.
    pub(super) direct: BTreeSet<u64>,
    /// What was checked.
    pub(super) checks: usize,
    /// What was not as it must be.
    pub(super) differences: Vec<String>,
    /// Callbacks that the shop must have got from the bridge, those that it answered 500 included.
    pub(super) told_back: usize,
}

/// The day.
pub(super) struct Day<'s> {
    pub(super) page: Page,
    pub(super) shop: Shop,
    pub(super) stage: &'s Stage,
    pub(super) tally: Tally,
    /// Whether the summary was printed.
    pub(super) finished: bool,
    pub(super) detail: Detail,
    /// The sales unit at work.
    pub(super) msn: &'static str,
    /// What had been asked before the day began.
    pub(super) began: u64,
    chapter: usize,
    place: String,
}

impl<'s> Day<'s> {
    pub(super) fn new(page: Page, shop: Shop, stage: &'s Stage) -> Self {
        let requests = stage.simulator.world().requests();
        Self {
            msn: shop::MSN,
            began: requests.last().map_or(0, |seen| seen.id),
            page,
            shop,
            stage,
            tally: Tally::default(),
            finished: false,
            detail: Detail::Full,
            chapter: 0,
            place: String::new(),
        }
    }

    pub(super) const fn world(&self) -> &'s Handle {
        self.stage.simulator.world()
    }

    /// Where eCom calls back.
    pub(super) fn callback_prefix(&self) -> String {
        format!("{}/vipps", self.stage.merchant.base_url())
    }

    /// A new chapter.
    pub(super) fn chapter(&mut self, title: &str, story: &str) {
        self.chapter += 1;
        self.place = format!("chapter {}", self.chapter);
        self.page.heading(&format!("{:>2}  {title}", self.chapter));
        self.page.text(story);
        self.page.gap();
    }

    /// The end of the chapters.
    pub(super) fn closing(&mut self, title: &str) {
        self.place = title.to_owned();
        self.page.heading(title);
    }

    /// From here on, what was shown before is left out.
    pub(super) fn be_brief(&mut self) {
        self.page.gap();
        self.page.text(
            "From here on, members that were shown before are left out: merchantInfo, phone numbers, URLs, texts.",
        );
        self.detail = Detail::Terse;
    }

    /// Something that happens outside of any call.
    pub(super) fn happens(&mut self, text: &str) {
        self.page.beside(Look::Heading, "then", text);
    }

    /// Something worth knowing.
    pub(super) fn note(&mut self, text: &str) {
        self.page.beside(Look::Quiet, "note", text);
    }

    /// Says whether something is as it must be.
    pub(super) fn check(&mut self, holds: bool, what: &str) {
        self.tally.checks += 1;
        if holds {
            self.page.beside(Look::Good, "ok", what);
        } else {
            self.page.beside(Look::Bad, "DIFFERS", what);
            let line = format!("{}: {what}", self.place);
            self.tally.differences.push(line);
        }
    }

    /// A call through the bridge, and what reached upstream because of it.
    pub(super) async fn call(&mut self, call: Call) -> (Heard, Vec<SeenRequest>) {
        let mark = self.last_seen();
        self.show_call("shop", &call);
        let heard = self.shop.call(&self.stage.bridge, &call).await;
        let mut seen = self.seen_since(mark);
        // The registration of the sales unit is work of its own, and shown by itself.
        seen.retain(|s| s.surface != Surface::Webhooks || call.path.starts_with("/webhooks/"));
        if seen.is_empty() {
            self.page
                .beside(Look::Upstream, "upstream", "(nothing was sent)");
        }
        for request in &seen {
            let sent = call.body.as_ref().map(shop::text_of).unwrap_or_default();
            self.show_seen(request, &sent);
        }
        self.show_answer(&heard);
        *self.tally.routes.entry(heard.route.clone()).or_default() += 1;
        self.remember(&call, &heard);
        (heard, seen)
    }

    /// A call that the shop makes while there is no bridge yet.
    pub(super) async fn call_without_bridge(&mut self, call: Call) -> Heard {
        self.show_call("directly", &call);
        let heard = self.compare(&call).await;
        self.show_answer(&heard);
        heard
    }

    /// The same call again, without the bridge and without a word: to compare.
    pub(super) async fn compare(&mut self, call: &Call) -> Heard {
        let mark = self.last_seen();
        let upstream = self.stage.simulator.base_url();
        let heard = self.shop.call(&upstream, call).await;
        let seen = self.seen_since(mark);
        self.tally.direct.extend(seen.iter().map(|seen| seen.id));
        heard
    }

    pub(super) fn last_seen(&self) -> u64 {
        self.world().requests().last().map_or(0, |seen| seen.id)
    }

    pub(super) fn seen_since(&self, mark: u64) -> Vec<SeenRequest> {
        let mut seen = self.world().requests();
        // What shadowing reads beside the calls is told in its own chapter.
        seen.retain(|request| request.id > mark && !is_of_a_shadow(request));
        seen
    }

    fn show_call(&mut self, label: &str, call: &Call) {
        let mut line = format!("{} {}", call.method, call.path);
        if let Some(id) = &call.request_id {
            line.push_str(&format!("  X-Request-Id: {id}"));
        }
        self.page.beside(Look::Sent, label, &line);
        if let Some(body) = &call.body {
            self.page.json(body, self.detail);
        }
    }

    /// A request at upstream; `sent` is what the shop's call had as its body.
    pub(super) fn show_seen(&mut self, seen: &SeenRequest, sent: &str) {
        let became = match (seen.fault.as_deref(), seen.status) {
            (Some("reset_after"), _) => "done, but the answer is lost".to_owned(),
            (_, Some(status)) => status.to_string(),
            (_, None) => "no answer".to_owned(),
        };
        let line = format!("{} {} -> {became}", seen.method, seen.target);
        self.page.beside(Look::Upstream, "upstream", &line);
        if !seen.body.is_empty() && seen.body == sent.as_bytes() {
            let same = format!("(byte for byte what the shop sent: {} bytes)", sent.len());
            self.page.beside(Look::Plain, "", &same);
        } else if !seen.body.is_empty() {
            self.page.json(&seen.json(), self.detail);
        }
        if let Some(key) = seen.header("idempotency-key") {
            self.page
                .beside(Look::Plain, "", &format!("Idempotency-Key: {key}"));
        }
    }

    fn show_answer(&mut self, heard: &Heard) {
        let line = match (&heard.failure, heard.route.as_str()) {
            (Some(why), _) => format!("no answer: {why}"),
            (None, "") => heard.status.to_string(),
            (None, route) => format!("{}  bridge-route: {route}", heard.status),
        };
        self.page.beside(Look::Sent, "answer", &line);
        if !heard.json.is_null() {
            self.page.json(&heard.json, self.detail);
        }
    }

    /// What the shop books: each capture and refund that succeeded, once.
    fn remember(&mut self, call: &Call, heard: &Heard) {
        let mut parts = call.path.rsplit('/');
        let (Some(op), Some(order)) = (parts.next(), parts.next()) else {
            return;
        };
        let pointer = match op {
            "capture" => "/transactionInfo/amount",
            "refund" => "/transaction/amount",
            _ => return,
        };
        if let (200, Some(amount)) = (heard.status, heard.number(pointer)) {
            let id = call.request_id.clone().unwrap_or_default();
            let entry = (order.to_owned(), op.to_owned(), id);
            self.tally.told.insert(entry, amount);
        }
    }

    /// The payment as the simulator has it.
    pub(super) fn payment(&self, reference: &str) -> Option<PaymentView> {
        self.world().payment(self.msn, reference)
    }

    /// Checks a payment's sums at the simulator, in minor units.
    pub(super) fn sums(&mut self, reference: &str, captured: i64, refunded: i64, released: i64) {
        let is = self.payment(reference).map(|payment| {
            [payment.captured, payment.refunded, payment.cancelled].map(|a| a.minor_units())
        });
        let told = |[captured, refunded, released]: [i64; 3]| {
            let (captured, refunded) = (kr(captured), kr(refunded));
            format!(
                "captured {captured}, refunded {refunded}, released {}",
                kr(released)
            )
        };
        let want = [captured, refunded, released];
        let what = match is {
            Some(is) if is == want => format!("at the upstream: {}", told(is)),
            Some(is) => format!("at the upstream: {}; expected {}", told(is), told(want)),
            None => format!("there is no payment {reference} at the upstream"),
        };
        self.check(is == Some(want), &what);
    }
}

/// Whether shadowing has sent it.
pub(super) fn is_of_a_shadow(request: &SeenRequest) -> bool {
    request.header("bridge-shadow").is_some()
}

/// The requests that move money or make a payment.
pub(super) fn changes(seen: &[SeenRequest]) -> Vec<&SeenRequest> {
    let of = |s: &&SeenRequest| {
        s.method != "GET" && matches!(s.surface, Surface::Ecom | Surface::Epayment)
    };
    seen.iter().filter(of).collect()
}

/// Whether there is just one change, at ePayment.
pub(super) fn one_epayment_change(seen: &[SeenRequest]) -> bool {
    matches!(changes(seen)[..], [only] if only.surface == Surface::Epayment)
}

/// The operations in details, newest first.
pub(super) fn operations(heard: &Heard) -> Vec<&str> {
    let log = heard
        .json
        .get("transactionLogHistory")
        .and_then(Value::as_array);
    log.into_iter()
        .flatten()
        .filter_map(|entry| entry.get("operation")?.as_str())
        .collect()
}
