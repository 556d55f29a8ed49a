//! `callbacks`: the outbox of the running bridge: list, show, replay and drop.
//!
//! Must not: open the store itself (the bridge has it).

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Config;
use super::running::{self, Running, Trouble, minute, plain, second, table, user};
use crate::types::{Msn, OrderText};

/// The bridge gives no more at a time.
const PAGE: usize = 1_000;

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// List callbacks, newest first
    List(List),
    /// Show one
    Show {
        /// Its number, as `list` shows it
        id: i64,
        #[command(flatten)]
        config: Config,
    },
    /// Queue a dead one again, with a fresh schedule
    Replay(Replaying),
    /// Give one up for good: the shop will not hear of it
    Drop(Dropping),
}

#[derive(Args, Debug)]
struct List {
    /// Only those in this state
    #[arg(long, value_parser = ["capture", "pending", "delivered", "dead", "dropped"])]
    state: Option<String>,
    /// Only those of this sales unit
    #[arg(long)]
    msn: Option<String>,
    /// Only those of this order
    #[arg(long)]
    order: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

#[derive(Args, Debug)]
struct Replaying {
    /// Its number, as `list` shows it
    id: i64,
    /// Why, for whoever looks at the list of changes; may be left out
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Who you are; the name of the machine's user where it is left out
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    #[command(flatten)]
    config: Config,
}

#[derive(Args, Debug)]
struct Dropping {
    /// Its number, as `list` shows it
    id: i64,
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Who you are; the name of the machine's user where it is left out
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    #[command(flatten)]
    config: Config,
}

/// A callback as the bridge tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Callback {
    id: i64,
    msn: String,
    order_id: String,
    status: String,
    state: String,
    attempts: u32,
    queued_at: String,
    due_at: String,
    ended_at: Option<String>,
    note: Option<String>,
    host: String,
}

pub(super) fn run(options: &Options) -> ExitCode {
    match &options.work {
        Work::List(list) => running::with(&list.config, async |bridge| list.print(bridge).await),
        Work::Show { id, config } => running::with(config, async |bridge| show(bridge, *id).await),
        Work::Replay(replaying) => running::with(&replaying.config, async |bridge| {
            replaying.send(bridge).await
        }),
        Work::Drop(dropping) => {
            running::with(&dropping.config, async |bridge| dropping.send(bridge).await)
        }
    }
}

impl List {
    /// What the bridge is asked, page by page.
    fn query(&self) -> Result<Vec<(&'static str, String)>, Trouble> {
        let mut query = Vec::new();
        if let Some(state) = &self.state {
            query.push(("state", state.clone()));
        }
        if let Some(msn) = &self.msn {
            Msn::parse(msn).ok_or_else(|| Trouble::new("--msn: an MSN is 4 to 7 digits"))?;
            query.push(("msn", msn.clone()));
        }
        if let Some(order) = &self.order {
            OrderText::parse(order)
                .ok_or_else(|| Trouble::new("--order: an order id is 1 to 50 characters"))?;
            query.push(("order", order.clone()));
        }
        Ok(query)
    }

    async fn print(&self, bridge: &Running) -> Result<String, Trouble> {
        let found = found(bridge, &self.query()?, self.limit).await?;
        if self.json {
            let text = serde_json::to_string_pretty(&found).map_err(|_| not_understood())?;
            return Ok(format!("{text}\n"));
        }
        if found.is_empty() {
            eprintln!("there are no such callbacks");
        }
        as_table(found)
    }
}

/// The table of what a query finds; empty where that is nothing.
pub(super) async fn listed(
    bridge: &Running,
    query: &[(&'static str, String)],
) -> Result<String, Trouble> {
    as_table(found(bridge, query, PAGE).await?)
}

/// What a query finds, page by page.
async fn found(
    bridge: &Running,
    query: &[(&'static str, String)],
    limit: usize,
) -> Result<Vec<Value>, Trouble> {
    let mut found: Vec<Value> = Vec::new();
    while found.len() < limit {
        let wanted = (limit - found.len()).min(PAGE);
        let mut page = query.to_vec();
        page.push(("limit", wanted.to_string()));
        if let Some(last) = found.last().and_then(|last| last.get("id")) {
            page.push(("before", last.to_string()));
        }
        let mut answer = bridge.get("/api/callbacks", &page).await?;
        let Some(Value::Array(more)) = answer.get_mut("callbacks").map(Value::take) else {
            return Err(not_understood());
        };
        let is_last = more.len() < wanted;
        found.extend(more);
        if is_last {
            break;
        }
    }
    Ok(found)
}

fn as_table(found: Vec<Value>) -> Result<String, Trouble> {
    if found.is_empty() {
        return Ok(String::new());
    }
    let rows: Result<Vec<_>, _> = found.into_iter().map(|one| read(one).map(row)).collect();
    let headings = [
        "ID",
        "STATE",
        "TELLS",
        "TRIES",
        "MSN",
        "QUEUED (UTC)",
        "ORDER",
    ];
    Ok(table(&headings, &rows?))
}

fn not_understood() -> Trouble {
    Trouble::new("the bridge's answer can't be read: is it of this release?")
}

fn read(one: Value) -> Result<Callback, Trouble> {
    serde_json::from_value(one).map_err(|_| not_understood())
}

fn row(one: Callback) -> Vec<String> {
    vec![
        one.id.to_string(),
        one.state,
        one.status,
        one.attempts.to_string(),
        one.msn,
        minute(&one.queued_at),
        plain(&one.order_id),
    ]
}

async fn show(bridge: &Running, id: i64) -> Result<String, Trouble> {
    let answer = bridge.get(&format!("/api/callbacks/{id}"), &[]).await;
    let one = read(answer.map_err(|trouble| trouble.advice(404, SEE_LIST))?)?;
    Ok(shown(&one))
}

const SEE_LIST: &str = "`ecom-bridge callbacks list` shows those there are";

fn shown(one: &Callback) -> String {
    let mut lines = vec![
        ("callback", one.id.to_string()),
        ("order", plain(&one.order_id)),
        ("sales unit", one.msn.clone()),
        ("tells", one.status.clone()),
        ("state", one.state.clone()),
        ("tries", one.attempts.to_string()),
        ("queued", second(&one.queued_at)),
    ];
    match &one.ended_at {
        Some(at) => lines.push(("ended", second(at))),
        None => lines.push(("next try", second(&one.due_at))),
    }
    lines.push(("host", plain(&one.host)));
    if let Some(note) = &one.note {
        lines.push(("note", plain(note)));
    }
    let id = one.id;
    match one.state.as_str() {
        "dead" => lines.extend([
            ("again", format!("ecom-bridge callbacks replay {id}")),
            (
                "never",
                format!("ecom-bridge callbacks drop {id} --why TEXT"),
            ),
        ]),
        "capture" => lines.push(("means", "waits for its direct capture".to_owned())),
        _ => {}
    }
    let line = |(name, value): (&str, String)| format!("{name:<12}{value}\n");
    lines.into_iter().map(line).collect()
}

impl Replaying {
    /// What is sent: nothing where neither is told, for nothing is lost by a replay.
    fn because(&self) -> Result<Option<Value>, Trouble> {
        let said = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
        if said(&self.why) || said(&self.by) {
            return Err(Trouble::new("--why and --by must say something"));
        }
        if self.why.is_none() && self.by.is_none() {
            return Ok(None);
        }
        let not_told = || "not told".to_owned();
        let who = self.by.clone().or_else(user).unwrap_or_else(not_told);
        let why = self.why.clone().unwrap_or_else(not_told);
        Ok(Some(json!({"who": who, "why": why})))
    }

    async fn send(&self, bridge: &Running) -> Result<String, Trouble> {
        let id = self.id;
        bridge
            .post(&format!("/api/callbacks/{id}/replay"), self.because()?)
            .await
            .map_err(|trouble| {
                trouble.advice(404, SEE_LIST).advice(
                    409,
                    &format!("`ecom-bridge callbacks show {id}` tells where it stands"),
                )
            })?;
        Ok(format!(
            "callback {id} is queued again. How it went: ecom-bridge callbacks show {id}\n"
        ))
    }
}

impl Dropping {
    async fn send(&self, bridge: &Running) -> Result<String, Trouble> {
        let who = match &self.by {
            Some(by) => by.clone(),
            None => user().ok_or_else(|| Trouble::new("say who you are: --by WHO"))?,
        };
        if who.trim().is_empty() || self.why.trim().is_empty() {
            return Err(Trouble::new("--why and --by must say something"));
        }
        let id = self.id;
        bridge
            .post(
                &format!("/api/callbacks/{id}/drop"),
                Some(json!({"who": who, "why": self.why})),
            )
            .await
            .map_err(|trouble| {
                trouble.advice(404, SEE_LIST).advice(
                    409,
                    &format!("`ecom-bridge callbacks show {id}` tells where it stands"),
                )
            })?;
        Ok(format!(
            "callback {id} is dropped: the shop will not hear of it.\n"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(state: &str) -> Callback {
        read(json!({
            "id": 12, "msn": "123456", "orderId": "woo-shop-1001", "status": "RESERVED", "state": state,
            "attempts": 13, "queuedAt": "2026-11-24T14:18:15.742Z", "dueAt": "2026-11-24T14:20:00.000Z",
            "endedAt": null, "note": "answered 500\u{7}", "host": "shop.example",
        }))
        .unwrap()
    }

    #[test]
    fn a_row_is_short_enough_for_a_terminal() {
        let text = table(
            &[
                "ID",
                "STATE",
                "TELLS",
                "TRIES",
                "MSN",
                "QUEUED (UTC)",
                "ORDER",
            ],
            &[row(one("delivered"))],
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(text.ends_with("2026-11-24 14:18  woo-shop-1001\n"));
    }

    #[test]
    fn a_dead_one_says_what_can_be_done() {
        let text = shown(&one("dead"));
        assert!(text.contains("again       ecom-bridge callbacks replay 12\n"));
        assert!(text.contains("answered 500?") && text.contains("next try"));
        assert!(!shown(&one("delivered")).contains("replay"));
    }

    #[test]
    fn a_replay_tells_who_and_why_where_they_are_said() {
        let because = |why: Option<&str>, by: Option<&str>| {
            let replaying = Replaying {
                id: 12,
                why: why.map(str::to_owned),
                by: by.map(str::to_owned),
                config: Config::default(),
            };
            replaying.because()
        };
        assert_eq!(because(None, None).unwrap(), None);
        assert_eq!(
            because(Some("repaired"), Some("ann")).unwrap(),
            Some(json!({"who": "ann", "why": "repaired"}))
        );
        let only_who = because(None, Some("ann")).unwrap().unwrap();
        assert_eq!(only_who["why"], "not told");
        assert!(because(Some(" "), None).is_err());
    }

    #[test]
    fn a_filter_that_can_not_be_is_not_sent() {
        let list = |msn: &str| List {
            state: None,
            msn: Some(msn.to_owned()),
            order: None,
            limit: 1,
            json: false,
            config: Config::default(),
        };
        assert!(list("12").query().is_err());
        assert_eq!(
            list("123456").query().unwrap(),
            [("msn", "123456".to_owned())]
        );
    }
}
