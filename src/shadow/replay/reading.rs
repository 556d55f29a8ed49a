//! A recording line by line: what each line is, and whether a crash has cut it.
//!
//! Must not: let a line that can't be read take another one with it, or pass over one in silence.

use std::fmt;
use std::io::BufRead;

use super::super::record::line::{Header, Line};
use super::lines::{Lines, Read};

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

/// What a part of a recording is.
pub(super) enum Told {
    /// A session begins, recorded by this release.
    Begins(String),
    /// A call, on the line with this number.
    Call(u64, Box<Line>),
    /// The line with this number can't be read, for this reason.
    Unreadable(u64, &'static str),
    /// A crash cut the last line of a session.
    Cut,
}

/// Tells each part, in order.
///
/// # Errors
/// Where it can't be read as a whole.
pub(super) fn each(reader: impl BufRead, mut tell: impl FnMut(Told)) -> Result<(), ReplayError> {
    let mut lines = Lines::new(reader);
    let mut has_begun = false;
    // A line that ends in the middle, until the next one tells whether a crash cut it.
    let mut broken: Option<(u64, &'static str)> = None;
    while let Some((number, read)) = lines.read().map_err(ReplayError::Io)? {
        if let Some(header) = header(&read) {
            if !header.is_readable() {
                return Err(ReplayError::Version(number, header));
            }
            if broken.take().is_some() {
                tell(Told::Cut);
            }
            has_begun = true;
            tell(Told::Begins(header.bridge));
            continue;
        }
        if !has_begun {
            return Err(ReplayError::NoRecording);
        }
        if let Some((number, why)) = broken.take() {
            tell(Told::Unreadable(number, why));
        }
        match line(&read) {
            Ok(line) => tell(Told::Call(number, Box::new(line))),
            Err(why) => broken = Some((number, why)),
        }
    }
    if !has_begun {
        return Err(ReplayError::NoRecording);
    }
    match broken {
        Some(_) if lines.ended_in_a_line() => tell(Told::Cut),
        Some((number, why)) => tell(Told::Unreadable(number, why)),
        None => {}
    }
    Ok(())
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
