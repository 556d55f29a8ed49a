//! Runs today's translation over a recording, offline: the regression test that a merchant makes from its own traffic.
//!
//! Of a read, the recorded look at ePayment is translated again and held against the answer that the merchant got; of a
//! change, the request to ePayment is made again and held against the one that was made when it was recorded. Must not:
//! ask anybody, change the recording, or pass over in silence what it can't compare.

pub(super) mod again;
mod differ;
mod lines;
pub mod outgoing;
mod report;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::BufRead;

use serde_json::Value;

use self::lines::{Lines, Read};
use self::outgoing::Judge;
use super::compare::{Compared, IgnoreRule};
use super::record::line::{Header, Line};
use crate::ecom::route::Operation;
use crate::types::Moment;

pub(super) use differ::read as read_again;
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

/// Why a file can't be replayed.
#[derive(Debug)]
pub enum ReplayError {
    /// It can't be read.
    Io(std::io::Error),
    /// It does not begin with the header of a recording.
    NoRecording,
    /// A header in it, at this line, is of another version.
    Version(u64, Header),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the recording can't be read: {error}"),
            Self::NoRecording => f.write_str(
                "this is no recording: it must begin with the header that the bridge writes (shadow.record_file)",
            ),
            Self::Version(line, header) => write!(
                f,
                "line {line} begins a recording of another version, made by release {}: replay it with that release, or \
                 record anew",
                header.bridge.chars().filter(char::is_ascii_graphic).take(20).collect::<String>()
            ),
        }
    }
}

impl std::error::Error for ReplayError {}

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
    let mut lines = Lines::new(reader);
    // A line that ends in the middle, until the next one tells whether a crash cut it.
    let mut broken: Option<(u64, &'static str)> = None;
    while let Some((number, read)) = lines.read().map_err(ReplayError::Io)? {
        if let Some(header) = header(&read) {
            if !header.is_readable() {
                return Err(ReplayError::Version(number, header));
            }
            report.cut += u64::from(broken.take().is_some());
            report.begins(header.bridge);
            continue;
        }
        if !report.has_begun() {
            return Err(ReplayError::NoRecording);
        }
        if let Some((number, why)) = broken.take() {
            report.unreadable(number, why);
        }
        match line(&read) {
            Ok(line) => {
                if options.operation.is_none_or(|only| only == line.operation) {
                    report.take(number, line.operation, once(&line, options));
                }
            }
            Err(why) => broken = Some((number, why)),
        }
    }
    if !report.has_begun() {
        return Err(ReplayError::NoRecording);
    }
    if let Some((number, why)) = broken {
        if lines.ended_in_a_line() {
            report.cut += 1;
        } else {
            report.unreadable(number, why);
        }
    }
    report.sort();
    Ok(report)
}

fn header(read: &Read<'_>) -> Option<Header> {
    match read {
        Read::Whole(bytes) => Header::read(bytes),
        Read::TooLong => None,
    }
}

fn line(read: &Read<'_>) -> Result<Line, &'static str> {
    let Read::Whole(bytes) = read else {
        return Err("too long");
    };
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            "JSON, but no call that this release knows"
        } else {
            "no JSON"
        }
    })
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
