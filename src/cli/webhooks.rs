//! `webhooks`: the registrations at Vipps of the running bridge: list, register, delete.
//!
//! Must not: call Vipps itself (the bridge has the credentials), or show a secret.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;

use super::Config;
use super::running::{self, Running, Trouble, minute, plain, table};
use crate::types::Msn;

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// List the sales units with their registrations, and what is not in order
    List(Config),
    /// Look at a sales unit's registration now, and make it where it is missing
    Register {
        /// The sales unit
        msn: String,
        #[command(flatten)]
        config: Config,
    },
    /// Delete a registration at Vipps
    Delete {
        /// The sales unit
        msn: String,
        /// The registration, as `list` shows it
        id: String,
        #[command(flatten)]
        config: Config,
    },
}

#[derive(Debug, Deserialize)]
struct Answer {
    webhooks: Vec<Webhook>,
    registrations: Vec<State>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    msn: String,
    id: String,
    url: String,
    made_at: String,
    retired_at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    msn: String,
    good_at: Option<String>,
    next_at: String,
    failures: u32,
    why: Option<String>,
}

pub(super) fn run(options: &Options) -> ExitCode {
    match &options.work {
        Work::List(config) => running::with(config, async |bridge| {
            let answer = ask(bridge).await?;
            if answer.registrations.is_empty() && answer.webhooks.is_empty() {
                eprintln!(
                    "there are none: a sales unit is registered once it is configured or has made a call, where \
                     webhooks.public_url is set and webhooks.register is \"auto\""
                );
            }
            Ok(listed(&answer))
        }),
        Work::Register { msn, config } => {
            running::with(config, async |bridge| register(bridge, msn).await)
        }
        Work::Delete { msn, id, config } => {
            running::with(config, async |bridge| delete(bridge, msn, id).await)
        }
    }
}

async fn ask(bridge: &Running) -> Result<Answer, Trouble> {
    let answer = bridge.get("/api/webhooks", &[]).await?;
    serde_json::from_value(answer)
        .map_err(|_| Trouble::new("the bridge's answer can't be read: is it of this release?"))
}

/// Two tables: how the units stand, and what is registered for them.
fn listed(answer: &Answer) -> String {
    let mut text = String::new();
    if !answer.registrations.is_empty() {
        let rows: Vec<_> = answer.registrations.iter().map(state_row).collect();
        let headings = [
            "MSN",
            "STATE",
            "LAST GOOD (UTC)",
            "NEXT LOOK (UTC)",
            "FAILURES",
        ];
        text.push_str(&table(&headings, &rows));
        for state in &answer.registrations {
            if let (true, Some(why)) = (state.failures > 0, &state.why) {
                text.push_str(&format!("{}: {}\n", state.msn, plain(why)));
            }
        }
    }
    if !answer.webhooks.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        let rows: Vec<_> = answer.webhooks.iter().map(hook_row).collect();
        text.push_str(&table(&["MSN", "ID", "MADE (UTC)", "IS"], &rows));
        let mut urls: Vec<_> = answer.webhooks.iter().map(|hook| &hook.url).collect();
        urls.sort();
        urls.dedup();
        for url in urls {
            text.push_str(&format!("at {}\n", plain(url)));
        }
    }
    text
}

fn state_row(state: &State) -> Vec<String> {
    let word = match (state.failures, &state.good_at) {
        (0, Some(_)) => "in order",
        (0, None) => "not yet",
        _ => "failing",
    };
    vec![
        state.msn.clone(),
        word.to_owned(),
        state
            .good_at
            .as_deref()
            .map_or_else(|| "-".to_owned(), minute),
        minute(&state.next_at),
        state.failures.to_string(),
    ]
}

fn hook_row(hook: &Webhook) -> Vec<String> {
    let word = match hook.retired_at {
        Some(_) => "replaced",
        None => "in use",
    };
    vec![
        hook.msn.clone(),
        plain(&hook.id),
        minute(&hook.made_at),
        word.to_owned(),
    ]
}

fn unit(msn: &str) -> Result<Msn, Trouble> {
    Msn::parse(msn).ok_or_else(|| Trouble::new(format!("{}: an MSN is 4 to 7 digits", plain(msn))))
}

async fn register(bridge: &Running, msn: &str) -> Result<String, Trouble> {
    let msn = unit(msn)?;
    bridge
        .post(&format!("/api/webhooks/{msn}/register"), None)
        .await
        .map_err(|trouble| {
            let trouble = trouble.advice(
                409,
                "Set webhooks.public_url and webhooks.register = \"auto\", and start the bridge again",
            );
            if trouble.told.starts_with("no credentials") {
                let advice = "Let the shop make one call through the bridge, or configure the unit's client_id, \
                              client_secret and subscription_key";
                return trouble.advice(502, advice);
            }
            trouble.advice(502, "It is tried again by itself; `ecom-bridge webhooks list` shows when")
        })?;
    let mut answer = ask(bridge).await?;
    let is_made = answer
        .webhooks
        .iter()
        .any(|hook| hook.msn == msn.as_str() && hook.retired_at.is_none());
    if !is_made {
        return Err(Trouble::new(
            "it is not registered yet: another look is under way. `ecom-bridge webhooks list` shows how it went",
        ));
    }
    answer.webhooks.retain(|hook| hook.msn == msn.as_str());
    answer
        .registrations
        .retain(|state| state.msn == msn.as_str());
    Ok(listed(&answer))
}

async fn delete(bridge: &Running, msn: &str, id: &str) -> Result<String, Trouble> {
    let msn = unit(msn)?;
    let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_id {
        return Err(Trouble::new(format!(
            "{} is no id of a registration: `ecom-bridge webhooks list` shows them",
            plain(id)
        )));
    }
    bridge
        .delete(&format!("/api/webhooks/{msn}/{id}"))
        .await
        .map_err(|trouble| {
            trouble.advice(
                502,
                "`ecom-bridge webhooks list` shows what the bridge has registered",
            )
        })?;
    Ok(format!(
        "{id} of {msn} is deleted.\n\
         With webhooks.register = \"auto\" a new one is made within a day.\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_fit_a_terminal() {
        let answer: Answer = serde_json::from_value(serde_json::json!({
            "webhooks": [{"msn": "123456", "id": "3b6f2c1e-7f0a-4d0c-9c9e-0a1b2c3d4e5f",
                "url": "https://bridge.example.com/webhooks/123456", "madeAt": "2026-11-24T14:18:15.742Z",
                "retiredAt": null}],
            "registrations": [{"msn": "123456", "goodAt": "2026-11-24T14:18:15.742Z",
                "nextAt": "2026-11-25T14:18:15.742Z", "failures": 0, "why": null},
                {"msn": "234567", "goodAt": null, "nextAt": "2026-11-24T14:18:30.000Z", "failures": 2,
                "why": "the Webhooks API answered 403"}],
        }))
        .unwrap();
        let text = listed(&answer);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(text.contains("123456  in order") && text.contains("234567  failing"));
        assert!(text.contains("234567: the Webhooks API answered 403\n"));
        assert!(text.ends_with("in use\nat https://bridge.example.com/webhooks/123456\n"));
    }
}
