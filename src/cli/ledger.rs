//! `ledger`: the money ledger of the running bridge: one payment's story, and the proof of all sums and keys.
//!
//! Must not: open the store itself (the bridge has it), or call proven what the bridge has not verified.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::Value;

use super::Config;
use super::running::{self, Running, Trouble, plain, second};
use crate::types::{Msn, OrderText};

/// Violations that are printed; the rest is counted.
const SHOWN: usize = 200;

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// Tell one payment's story in order
    Show(Show),
    /// Prove the sums and keys of all payments; exit code 1 where something does not fit
    Verify(Verify),
}

#[derive(Args, Debug)]
struct Show {
    /// The order id, as the shop wrote it
    order: String,
    /// Only of this sales unit
    #[arg(long)]
    msn: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

#[derive(Args, Debug)]
struct Verify {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

pub(super) fn run(options: &Options) -> ExitCode {
    match &options.work {
        Work::Show(show) => running::with(&show.config, async |bridge| show.print(bridge).await),
        Work::Verify(verify) => {
            let mut sound = true;
            let code = running::with(&verify.config, async |bridge| {
                let proof = Proof::of(bridge).await?;
                sound = proof.is_sound();
                verify.print(&proof)
            });
            if sound { code } else { ExitCode::FAILURE }
        }
    }
}

fn not_understood() -> Trouble {
    Trouble::new("the bridge's answer can't be read: is it of this release?")
}

/// A payment's story as the bridge tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Story {
    msn: Option<String>,
    order_id: String,
    origin: String,
    state: String,
    standing: String,
    why: Option<String>,
    trouble: Option<String>,
    money_calls: u64,
    proven_calls: u64,
    foreign: u64,
    checked_at: Option<String>,
    next_look_at: Option<String>,
    mismatches: Vec<Found>,
    story: Vec<Line>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Found {
    kind: String,
    about: String,
    #[serde(default)]
    msn: Option<String>,
    #[serde(default)]
    order_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    at: String,
    text: String,
    request_id: Option<String>,
    idempotency_key: Option<String>,
    transaction_id: Option<String>,
}

impl Show {
    async fn print(&self, bridge: &Running) -> Result<String, Trouble> {
        if OrderText::parse(&self.order).is_none() {
            return Err(Trouble::new("an order id is 1 to 50 characters"));
        }
        let mut query = Vec::new();
        if let Some(msn) = &self.msn {
            Msn::parse(msn).ok_or_else(|| Trouble::new("--msn: an MSN is 4 to 7 digits"))?;
            query.push(("msn", msn.clone()));
        }
        let path = format!("/api/ledger/{}", segment(&self.order));
        let mut answer = bridge.get(&path, &query).await?;
        if self.json {
            let text = serde_json::to_string_pretty(&answer).map_err(|_| not_understood())?;
            return Ok(format!("{text}\n"));
        }
        let stories = answer.get_mut("payments").map(Value::take);
        let stories: Vec<Story> = stories
            .and_then(|stories| serde_json::from_value(stories).ok())
            .ok_or_else(not_understood)?;
        let told: Vec<String> = stories.iter().map(Story::told).collect();
        Ok(told.join("\n"))
    }
}

/// A text as one segment of a path.
fn segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

impl Story {
    fn told(&self) -> String {
        let msn = self.msn.as_deref().unwrap_or("not known");
        let mut text = format!(
            "order {}, sales unit {msn}, created in {}, now {}\n\n",
            plain(&self.order_id),
            self.origin,
            self.state
        );
        for line in &self.story {
            text.push_str(&line.told());
        }
        text.push('\n');
        text.push_str(&self.verdict());
        text
    }

    fn verdict(&self) -> String {
        let (calls, proven) = (self.money_calls, self.proven_calls);
        let mut text = match self.standing.as_str() {
            "proven" => format!("PROVEN: {proven} of {calls} money calls, sums and keys agree"),
            "mismatch" => format!("MISMATCH: {proven} of {calls} money calls are proven"),
            _ => {
                let why = self.trouble.as_deref().or(self.why.as_deref());
                let why = plain(why.unwrap_or("nobody has looked"));
                format!("NOT VERIFIED ({why}): {proven} of {calls} money calls are proven")
            }
        };
        if self.foreign > 0 {
            text.push_str(&format!(
                "; {} by another system of the merchant",
                self.foreign
            ));
        }
        text.push('\n');
        for found in &self.mismatches {
            text.push_str(&format!("  {}: {}\n", found.kind, plain(&found.about)));
        }
        if let Some(at) = &self.checked_at {
            text.push_str(&format!("last read   {}\n", second(at)));
        }
        if let Some(at) = &self.next_look_at {
            text.push_str(&format!("next look   {}\n", second(at)));
        }
        text
    }
}

impl Line {
    fn told(&self) -> String {
        let mut text = format!("{}  {}\n", second(&self.at), plain(&self.text));
        let names = [
            ("X-Request-Id", &self.request_id),
            ("key", &self.idempotency_key),
            ("number", &self.transaction_id),
        ];
        let named: Vec<String> = names
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", plain(value.as_deref()?))))
            .collect();
        if !named.is_empty() {
            text.push_str(&format!("{:25}{}\n", "", named.join(", ")));
        }
        text
    }
}

/// One page of the proof, as the bridge tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    payments: u64,
    proven: u64,
    mismatched: u64,
    not_verified: BTreeMap<String, u64>,
    money_calls: u64,
    seen_in_log: u64,
    absent_from_log: u64,
    calls_not_verified: u64,
    keys: u64,
    foreign: u64,
    violations: Vec<Found>,
    next: Option<i64>,
    counts_agree: Option<bool>,
}

/// The proof of all payments.
#[derive(Debug)]
struct Proof {
    sum: Page,
}

impl Proof {
    async fn of(bridge: &Running) -> Result<Self, Trouble> {
        let first = vec![("recount", "true".to_owned())];
        let mut sum = page(bridge, &first).await?;
        while let Some(after) = sum.next.take() {
            let more = page(bridge, &[("after", after.to_string())]).await?;
            sum.add(more);
        }
        Ok(Self { sum })
    }

    fn is_sound(&self) -> bool {
        self.sum.violations.is_empty() && self.sum.counts_agree != Some(false)
    }
}

async fn page(bridge: &Running, query: &[(&'static str, String)]) -> Result<Page, Trouble> {
    let answer = bridge.get("/api/ledger/verify", query).await?;
    serde_json::from_value(answer).map_err(|_| not_understood())
}

impl Page {
    fn add(&mut self, more: Self) {
        self.payments += more.payments;
        self.proven += more.proven;
        self.mismatched += more.mismatched;
        for (why, count) in more.not_verified {
            *self.not_verified.entry(why).or_default() += count;
        }
        self.money_calls += more.money_calls;
        self.seen_in_log += more.seen_in_log;
        self.absent_from_log += more.absent_from_log;
        self.calls_not_verified += more.calls_not_verified;
        self.keys += more.keys;
        self.foreign += more.foreign;
        self.violations.extend(more.violations);
        self.next = more.next;
    }
}

impl Verify {
    fn print(&self, proof: &Proof) -> Result<String, Trouble> {
        let sum = &proof.sum;
        if self.json {
            let told = serde_json::json!({
                "sound": proof.is_sound(), "payments": sum.payments, "proven": sum.proven,
                "mismatched": sum.mismatched, "notVerified": sum.not_verified,
                "moneyCalls": sum.money_calls, "seenInLog": sum.seen_in_log,
                "absentFromLog": sum.absent_from_log, "callsNotVerified": sum.calls_not_verified,
                "keys": sum.keys, "foreign": sum.foreign, "countsAgree": sum.counts_agree,
                "violations": sum.violations.iter().map(|one| serde_json::json!({
                    "msn": one.msn, "orderId": one.order_id, "kind": one.kind, "about": one.about,
                })).collect::<Vec<_>>(),
            });
            let text = serde_json::to_string_pretty(&told).map_err(|_| not_understood())?;
            return Ok(format!("{text}\n"));
        }
        Ok(summary(proof))
    }
}

fn summary(proof: &Proof) -> String {
    let sum = &proof.sum;
    let mut text = String::new();
    for one in sum.violations.iter().take(SHOWN) {
        text.push_str(&format!(
            "VIOLATION  {}  {}  {}: {}\n",
            one.msn.as_deref().unwrap_or("-"),
            plain(one.order_id.as_deref().unwrap_or("-")),
            one.kind,
            plain(&one.about)
        ));
    }
    if sum.violations.len() > SHOWN {
        text.push_str(&format!("... and {} more\n", sum.violations.len() - SHOWN));
    }
    if sum.counts_agree == Some(false) {
        text.push_str("VIOLATION  the kept counts of open payments are not those of a full scan\n");
    }
    let unverified: u64 = sum.not_verified.values().sum();
    let mut line = |name: &str, count: u64, rest: &str| {
        let row = format!("{name:<14}{count:>10}  {rest}");
        text.push_str(row.trim_end());
        text.push('\n');
    };
    line("payments", sum.payments, "");
    line(
        "  proven",
        sum.proven,
        "sums and keys agree with the event log",
    );
    line("  mismatched", sum.mismatched, "");
    line("  not verified", unverified, "");
    for (why, count) in &sum.not_verified {
        line("", *count, &plain(why));
    }
    line("money calls", sum.money_calls, "");
    line("  proven", sum.seen_in_log, "the event log has them");
    line(
        "  refused",
        sum.absent_from_log,
        "the event log does not have them",
    );
    line("  not verified", sum.calls_not_verified, "");
    line(
        "keys",
        sum.keys,
        "each for one request only, but for the violations",
    );
    line("foreign", sum.foreign, "by other systems of the merchant");
    text.push_str(match (proof.is_sound(), unverified) {
        (false, _) => "NOT SOUND\n",
        (true, 0) => "SOUND\n",
        (true, _) => "SOUND, as far as it could be verified\n",
    });
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(violations: Value) -> Page {
        serde_json::from_value(json!({
            "payments": 3, "proven": 1, "mismatched": 1, "notVerified": {"no credentials": 1}, "moneyCalls": 4,
            "seenInLog": 2, "absentFromLog": 1, "callsNotVerified": 1, "keys": 4, "foreign": 1,
            "violations": violations, "next": 7, "countsAgree": true,
        }))
        .unwrap()
    }

    #[test]
    fn pages_add_up_and_one_violation_is_enough() {
        let mut sum = page(json!([]));
        sum.add(page(json!([])));
        assert_eq!((sum.payments, sum.not_verified["no credentials"]), (6, 2));
        let proof = Proof { sum };
        assert!(proof.is_sound());
        assert!(summary(&proof).ends_with("SOUND, as far as it could be verified\n"));
        let found = json!([{"msn": "123456", "orderId": "o\u{7}1", "kind": "captured_twice", "about": "x"}]);
        let proof = Proof { sum: page(found) };
        assert!(!proof.is_sound());
        let text = summary(&proof);
        assert!(
            text.starts_with("VIOLATION  123456  o?1  captured_twice: x\n"),
            "{text}"
        );
        assert!(text.ends_with("NOT SOUND\n"));
        let mut sum = page(json!([]));
        sum.counts_agree = Some(false);
        assert!(!Proof { sum }.is_sound());
    }

    #[test]
    fn an_order_is_one_segment() {
        assert_eq!(segment("order-1_A"), "order-1_A");
        assert_eq!(segment("a/b ?æ"), "a%2Fb%20%3F%C3%A6");
    }
}
