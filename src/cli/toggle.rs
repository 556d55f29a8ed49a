//! `toggle` and `kill-switch`: the levers of the running bridge.
//!
//! Must not: move a lever without a reason.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Config;
use super::running::{self, Running, Trouble, minute, plain, second, table};
use crate::routing::{Lever, Toggle};

/// Whose word and reason stand in the list of changes.
#[derive(Args, Debug)]
pub(super) struct Because {
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT", alias = "reason")]
    why: Option<String>,
    /// Who you are; the name of the machine's user where it is left out
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Options {
    /// What to move where, such as initiate=25% or capture=ecom; left out: list what is in force
    #[arg(value_name = "KEY=VALUE", conflicts_with = "undo")]
    setting: Option<String>,
    /// Only for this sales unit; left out: for all
    #[arg(long, conflicts_with = "undo")]
    msn: Option<String>,
    /// End by itself after this time, such as 2h
    #[arg(long = "for", value_name = "TIME", conflicts_with = "undo")]
    time: Option<String>,
    /// End the override of this number
    #[arg(long, value_name = "ID")]
    undo: Option<i64>,
    /// As JSON (of the list)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    config: Config,
}

#[derive(Args, Debug)]
pub(super) struct KillOptions {
    /// on: all new initiates and all changes of payments born in eCom go to eCom
    #[arg(value_enum)]
    state: State,
    /// Only for this sales unit; left out: for all
    #[arg(long)]
    msn: Option<String>,
    /// Turn off by itself after this time, such as 2h
    #[arg(long = "for", value_name = "TIME")]
    time: Option<String>,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    config: Config,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    On,
    Off,
}

/// An override as the bridge tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Override {
    id: i64,
    key: String,
    value: String,
    msn: Option<String>,
    who: String,
    why: String,
    made_at: String,
    until: Option<String>,
}

pub(super) fn run(options: &Options) -> ExitCode {
    running::with(&options.config, async |bridge| {
        match (&options.setting, options.undo) {
            (Some(setting), _) => options.set(bridge, setting).await,
            (None, Some(id)) => options.undo(bridge, id).await,
            (None, None) => options.list(bridge).await,
        }
    })
}

pub(super) fn kill(options: &KillOptions) -> ExitCode {
    running::with(&options.config, async |bridge| {
        let (who, why) = options.because.told()?;
        let on = options.state == State::On;
        let mut body = json!({"on": on, "msn": options.msn, "who": who, "why": why});
        if let Some(time) = &options.time {
            if !on {
                return Err(Trouble::new("--for belongs to on: off has no end"));
            }
            body["for"] = json!(time);
        }
        let answer = bridge.post("/api/kill-switch", Some(body)).await?;
        let made = read(if on { &answer } else { &answer["ended"] })?;
        Ok(if on {
            format!(
                "the kill switch is on for {}{}: new initiates and all changes\nof payments born in eCom go to eCom; \
                 payments born in ePayment stay there\nturn it off with: ecom-bridge kill-switch off{} --why TEXT\n",
                whom(&made),
                end(&made),
                made.msn
                    .as_ref()
                    .map(|msn| format!(" --msn {msn}"))
                    .unwrap_or_default(),
            )
        } else {
            format!("the kill switch is off for {}\n", whom(&made))
        })
    })
}

impl Because {
    /// Who and why, both said.
    pub(super) fn told(&self) -> Result<(String, &str), Trouble> {
        let why = self.why.as_deref().ok_or_else(|| {
            Trouble::new("say why with --why TEXT: it stands in the list of changes")
        })?;
        self.told_or(why)
    }

    /// Who, and why in these words where nothing was said.
    pub(super) fn told_or<'a>(&'a self, why: &'a str) -> Result<(String, &'a str), Trouble> {
        let why = self.why.as_deref().unwrap_or(why);
        let who = self
            .by
            .clone()
            .or_else(running::user)
            .filter(|who| !who.trim().is_empty());
        let who = who.ok_or_else(|| Trouble::new("say who you are with --by WHO"))?;
        Ok((who, why))
    }
}

impl Options {
    async fn set(&self, bridge: &Running, setting: &str) -> Result<String, Trouble> {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| Trouble::new("write KEY=VALUE, such as initiate=25% or capture=ecom"))?;
        // Said here, so that a slip does not need a running bridge to be found.
        let known = Lever::parse(key).filter(|lever| *lever != Lever::KillSwitch);
        let lever = known.ok_or_else(|| {
            Trouble::new(format!(
                "there is no toggle {}: it is initiate, capture, cancel, refund, details or status",
                plain(key)
            ))
        })?;
        let toggle = Toggle::parse(value).ok_or_else(|| {
            Trouble::new("a value is epayment, ecom or, for initiate, a percentage such as 25%")
        })?;
        if !lever.takes(toggle) {
            return Err(Trouble::new("only initiate can have a percentage"));
        }
        let (who, why) = self.because.told()?;
        let body = json!({
            "key": lever.word(), "value": toggle.to_string(), "msn": self.msn, "who": who, "why": why, "for": self.time,
        });
        let made = read(&bridge.post("/api/toggles", Some(body)).await?)?;
        Ok(format!(
            "{} is {} for {}{}\nundo it with: ecom-bridge toggle --undo {} --why TEXT\n",
            made.key,
            made.value,
            whom(&made),
            end(&made),
            made.id
        ))
    }

    async fn undo(&self, bridge: &Running, id: i64) -> Result<String, Trouble> {
        let (who, why) = self.because.told()?;
        let body = json!({"who": who, "why": why});
        let answer = bridge
            .delete_with(&format!("/api/toggles/{id}"), body)
            .await?;
        let ended = read(&answer["ended"])?;
        Ok(format!(
            "{} is no longer {} for {}\n",
            ended.key,
            ended.value,
            whom(&ended)
        ))
    }

    async fn list(&self, bridge: &Running) -> Result<String, Trouble> {
        let answer = bridge.get("/api/toggles", &[]).await?;
        if self.json {
            let text = serde_json::to_string_pretty(&answer).map_err(|_| not_understood())?;
            return Ok(format!("{text}\n"));
        }
        let mut text = String::from("In force for all:\n");
        text.push_str(&in_force(&answer["toggles"]));
        for merchant in answer["merchants"].as_array().into_iter().flatten() {
            let msn = plain(merchant["msn"].as_str().unwrap_or_default());
            text.push_str(&format!("\nIn force for {msn}:\n"));
            text.push_str(&in_force(&merchant["toggles"]));
        }
        let overrides: Vec<Override> =
            serde_json::from_value(answer["overrides"].clone()).map_err(|_| not_understood())?;
        if overrides.is_empty() {
            text.push_str("\nNothing is overridden.\n");
            return Ok(text);
        }
        text.push_str("\nOverrides:\n");
        let rows: Vec<Vec<String>> = overrides
            .iter()
            .map(|one| {
                vec![
                    one.id.to_string(),
                    one.key.clone(),
                    one.value.clone(),
                    one.msn.clone().unwrap_or_else(|| "all".to_owned()),
                    minute(&one.made_at),
                    one.until.as_deref().map_or_else(|| "-".to_owned(), minute),
                    plain(&one.who),
                    plain(&one.why),
                ]
            })
            .collect();
        let headings = ["ID", "KEY", "VALUE", "MSN", "SINCE", "UNTIL", "WHO", "WHY"];
        text.push_str(&table(&headings, &rows));
        Ok(text)
    }
}

fn in_force(toggles: &Value) -> String {
    let rows: Vec<Vec<String>> = toggles
        .as_array()
        .into_iter()
        .flatten()
        .map(|toggle| {
            let text = |key: &str| plain(toggle[key].as_str().unwrap_or_default());
            let automatic = toggle["automaticPercent"].as_u64();
            vec![
                text("operation"),
                text("toggle"),
                match automatic {
                    Some(percent) => format!("{}, held at {percent}%", text("decidedBy")),
                    None => text("decidedBy"),
                },
            ]
        })
        .collect();
    table(&["OPERATION", "GOES TO", "DECIDED BY"], &rows)
}

fn read(answer: &Value) -> Result<Override, Trouble> {
    serde_json::from_value(answer.clone()).map_err(|_| not_understood())
}

fn not_understood() -> Trouble {
    Trouble::new("the bridge's answer can't be understood. Is it of this release?")
}

fn whom(one: &Override) -> String {
    one.msn
        .as_ref()
        .map_or_else(|| "all".to_owned(), |msn| format!("sales unit {msn}"))
}

fn end(one: &Override) -> String {
    one.until
        .as_deref()
        .map(|until| format!(" until {}", second(until)))
        .unwrap_or_default()
}
