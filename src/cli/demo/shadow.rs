//! A chapter about shadowing: eCom answers, ePayment is asked as well, and both answers are compared.
//!
//! Must not: take the bridge's word for what reached upstream.

use serde_json::{Value, json};

use super::day::{Day, is_of_a_shadow};
use crate::cli::scene::page::Look;
use crate::cli::scene::shop::{self, Call};
use crate::cli::shadow::report;
use crate::ecom::route::Operation;

/// Where the two differ.
const TEXT: &str = "/transactionLogHistory/*/transactionText";

/// The comparisons of details until now, all ended: clean, and differing.
fn counted(report: &Value) -> Option<(u64, u64)> {
    let accounts = report.get("accounts")?.as_array()?;
    let read = accounts.iter().find(|one| one["way"] == "read")?;
    (read["inFlight"] == 0).then_some(())?;
    Some((read["clean"].as_u64()?, read["differing"].as_u64()?))
}

/// Tables without the columns that do not fit into so many characters.
fn whole_columns(text: &str, width: usize) -> Vec<String> {
    let tables = text.split("\n\n").map(|table| {
        let heads = table.lines().next().unwrap_or_default();
        let fits = match heads.get(..width) {
            Some(start) => start.rfind("  ").unwrap_or(width),
            None => width,
        };
        let cut = |line: &str| line.chars().take(fits).collect::<String>();
        table
            .lines()
            .map(|line| cut(line).trim_end().to_owned())
            .collect::<Vec<_>>()
    });
    tables.collect::<Vec<_>>().join(&String::new())
}

impl Day<'_> {
    /// Waits until so many reads were compared.
    async fn has_compared(&self, reads: u64) -> (u64, u64) {
        let found = self.stage.eventually(async |bridge| {
            let asked = report::asked(bridge, Some(Operation::Details)).await;
            counted(&asked.ok()?).filter(|(clean, differing)| clean + differing >= reads)
        });
        found.await.unwrap_or_default()
    }

    /// Prints the report as the command does.
    async fn report(&mut self) {
        let command = "ecom-bridge shadow report --operation details";
        self.page.beside(Look::Sent, "operator", command);
        let told = self.stage.eventually(async |bridge| {
            let asked = report::asked(bridge, Some(Operation::Details)).await;
            report::told(&asked.ok()?, false).ok()
        });
        for line in whole_columns(&told.await.unwrap_or_default(), 76) {
            self.page.exact(&format!("  {line}"));
        }
    }

    /// How many reads were compared, and the fields that count.
    async fn found(&self, reads: u64) -> (u64, Vec<String>) {
        let found = self.stage.eventually(async |bridge| {
            let asked = report::asked(bridge, Some(Operation::Details)).await.ok()?;
            let (clean, differing) = counted(&asked)?;
            let fields = asked.get("fields")?.as_array()?.iter();
            let counting = fields.filter(|one| one["counts"] == true);
            let names = counting.filter_map(|one| one["field"].as_str());
            let names = names.map(str::to_owned).collect();
            (clean + differing >= reads).then_some((clean + differing, names))
        });
        found.await.unwrap_or_default()
    }

    /// Reads that reached upstream for shadowing, since `mark`.
    fn shadows_since(&self, mark: u64) -> Vec<String> {
        let seen = self.world().requests().into_iter();
        let own = seen.filter(|one| one.id > mark && is_of_a_shadow(one));
        own.map(|one| format!("{} {}", one.method, one.target))
            .collect()
    }
}

pub(super) async fn compared(day: &mut Day<'_>) {
    let order = "woo-shop-0978";
    day.chapter(
        "Both APIs asked, and compared",
        "Before a shop moves its reads, the bridge can ask ePayment beside eCom, and compare what the shop got with what \
         it would get. The answer is eCom's, and nothing that happens to the comparison can touch it.",
    );
    let (clean, differing) = day.has_compared(0).await;
    let body = shop::new_order(order, 22_000, &day.callback_prefix());
    let call = Call::post("/ecomm/v2/payments").body(body);
    day.call_without_bridge(call).await;
    let mark = day.last_seen();
    let mut reads = clean + differing;
    for step in ["", "approve", "capture", "refund"] {
        match step {
            "approve" => day.approved_in_ecom(order),
            "capture" => drop(day.change(order, "capture", "1", Some(22_000)).await),
            "refund" => drop(day.change(order, "refund", "1", Some(2_000)).await),
            _ => {}
        }
        // With its unit: keys may serve several, and ePayment must know which one is meant.
        let call = Call::get(format!("/ecomm/v2/payments/{order}/details"));
        let (heard, _) = day.call(call.of_unit(shop::MSN)).await;
        day.check(heard.route == "ecom", "eCom answered the shop");
        reads += 1;
        day.has_compared(reads).await;
    }
    let shadows = day.shadows_since(mark);
    let line = format!("GET ... ({} reads, marked bridge-shadow: 1)", shadows.len());
    day.page.beside(Look::Upstream, "shadow", &line);
    let good = shadows.len() >= 8 && shadows.iter().all(|one| one.starts_with("GET "));
    day.check(good, "ePayment was asked beside it, and only for reads");
    day.report().await;
    let (compared, found) = day.found(reads).await;
    let good = compared >= clean + differing + 4 && found == [TEXT];
    day.check(good, "one field differs, and counts: the capture's text");
    day.page.text(
        "The shop captured through ePayment, which keeps no text, so eCom can't show it. The bridge can: it remembers. \
         Somebody who knows the shop's code says so, and it does not count any more.",
    );
    let line = format!("ecom-bridge shadow judge details {TEXT} old-wrong");
    day.page.beside(Look::Sent, "operator", &line);
    let body = json!({
        "operation": "details", "field": TEXT, "verdict": "old-wrong", "who": "ann",
        "why": "eCom does not know the text of a capture made through ePayment",
    });
    let judged = day.stage.eventually(async |bridge| {
        let body = Some(body.clone());
        bridge.post("/api/shadow/judge", body).await.ok()
    });
    let judged = judged.await.is_some();
    let (_, found) = day.found(reads).await;
    let good = judged && found.is_empty();
    day.check(
        good,
        "in each of its states both APIs say the same otherwise",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_the_columns_that_fit_and_the_next_is_its_own() {
        let text = "A  LONG  LAST\n1  22    333\n\nB  C\n4  5\n";
        let want = ["A  LONG", "1  22", "", "B  C", "4  5"];
        assert_eq!(whole_columns(text, 10), want);
        assert_eq!(whole_columns(text, 100).first().unwrap(), "A  LONG  LAST");
    }
}
