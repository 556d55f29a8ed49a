//! Runs today's translation over a recording, offline: the regression test that a merchant makes from its own traffic.
//!
//! Of a read, the recorded look at ePayment is translated again and held against the answer that the merchant got; of a
//! change, the request to ePayment is made again and held against the one that was made when it was recorded. Must not:
//! ask anybody, change the recording, or pass over in silence what it can't compare.

pub(super) mod again;
mod differ;
mod lines;
pub mod outgoing;
mod reading;
mod report;

#[cfg(test)]
mod tests;

use std::io::BufRead;

use serde_json::Value;

use self::outgoing::Judge;
use self::reading::Told;
use super::compare::{Compared, IgnoreRule};
use super::record::line::Line;
use crate::ecom::route::Operation;
use crate::types::Moment;

pub(super) use differ::read as read_again;
pub use reading::ReplayError;
pub use report::{Field, Report, Sample, Tally, Unreadable, Verdict};

/// What is replayed, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Only of this operation; none: all.
    pub operation: Option<Operation>,
    /// What the operator does not want to hear of.
    pub ignore: &'a [IgnoreRule],
    /// Now: decides which of them have expired.
    pub now: Moment,
    /// Translates changes.
    pub judge: Judge,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            operation: None,
            ignore: &[],
            now: Moment::default(),
            judge: outgoing::translated,
        }
    }
}

/// What came of one line.
pub(super) enum Replayed {
    /// It was compared.
    Compared(Compared),
    /// There is nothing to compare, for this reason.
    Skipped(&'static str),
    /// It could not be compared, for this reason.
    Failed(&'static str),
}

/// Replays a recording.
///
/// # Errors
/// Where it can't be read as a whole; single lines that can't be read are in the report.
pub fn replay(reader: impl BufRead, options: &Options<'_>) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    reading::each(reader, |told| match told {
        Told::Begins(release) => report.begins(release),
        Told::Call(number, line) => {
            if options.operation.is_none_or(|only| only == line.operation) {
                report.take(number, line.operation, once(&line, options));
            }
        }
        Told::Unreadable(number, why) => report.unreadable(number, why),
        Told::Cut => report.cut += 1,
    })?;
    report.sort();
    Ok(report)
}

/// Replays one line.
fn once(line: &Line, options: &Options<'_>) -> Replayed {
    match line.operation {
        Operation::Details | Operation::Status => {
            let body = written(line.answer.body.as_ref());
            read_again(line, &body, options)
        }
        _ => match (&line.outgoing, judged(line, options.judge)) {
            (Some(then), Some(now)) => differ::change(line.operation, then, &now, options),
            (None, _) => Replayed::Skipped("not translated then"),
            (_, None) => Replayed::Skipped("not translated now"),
        },
    }
}

fn judged(line: &Line, judge: Judge) -> Option<super::record::line::Outgoing> {
    judge(line, &written(line.request.body.as_ref()))
}

/// The bytes of a recorded body; empty where there is none.
pub(super) fn written(body: Option<&Value>) -> Vec<u8> {
    body.map_or_else(Vec::new, |body| body.to_string().into_bytes())
}
