//! Shadowing: what was compared, what differs, and what people say of it.
//!
//! Must not: show an order id, or let "nothing was compared" look like "nothing differs".

use askama::Template;
use axum::response::{IntoResponse, Response};

use super::super::forms::Told;
use super::super::problem::Problem;
use super::super::shadow::{judging, operation};
use super::form::Sent;
use super::frame::{Frame, Look};
use super::page;
use super::views::When;
use crate::shadow::report::{Account, Field, Report};
use crate::types::Moment;

/// More fields are not shown; the command and the API list all.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "shadow.html")]
struct Shadow {
    frame: Frame,
    mode: String,
    /// The state in a tone, a word and a sentence.
    state: (&'static str, &'static str, &'static str),
    accounts: Vec<AccountRow>,
    fields: Vec<FieldRow>,
    /// Fields that are not shown.
    more: usize,
    overflowed: u64,
    operations: Vec<&'static str>,
}

struct AccountRow {
    account: Account,
    since: Option<When>,
    filtered: String,
    dropped: String,
    failed: String,
}

struct FieldRow {
    field: Field,
    tone: &'static str,
    word: &'static str,
    noise: String,
    first: Option<When>,
    last: Option<When>,
    samples: Vec<(Option<When>, String, String)>,
}

fn when(text: &str) -> Option<When> {
    Moment::parse(text).map(When::of)
}

/// A sum and its reasons.
fn reasons(counts: &std::collections::BTreeMap<String, u64>) -> String {
    let sum = counts
        .values()
        .fold(0_u64, |sum, one| sum.saturating_add(*one));
    let told: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{word} {count}"))
        .collect();
    if told.is_empty() {
        "0".to_owned()
    } else {
        format!("{sum} ({})", told.join(", "))
    }
}

fn account(account: Account) -> AccountRow {
    AccountRow {
        since: account.since.as_deref().and_then(when),
        filtered: reasons(&account.filtered),
        dropped: reasons(&account.dropped),
        failed: reasons(&account.failed),
        account,
    }
}

fn field(field: Field) -> FieldRow {
    let said = field.judgement.as_ref().map(|said| said.verdict);
    let (tone, word) = match (said, field.signal) {
        (Some("accepted"), _) => ("good", "accepted"),
        (Some("old-wrong"), _) => ("good", "eCom was wrong"),
        (Some("new-wrong"), _) => ("bad", "the bridge is wrong"),
        (_, "noise") if field.differing == 0 => ("plain", "ignored or noise"),
        (_, "noise") => ("plain", "noise"),
        (_, "too-few") => ("warn", "too few to tell, counts"),
        _ => ("bad", "differs"),
    };
    FieldRow {
        tone,
        word,
        noise: match field.noise_pairs {
            0 => "not measured".to_owned(),
            pairs => format!("{} of {pairs}", field.noise),
        },
        first: when(&field.first_at),
        last: when(&field.last_at),
        samples: field
            .samples
            .iter()
            .map(|one| (when(&one.at), one.control.clone(), one.candidate.clone()))
            .collect(),
        field,
    }
}

fn state(report: &Report) -> (&'static str, &'static str, &'static str) {
    if report.mode == "off" {
        let told = if report.compared() {
            "Nothing is compared now. What is shown was found before."
        } else {
            "Nothing is compared, so there are no differences to show, and that nothing is shown here proves nothing."
        };
        ("plain", "off", told)
    } else if report.silent || !report.compared() {
        let told = "Nothing shown here proves anything. The reasons stand in the table; see the page on shadowing.";
        ("bad", "on, but nothing compared", told)
    } else if report.accounts.iter().any(|one| one.counting > 0) {
        (
            "warn",
            "differences",
            "Look at each field below and judge it: readiness waits for that.",
        )
    } else {
        (
            "good",
            "no difference that counts",
            "Of what was compared; the table says how much that is.",
        )
    }
}

fn view(frame: Frame, report: Report) -> Shadow {
    let state = state(&report);
    let mut operations: Vec<&'static str> =
        report.accounts.iter().map(|one| one.operation).collect();
    operations.dedup();
    Shadow {
        frame,
        state,
        more: report.fields.len().saturating_sub(SHOWN),
        overflowed: report.overflowed,
        mode: report.mode,
        accounts: report.accounts.into_iter().map(account).collect(),
        fields: report.fields.into_iter().take(SHOWN).map(field).collect(),
        operations,
    }
}

pub(super) async fn show(look: Look) -> Result<Response, Problem> {
    let report = look.pages.shadow.report(None).await?;
    Ok(page(&view(look.frame("Shadow", "/shadow"), report)))
}

pub(super) async fn judge(sent: Sent) -> Response {
    let work = async {
        let field = sent.text("field");
        let texts = [
            sent.text("operation"),
            sent.text("way"),
            field,
            sent.text("verdict"),
        ];
        let judging = judging(texts, sent.reason()?)?;
        let told = match judging.verdict {
            Some(verdict) => format!(
                "{field} of {} is judged: {}.",
                judging.operation.word(),
                verdict.word()
            ),
            None => format!(
                "The judgement of {field} of {} is withdrawn.",
                judging.operation.word()
            ),
        };
        sent.pages.shadow.judge(judging).await?;
        Ok(Told::done(told))
    };
    sent.once("/shadow", work).await.into_response()
}

pub(super) async fn reset(sent: Sent) -> Response {
    let work = async {
        let only = match sent.text("operation") {
            "all" => None,
            word => Some(operation(word)?),
        };
        let forgotten = sent.pages.shadow.reset(only, sent.reason()?).await?;
        Ok(Told::done(format!(
            "A new count begins; {forgotten} calls were counted before. Judgements stay."
        )))
    };
    sent.once("/shadow", work).await.into_response()
}
