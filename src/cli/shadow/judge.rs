//! `shadow judge` and `shadow reset`.
//!
//! Must not: change anything without a reason.

use std::process::ExitCode;

use clap::{ArgGroup, Args, ValueEnum};
use serde_json::json;

use super::super::Config;
use super::super::running::{self, Trouble, plain};
use super::super::toggle::Because;
use super::{not_understood, operation};
use crate::store::Way;
use crate::types::FieldPath;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// initiate, capture, cancel, refund, details, status or approve
    #[arg(value_name = "OPERATION")]
    operation: String,
    /// The field, as the report shows it, such as /transactionInfo/amount
    #[arg(value_name = "FIELD")]
    field: String,
    /// What it is: only old-wrong and accepted are not counted any more; none withdraws what was said
    #[arg(value_enum)]
    verdict: Said,
    /// Only in this way: dry, read or write; left out: in every way in which it differs
    #[arg(long)]
    way: Option<String>,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    config: Config,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Said {
    /// The bridge is wrong: it goes on to count
    NewWrong,
    /// eCom was wrong, and the new answer is better
    OldWrong,
    /// It may differ
    Accepted,
    /// Withdraw what was said
    None,
}

impl Said {
    const fn word(self) -> &'static str {
        match self {
            Self::NewWrong => "new-wrong",
            Self::OldWrong => "old-wrong",
            Self::Accepted => "accepted",
            Self::None => "none",
        }
    }
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["operation", "all"])))]
pub(super) struct Reset {
    /// Of this operation
    #[arg(long, value_name = "OPERATION")]
    operation: Option<String>,
    /// Of all operations
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    config: Config,
}

pub(super) fn run(options: &Options) -> ExitCode {
    running::with(&options.config, async |bridge| {
        let of = operation(&options.operation)?;
        if FieldPath::parse(&options.field).is_none() {
            return Err(Trouble::new(
                "a field is a path as the report shows it, such as /transactionInfo/amount",
            ));
        }
        if let Some(way) = &options.way {
            Way::parse(way).ok_or_else(|| Trouble::new("--way is dry, read or write"))?;
        }
        let (who, why) = options.because.told()?;
        let body = json!({
            "operation": of.word(), "way": options.way, "field": options.field, "verdict": options.verdict.word(),
            "who": who, "why": why,
        });
        let answer = bridge.post("/api/shadow/judge", Some(body)).await?;
        let about = answer["judged"].as_u64().ok_or_else(not_understood)?;
        let kinds = if about == 1 {
            "1 kind of difference".to_owned()
        } else {
            format!("{about} kinds of difference")
        };
        let said = match options.verdict {
            Said::None => "not judged any more",
            other => other.word(),
        };
        Ok(format!(
            "{} of {}: {said} ({kinds})\n",
            plain(&options.field),
            of.word()
        ))
    })
}

pub(super) fn reset(options: &Reset) -> ExitCode {
    running::with(&options.config, async |bridge| {
        let of = options.operation.as_deref().map(operation).transpose()?;
        let (who, why) = options.because.told()?;
        let word = of.map(|of| of.word());
        let body = json!({"operation": word, "who": who, "why": why});
        let answer = bridge.post("/api/shadow/reset", Some(body)).await?;
        let forgotten = answer["forgotten"].as_u64().ok_or_else(not_understood)?;
        let whom = word.unwrap_or("all operations");
        Ok(format!(
            "a new count of {whom} begins; {forgotten} calls were counted before, and judgements stay\n"
        ))
    })
}
