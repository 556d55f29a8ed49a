//! `readiness`: may the next toggle be moved, and may the bridge go, as the running bridge judges it.
//!
//! Exit code 0 where the answer is go for all that were asked about, else 1. Must not: judge by itself.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::Config;
use super::running::{self, Trouble, plain};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Only this sales unit; left out: all that are configured or were seen
    #[arg(long)]
    msn: Option<String>,
    /// May the bridge be removed, and which requests must the shop's own code make instead
    #[arg(long)]
    remove: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

pub(super) fn run(options: &Options) -> ExitCode {
    running::with_code(&options.config, async |bridge| {
        let path = if options.remove {
            "/api/readiness/remove"
        } else {
            "/api/readiness"
        };
        let query: Vec<(&str, String)> =
            options.msn.iter().map(|msn| ("msn", msn.clone())).collect();
        let answer = bridge.get(path, &query).await?;
        let text = if options.json {
            let text = serde_json::to_string_pretty(&answer);
            format!("{}\n", text.map_err(|_| not_understood())?)
        } else {
            told(&answer, options.remove)?
        };
        Ok((text, answer["verdict"] == "go"))
    })
}

fn not_understood() -> Trouble {
    Trouble::new("the bridge's answer can't be understood. Is it of this release?")
}

fn text(value: &Value) -> String {
    plain(value.as_str().unwrap_or_default())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn told(answer: &Value, remove: bool) -> Result<String, Trouble> {
    let merchants = answer["merchants"].as_array().ok_or_else(not_understood)?;
    if merchants.is_empty() {
        return Ok(
            "No sales unit is configured or was seen: there is nothing to judge.\n".to_owned(),
        );
    }
    let mut told = String::new();
    for (at, merchant) in merchants.iter().enumerate() {
        if at > 0 {
            told.push('\n');
        }
        if remove {
            removal(merchant, &mut told);
        } else {
            report(merchant, &mut told);
        }
    }
    Ok(told)
}

fn reasons(of: &Value, told: &mut String) {
    for reason in list(&of["reasons"]) {
        let weighs = text(&reason["weighs"]);
        told.push_str(&format!("    {weighs:<12}  {}\n", text(&reason["told"])));
    }
}

fn order(merchant: &Value, told: &mut String) {
    let order = &merchant["order"];
    told.push_str(&format!("  {}\n", text(&order["told"])));
    told.push_str(&format!("  {}\n", text(&order["withoutTheBridge"])));
}

fn report(merchant: &Value, told: &mut String) {
    let msn = text(&merchant["msn"]);
    let next = &merchant["next"];
    if next.is_null() {
        told.push_str(&format!(
            "{msn}: everything has moved; see `readiness --remove` for the end of the bridge\n"
        ));
    } else {
        told.push_str(&format!(
            "{msn}: {}  {} from {} to {}\n",
            text(&next["verdict"]).to_uppercase(),
            text(&next["operation"]),
            text(&next["from"]),
            text(&next["to"])
        ));
        reasons(next, told);
    }
    order(merchant, told);
    if let Some(since) = merchant["silent"]["since"].as_str() {
        let expected = &merchant["silent"]["expectedCalls"];
        let after = if merchant["silent"]["afterToggle"] == true {
            "; one of its toggles was moved shortly before"
        } else {
            ""
        };
        told.push_str(&format!(
            "  SILENT since {}: about {expected} calls should have come since then{after}\n",
            plain(since)
        ));
    }
    let next_word = text(&next["operation"]);
    for step in list(&merchant["steps"]).filter(|step| text(&step["operation"]) != next_word) {
        let (from, to) = (text(&step["from"]), text(&step["to"]));
        let way = if from == to {
            format!("is at {from}")
        } else {
            format!("from {from} to {to}")
        };
        told.push_str(&format!(
            "  {:<12}  {:<8}  {way}\n",
            text(&step["verdict"]),
            text(&step["operation"])
        ));
    }
}

fn removal(merchant: &Value, told: &mut String) {
    told.push_str(&format!(
        "{}: {}  the removal of the bridge\n",
        text(&merchant["msn"]),
        text(&merchant["verdict"]).to_uppercase()
    ));
    reasons(merchant, told);
    order(merchant, told);
    let requests: Vec<&Value> = list(&merchant["requests"]).collect();
    if requests.is_empty() {
        return;
    }
    told.push_str("  Requests that its own code must make (values are made up):\n");
    for request in requests {
        told.push_str(&format!(
            "\n  instead of {} ({} seen)\n  {} {}\n",
            text(&request["insteadOf"]),
            request["seen"],
            text(&request["method"]),
            text(&request["path"])
        ));
        for (name, value) in request["headers"].as_object().into_iter().flatten() {
            told.push_str(&format!("  {name}: {}\n", text(value)));
        }
        if !request["body"].is_null() {
            let body = serde_json::to_string_pretty(&request["body"]).unwrap_or_default();
            told.push('\n');
            for line in body.lines() {
                told.push_str(&format!("  {line}\n"));
            }
        }
        for note in list(&request["notes"]) {
            told.push_str(&format!("  - {}\n", text(note)));
        }
    }
}
