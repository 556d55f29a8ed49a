//! `shadow report`: tables for people, or the bridge's own JSON.
//!
//! Exit code 0 whatever was found; `readiness` is what judges. Must not: let "nothing compared" look like "no difference".

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::super::Config;
use super::super::running::{self, Running, Trouble, minute, plain, table};
use super::{not_understood, operation};
use crate::ecom::route::Operation;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Only of this operation
    #[arg(long, value_name = "OPERATION")]
    operation: Option<String>,
    /// Show noise, and what was judged away, too
    #[arg(long)]
    all: bool,
    /// As JSON; it has everything, samples too
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

pub(super) fn run(options: &Options) -> ExitCode {
    running::with(&options.config, async |bridge| {
        let of = options.operation.as_deref().map(operation).transpose()?;
        let answer = asked(bridge, of).await?;
        if options.json {
            let text = serde_json::to_string_pretty(&answer).map_err(|_| not_understood())?;
            return Ok(format!("{text}\n"));
        }
        told(&answer, options.all)
    })
}

/// The report of a running bridge, of one operation or of all.
pub(in crate::cli) async fn asked(
    bridge: &Running,
    of: Option<Operation>,
) -> Result<Value, Trouble> {
    let query: Vec<(&str, String)> = of
        .iter()
        .map(|of| ("operation", of.word().to_owned()))
        .collect();
    bridge.get("/api/shadow", &query).await
}

/// It, for people.
pub(in crate::cli) fn told(report: &Value, all: bool) -> Result<String, Trouble> {
    let report = Report::deserialize(report).map_err(|_| not_understood())?;
    Ok(report.told(all))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    mode: String,
    silent: bool,
    overflowed: u64,
    accounts: Vec<Account>,
    fields: Vec<Field>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    operation: String,
    way: String,
    since: Option<String>,
    offered: u64,
    in_flight: u64,
    compared: u64,
    clean: u64,
    differing: u64,
    counting: u64,
    filtered: BTreeMap<String, u64>,
    dropped: BTreeMap<String, u64>,
    failed: BTreeMap<String, u64>,
    evicted: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    operation: String,
    way: String,
    field: String,
    kind: String,
    differing: u64,
    compared: u64,
    noise: u64,
    noise_pairs: u64,
    signal: String,
    counts: bool,
    first_at: String,
    last_at: String,
    samples: Vec<Sample>,
    judgement: Option<Said>,
}

#[derive(Debug, Deserialize)]
struct Sample {
    control: String,
    candidate: String,
}

#[derive(Debug, Deserialize)]
struct Said {
    verdict: String,
    who: String,
    why: String,
}

fn sum(counts: &BTreeMap<String, u64>) -> u64 {
    counts.values().fold(0, |sum, one| sum.saturating_add(*one))
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        "-".to_owned()
    } else {
        // Whole tenths of a percent, rounded up: what was seen is never 0.
        let tenths = (u128::from(part) * 1000).div_ceil(u128::from(whole));
        format!("{}.{} %", tenths / 10, tenths % 10)
    }
}

impl Report {
    fn told(&self, all: bool) -> String {
        let mut told = self.state();
        if !self.accounts.is_empty() {
            told.push('\n');
            told.push_str(&self.balance());
        }
        let shown: Vec<&Field> = self.fields.iter().filter(|one| all || one.counts).collect();
        if !shown.is_empty() {
            told.push('\n');
            told.push_str(&fields(&shown));
        }
        let hidden = self.fields.len() - shown.len();
        if hidden > 0 {
            told.push_str(&format!(
                "\n{hidden} more are noise, ignored or judged away: --all shows them\n"
            ));
        }
        told
    }

    fn state(&self) -> String {
        let compared = self
            .accounts
            .iter()
            .fold(0_u64, |sum, one| sum.saturating_add(one.compared));
        let mode = plain(&self.mode);
        let mut told = match (mode.as_str(), compared) {
            ("off", 0) => "Shadowing is off (shadow.mode), and nothing was ever compared: this proves nothing.\n".to_owned(),
            ("off", _) => "Shadowing is off now (shadow.mode); this was found before.\n".to_owned(),
            (_, 0) => format!(
                "Shadowing is on (shadow.mode = \"{mode}\"), but NOTHING WAS COMPARED: this proves nothing.\n"
            ),
            _ => {
                let counting = self.fields.iter().filter(|one| one.counts).count();
                let gone = self.accounts.iter().any(|one| one.counting > 0);
                let found = match (counting, gone) {
                    (0, false) => "no difference that counts".to_owned(),
                    (0, true) => "differences whose fields are no longer known (reset to begin anew)".to_owned(),
                    (1, _) => "1 field differs and counts".to_owned(),
                    (many, _) => format!("{many} fields differ and count"),
                };
                format!("shadow.mode = \"{mode}\": {compared} comparisons, {found}\n")
            }
        };
        if self.silent && compared > 0 {
            told.push_str(
                "NOTHING IS COMPARED NOW, although calls are offered: look at the reasons below.\n",
            );
        }
        let evicted = self
            .accounts
            .iter()
            .fold(0_u64, |sum, one| sum.saturating_add(one.evicted));
        if evicted > 0 || self.overflowed > 0 {
            told.push_str(&format!(
                "There was no room for everything: {evicted} rows of fields and {} findings are gone, and count.\n",
                self.overflowed
            ));
        }
        told
    }

    fn balance(&self) -> String {
        let row = |one: &Account| {
            vec![
                plain(&one.operation),
                plain(&one.way),
                one.offered.to_string(),
                one.clean.to_string(),
                one.differing.to_string(),
                one.counting.to_string(),
                sum(&one.filtered).to_string(),
                sum(&one.dropped).to_string(),
                sum(&one.failed).to_string(),
                one.in_flight.to_string(),
                one.since.as_deref().map_or_else(|| "-".to_owned(), minute),
            ]
        };
        let rows: Vec<Vec<String>> = self.accounts.iter().map(row).collect();
        let headings = [
            "OPERATION",
            "WAY",
            "OFFERED",
            "CLEAN",
            "DIFFERING",
            "COUNTING",
            "FILTERED",
            "DROPPED",
            "FAILED",
            "IN FLIGHT",
            "SINCE",
        ];
        let mut told = table(&headings, &rows);
        let mut reasons = Vec::new();
        for one in &self.accounts {
            for (what, counts) in [
                ("filtered", &one.filtered),
                ("dropped", &one.dropped),
                ("failed", &one.failed),
            ] {
                for (reason, count) in counts {
                    let name = format!("{} {} {what}", plain(&one.operation), plain(&one.way));
                    reasons.push((*count, vec![name, plain(reason), count.to_string()]));
                }
            }
        }
        if !reasons.is_empty() {
            reasons.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
            let rows: Vec<Vec<String>> = reasons.into_iter().map(|(_, row)| row).collect();
            told.push('\n');
            told.push_str(&table(&["NOT COMPARED", "REASON", "CALLS"], &rows));
        }
        told
    }
}

fn fields(shown: &[&Field]) -> String {
    let row = |one: &&Field| {
        let verdict = one
            .judgement
            .as_ref()
            .map_or("-", |said| said.verdict.as_str());
        let newest = one.samples.last();
        vec![
            plain(&one.operation),
            plain(&one.way),
            plain(&one.field),
            plain(&one.kind),
            one.differing.to_string(),
            share(one.differing, one.compared),
            if one.noise_pairs == 0 {
                "?".to_owned()
            } else {
                share(one.noise, one.noise_pairs)
            },
            plain(&one.signal),
            plain(verdict),
            minute(&one.first_at),
            minute(&one.last_at),
            newest.map_or_else(
                || "-".to_owned(),
                |one| format!("{} | {}", plain(&one.control), plain(&one.candidate)),
            ),
        ]
    };
    let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
    let headings = [
        "OPERATION",
        "WAY",
        "FIELD",
        "KIND",
        "DIFFERS",
        "OF ALL",
        "NOISE",
        "SIGNAL",
        "JUDGED",
        "FIRST",
        "LAST",
        "NEWEST: MERCHANT GOT | OTHER API",
    ];
    let mut told = table(&headings, &rows);
    for one in shown {
        if let Some(said) = &one.judgement {
            told.push_str(&format!(
                "{} {}: {} by {}: {}\n",
                plain(&one.operation),
                plain(&one.field),
                plain(&said.verdict),
                plain(&said.who),
                plain(&said.why)
            ));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details() -> Account {
        Account {
            operation: "details".to_owned(),
            way: "read".to_owned(),
            since: Some("2026-11-24T14:18:15.742Z".to_owned()),
            offered: 20,
            in_flight: 1,
            compared: 10,
            clean: 8,
            differing: 2,
            counting: 2,
            filtered: BTreeMap::from([("sample".to_owned(), 5)]),
            failed: BTreeMap::from([("timeout".to_owned(), 4)]),
            ..Account::default()
        }
    }

    fn field(name: &str, counts: bool) -> Field {
        Field {
            operation: "details".to_owned(),
            way: "read".to_owned(),
            field: name.to_owned(),
            kind: "value".to_owned(),
            differing: 2,
            compared: 10,
            signal: if counts { "signal" } else { "noise" }.to_owned(),
            counts,
            first_at: "2026-11-24T14:18:15.742Z".to_owned(),
            last_at: "2026-11-24T14:19:15.742Z".to_owned(),
            samples: vec![Sample {
                control: "1".to_owned(),
                candidate: "\u{1b}2".to_owned(),
            }],
            ..Field::default()
        }
    }

    #[test]
    fn what_was_not_compared_is_not_called_clean() {
        let of = |mode: &str, accounts| Report {
            mode: mode.to_owned(),
            accounts,
            ..Report::default()
        };
        let off = of("off", Vec::new()).told(false);
        assert!(
            off.contains("off") && off.contains("proves nothing"),
            "{off}"
        );
        let on = Account {
            compared: 0,
            ..details()
        };
        let on = of("read", vec![on]).told(false);
        assert!(
            on.contains("NOTHING WAS COMPARED") && on.contains("timeout"),
            "{on}"
        );
        let clean = Account {
            counting: 0,
            ..details()
        };
        let clean = of("read", vec![clean]).told(false);
        assert!(
            clean
                .starts_with("shadow.mode = \"read\": 10 comparisons, no difference that counts\n"),
            "{clean}"
        );
        let mut silent = of("read", vec![details()]);
        silent.silent = true;
        assert!(silent.told(false).contains("NOTHING IS COMPARED NOW"));
    }

    #[test]
    fn noise_and_what_is_judged_away_are_shown_when_asked_for() {
        let report = Report {
            mode: "read".to_owned(),
            accounts: vec![details()],
            fields: vec![field("/a", true), field("/b", false)],
            ..Report::default()
        };
        insta::assert_snapshot!(report.told(false), @r#"
        shadow.mode = "read": 10 comparisons, 1 field differs and counts

        OPERATION  WAY   OFFERED  CLEAN  DIFFERING  COUNTING  FILTERED  DROPPED  FAILED  IN FLIGHT  SINCE
        details    read  20       8      2          2         5         0        4       1          2026-11-24 14:18

        NOT COMPARED           REASON   CALLS
        details read filtered  sample   5
        details read failed    timeout  4

        OPERATION  WAY   FIELD  KIND   DIFFERS  OF ALL  NOISE  SIGNAL  JUDGED  FIRST             LAST              NEWEST: MERCHANT GOT | OTHER API
        details    read  /a     value  2        20.0 %  ?      signal  -       2026-11-24 14:18  2026-11-24 14:19  1 | ?2

        1 more are noise, ignored or judged away: --all shows them
        "#);
        let all = report.told(true);
        assert!(all.contains("/b") && !all.contains("--all"), "{all}");
    }

    #[test]
    fn a_share_that_was_seen_is_never_nothing() {
        assert_eq!(share(1, 1_000_000), "0.1 %");
        assert_eq!(share(0, 5), "0.0 %");
        assert_eq!(share(3, 3), "100.0 %");
        assert_eq!(share(1, 0), "-");
    }
}
