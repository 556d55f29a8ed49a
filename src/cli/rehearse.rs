//! `rehearse`: the fault list against an operator's own configuration, with the simulator as upstream and a toy shop.
//!
//! Everything runs in this process on 127.0.0.1; each row has a stage of its own, and some run at a time. Exit 0 where all
//! came as expected, 1 where something did not, 2 for a configuration with a problem. Must not: call a real upstream, touch
//! a real store, or show a secret.

mod harmless;
mod plan;
mod play;
mod raw;
mod rows;
mod stage;
mod told;
mod words;

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use futures_util::StreamExt;
use tokio::sync::Semaphore;

use self::plan::Plan;
use self::play::{Play, Stop};
use self::rows::{How, Row};
use self::stage::Stage;
use self::told::{Played, Verdict};
use super::Config;
use super::scene::page::Page;
use crate::lifecycle::Lifecycle;
use crate::types::Msn;

/// Rows at a time.
const AT_ONCE: usize = 16;
/// Stages that are set up at a time: that is work, and rows are mostly waiting.
const SET_UP_AT_ONCE: usize = 2;

/// The configuration can't be rehearsed.
const BAD_CONFIGURATION: u8 = 2;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Only these rows of the list, such as A1,C10
    #[arg(long, value_delimiter = ',', value_name = "ROWS")]
    only: Vec<String>,
    /// The sales unit whose rules are rehearsed; else the first configured one
    #[arg(long)]
    msn: Option<String>,
    /// Everything as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

pub(super) fn run(options: &Options) -> ExitCode {
    let bad = |why: &str| {
        eprintln!("error: {why}");
        ExitCode::from(BAD_CONFIGURATION)
    };
    let Ok(settings) = options.config.load() else {
        return ExitCode::from(BAD_CONFIGURATION);
    };
    let msn = match options.msn.as_deref().map(Msn::parse) {
        Some(None) => return bad("an MSN is 4 to 7 digits"),
        Some(some) => some,
        None => None,
    };
    let rows = match chosen(&options.only) {
        Ok(rows) => rows,
        Err(why) => return bad(&why),
    };
    let plan = match Plan::new(settings, options.config.files.clone(), msn) {
        Ok(plan) => plan,
        Err(why) => return bad(&why),
    };
    let runtime = match super::runtime(usize::MAX) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    match runtime.block_on(rehearse(&plan, &rows, options.json)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The rows that were asked for, in the order of the list.
fn chosen(only: &[String]) -> Result<Vec<Row>, String> {
    let all = rows::all();
    let wanted: Vec<String> = only.iter().map(|id| id.trim().to_uppercase()).collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|id| all.iter().all(|row| row.id != **id))
    {
        let unknown = super::running::plain(unknown);
        return Err(format!("there is no row {unknown}: they are A1 to F9"));
    }
    let is_wanted = |row: &Row| wanted.is_empty() || wanted.iter().any(|id| id == row.id);
    Ok(all.into_iter().filter(is_wanted).collect())
}

/// Plays the rows and tells of them. Whether all came as expected.
async fn rehearse(plan: &Plan, rows: &[Row], as_json: bool) -> Result<bool, String> {
    let mut signals =
        Lifecycle::signals().map_err(|e| format!("signals can't be taken over: {e}"))?;
    let began = Instant::now();
    let mut page = (!as_json).then(Page::stdout);
    if let Some(page) = &mut page {
        told::opening(page, plan);
    }
    let mut all = Vec::new();
    let places = Semaphore::new(SET_UP_AT_ONCE);
    let playing = futures_util::stream::iter(rows.iter().map(|row| play(plan, row, &places)));
    let mut playing = std::pin::pin!(playing.buffered(AT_ONCE));
    loop {
        let played = tokio::select! {
            played = playing.next() => played,
            name = signals.next() => return Err(format!("{name}: ended before all was played")),
        };
        let Some(played) = played else { break };
        if let Some(page) = &mut page {
            told::row(page, &played);
        }
        all.push(played);
    }
    let seconds = began.elapsed().as_secs();
    match &mut page {
        Some(page) => told::summary(page, plan, &all, seconds),
        None => println!("{:#}", told::json(plan, &all, seconds)),
    }
    Ok(told::is_good(&all))
}

/// One row, from its stage to its verdict.
async fn play(plan: &Plan, row: &Row, places: &Semaphore) -> Played {
    let mut played = Played {
        id: row.id,
        fault: row.fault,
        lines: Vec::new(),
        checks: Vec::new(),
        verdict: Verdict::AsExpected,
    };
    let (player, adjust) = match row.how {
        How::Played(player, adjust) => (player, adjust),
        How::NotHere(why) => {
            played.verdict = Verdict::NotPlayed(why.to_owned());
            return played;
        }
    };
    let place = places.acquire().await;
    let stage = Box::pin(Stage::set_up(plan, adjust)).await;
    drop(place);
    let stage = match stage {
        Ok(stage) => stage,
        Err(why) => {
            played.verdict = Verdict::Failed(why);
            return played;
        }
    };
    let mut at_work = Play::new(plan, stage, row.id);
    let ended = player(&mut at_work).await;
    at_work.sum_up();
    let Play {
        lines,
        checks,
        stage,
        ..
    } = at_work;
    Box::pin(stage.take_down()).await;
    let differs = checks.iter().any(|check| !check.holds);
    played.verdict = match ended {
        Err(Stop::Skipped(why)) => Verdict::NotPlayed(why),
        Err(Stop::Failed(why)) => Verdict::Failed(why),
        Ok(()) if differs => Verdict::Differs,
        Ok(()) => Verdict::AsExpected,
    };
    played.lines = lines;
    played.checks = checks;
    played
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_in_any_case_and_an_unknown_one_is_named() {
        let ids = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|id| (*id).to_owned()).collect();
            chosen(&only).map(|rows| rows.iter().map(|row| row.id).collect::<Vec<_>>())
        };
        assert_eq!(ids(&["c10", " A1"]).unwrap(), ["A1", "C10"]);
        assert!(ids(&["A1", "Z9"]).unwrap_err().contains("Z9"));
        assert!(ids(&[]).unwrap().len() > 70);
    }
}
