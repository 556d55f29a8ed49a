//! The lines of a recording, one at a time, none longer than may be.
//!
//! Must not: hold more than one line.

use std::io::{self, BufRead, Read as _};

use super::super::record::line::LONGEST_LINE;

/// A line that was read, without its end.
pub(super) enum Read<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It was passed over.
    TooLong,
}

/// Reads line by line; empty lines are passed over.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
    /// Whether the last line had no end.
    open: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            number: 0,
            open: false,
        }
    }

    /// Whether the file ended without the end of a line, as a crash leaves it.
    pub(super) const fn ended_in_a_line(&self) -> bool {
        self.open
    }

    /// The next line with its number, from 1.
    pub(super) fn read(&mut self) -> io::Result<Option<(u64, Read<'_>)>> {
        loop {
            self.buffer.clear();
            let most = LONGEST_LINE as u64 + 1;
            let read = (&mut self.reader)
                .take(most)
                .read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.open = self.buffer.last() != Some(&b'\n');
            if self.open && self.buffer.len() > LONGEST_LINE {
                self.open = !self.pass_over()?;
                return Ok(Some((self.number, Read::TooLong)));
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some((self.number, Read::Whole(self.buffer.trim_ascii()))))
    }

    /// Whether the rest of the line has an end.
    fn pass_over(&mut self) -> io::Result<bool> {
        loop {
            let there = self.reader.fill_buf()?;
            if there.is_empty() {
                return Ok(false);
            }
            let end = there.iter().position(|byte| *byte == b'\n');
            let passed = end.map_or(there.len(), |at| at + 1);
            self.reader.consume(passed);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}
