//! The end of the day: what was called, what reached upstream, whether the money agrees, and what to do next.
//!
//! Sums and sides are taken from the simulator, not from the bridge. Must not: hide a difference.

use super::day::{Day, is_of_a_shadow};
use crate::cli::scene::page::Look;
use crate::cli::scene::shop::kr;
use crate::simulator::{Origin, SeenRequest, Surface};

impl Day<'_> {
    /// Prints the summary, after the last checks. True where all was as it must be.
    pub(super) fn sum_up(&mut self, seconds: f64) -> bool {
        self.closing("Summary");
        let calls: usize = self.tally.routes.values().sum();
        let routes: Vec<_> = self
            .tally
            .routes
            .iter()
            .map(|(route, number)| format!("{number} {}", name(route)))
            .collect();
        let line = format!(
            "{calls} to the bridge, by bridge-route: {}",
            routes.join(", ")
        );
        self.page.beside(Look::Plain, "calls", &line);
        let mut seen = self.world().requests();
        seen.retain(|request| !self.tally.direct.contains(&request.id));
        let all = seen.len();
        seen.retain(|request| !is_of_a_shadow(request));
        let shadows = all - seen.len();
        let to = |surface| seen.iter().filter(|s| s.surface == surface).count();
        let (ecom, epayment) = (to(Surface::Ecom), to(Surface::Epayment));
        let other = seen.len() - ecom - epayment;
        let line = format!(
            "{} requests of the bridge: {epayment} to ePayment, {ecom} to eCom, {other} others (tokens, webhooks)",
            seen.len()
        );
        self.page.beside(Look::Plain, "upstream", &line);
        let line = format!("{shadows} reads of shadowing beside them, marked as its own");
        self.page.beside(Look::Plain, "", &line);
        self.told();
        self.money();
        let wrong = self.wrong_side(&seen);
        let line = format!("calls about a payment to the API that must not have them: {wrong}");
        self.check(wrong == 0, &line);
        let line = format!("{} checks in {seconds:.1} s", self.tally.checks);
        self.page.beside(Look::Plain, "checked", &line);
        self.page.gap();
        self.finished = true;
        let good = self.tally.differences.is_empty();
        if good {
            self.page.beside(
                Look::Good,
                "result",
                "Everything was as it must be: the day of a legacy shop, through ePayment.",
            );
        } else {
            let number = self.tally.differences.len();
            let line = format!("{number} of these checks did not hold:");
            self.page.beside(Look::Bad, "result", &line);
            for line in self.tally.differences.clone() {
                self.page.beside(Look::Bad, "DIFFERS", &line);
            }
        }
        good
    }

    /// The events that came, and what the shop heard.
    fn told(&mut self) {
        let hooks = self.world().deliveries();
        let refused = hooks.iter().filter(|hook| hook.status != Some(200)).count();
        let line = format!(
            "webhooks taken at once: {}, refused: {refused}",
            hooks.len()
        );
        self.check(refused == 0, &line);
        let (all, of_ecom) = (
            self.stage.merchant.callbacks().len(),
            self.world().callbacks().len(),
        );
        let (heard, wanted) = (all.saturating_sub(of_ecom), self.tally.told_back);
        let line =
            format!("callbacks of the bridge at the shop: {heard}, and {of_ecom} of eCom itself");
        self.check(heard == wanted, &line);
    }

    /// What moved, beside what the shop was told.
    fn money(&mut self) {
        let payments = self.world().payments();
        let captured: i64 = payments.iter().map(|p| p.captured.minor_units()).sum();
        let refunded: i64 = payments.iter().map(|p| p.refunded.minor_units()).sum();
        for (word, done, moved) in [
            ("capture", "captured", captured),
            ("refund", "refunded", refunded),
        ] {
            let told: i64 = self
                .tally
                .told
                .iter()
                .filter(|((_, op, _), _)| op == word)
                .map(|(_, amount)| amount)
                .sum();
            let (moved_kr, told_kr) = (kr(moved), kr(told));
            let line = format!("{done} at the upstream {moved_kr} NOK, told to the shop {told_kr}");
            self.check(moved == told, &line);
        }
    }

    /// Requests about a payment that went to the API which must not be asked: eCom about a payment of ePayment, or a
    /// create in ePayment of an order that eCom has.
    fn wrong_side(&self, seen: &[SeenRequest]) -> usize {
        let payments = self.world().payments();
        let origin = |reference: &str| {
            let found = payments.iter().find(|p| p.reference == reference);
            found.map(|p| p.origin)
        };
        let wrong = |request: &&SeenRequest| match request.surface {
            Surface::Ecom => {
                let named = request.json();
                let named = named.pointer("/transaction/orderId").cloned();
                let named = named.and_then(|v| v.as_str().map(str::to_owned));
                request
                    .path()
                    .split('/')
                    .map(str::to_owned)
                    .chain(named)
                    .any(|part| {
                        origin(&part) == Some(Origin::Epayment)
                            || origin(&format!("ecom-id-{part}")) == Some(Origin::Epayment)
                    })
            }
            Surface::Epayment if request.path() == "/epayment/v1/payments" => {
                let body = request.json();
                let reference = body.pointer("/reference").and_then(|v| v.as_str());
                matches!(
                    reference.and_then(origin),
                    Some(Origin::Ecom | Origin::Express)
                )
            }
            _ => false,
        };
        seen.iter().filter(wrong).count()
    }

    /// Where to go from here.
    pub(super) fn next_steps(&mut self) {
        self.page.gap();
        self.page.text("What to do next:");
        for (command, what) in [
            (
                "ecom-bridge translate capture",
                "one of your calls, translated, no network",
            ),
            (
                "ecom-bridge explain GET PATH",
                "which way a call would go, and why",
            ),
            (
                "ecom-bridge simulate",
                "the simulator alone, for your staging shop",
            ),
            (
                "ecom-bridge check --config FILE",
                "is your configuration complete",
            ),
            ("ecom-bridge serve --config FILE", "the bridge itself"),
            (
                "ecom-bridge callbacks list",
                "what your shop was told, and what waits",
            ),
        ] {
            self.page.exact(&format!("  {command:<32} {what}"));
        }
        self.page
            .exact("  README.md                        the way to production");
    }
}

fn name(route: &str) -> &str {
    match route {
        "" => "without a route",
        route => route,
    }
}
