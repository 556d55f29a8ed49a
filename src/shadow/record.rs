//! Records calls and their answers, redacted, into a local file of limited size: what `shadow replay` runs over.
//!
//! A line is redacted before it waits to be written, and written only where redaction has not changed what it translates
//! to: a recording never shows a difference that redaction has made. Must not: delay a call, write anything personal, or
//! lose a line without counting it.

mod faithful;
mod file;
mod keys;
pub mod line;
mod taken;

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use self::file::{NotAdded, Tape};
use self::line::LONGEST_LINE;
use super::redact::Redactor;
use super::replay::outgoing::{self, Judge};
use super::replay::written;

pub use file::RecordError;
pub use taken::Taken;

/// So many lines wait to be written.
const WAITING: usize = 256;

/// Why a call was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropped {
    /// The file has its size.
    Full,
    /// Too many lines wait to be written.
    Queue,
    /// It is longer than a line may be.
    Long,
    /// Redaction would change what it translates to, or it can't be compared.
    Form,
    /// The disk refused it.
    Disk,
    /// The bridge ends.
    Closed,
}

impl Dropped {
    const ALL: [Self; 6] = [
        Self::Full,
        Self::Queue,
        Self::Long,
        Self::Form,
        Self::Disk,
        Self::Closed,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Queue => "queue",
            Self::Long => "long",
            Self::Form => "form",
            Self::Disk => "disk",
            Self::Closed => "closed",
        }
    }
}

/// What became of the calls that were offered for recording: each is written, dropped, or waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFigures {
    /// Lines in the file, of this session.
    pub written: u64,
    /// Calls that were not recorded, by reason: `full`, `queue`, `long`, `form`, `disk`, `closed`.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Bytes in the file, earlier sessions included.
    pub bytes: u64,
    /// Whether the file has its size, and no more is recorded.
    pub full: bool,
    /// Whether the disk has refused a line, and no more is recorded.
    pub failed: bool,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    dropped: [AtomicU64; Dropped::ALL.len()],
    bytes: AtomicU64,
    full: AtomicBool,
    failed: AtomicBool,
}

impl Counts {
    fn lose(&self, why: Dropped) {
        if let Some(count) = self.dropped.get(why as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Why no more is recorded.
    fn ended(&self) -> Option<Dropped> {
        if self.full.load(Ordering::Relaxed) {
            Some(Dropped::Full)
        } else if self.failed.load(Ordering::Relaxed) {
            Some(Dropped::Disk)
        } else {
            None
        }
    }
}

enum Message {
    Line(Vec<u8>),
    End(oneshot::Sender<()>),
}

/// Records into one file. Ends with [`Self::close`], or when it is dropped.
pub struct Recorder {
    queue: mpsc::Sender<Message>,
    counts: Arc<Counts>,
    redactor: Redactor,
    judge: Judge,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// Makes the file at `path`, or goes on with the recording there, up to `max` bytes in all. Lines are written by a
    /// thread of its own.
    ///
    /// # Errors
    /// Where the file can't be used, is something else, or is recorded into by another process.
    pub fn open(path: &Path, max: u64) -> Result<Self, RecordError> {
        Self::with_judge(path, max, outgoing::translated)
    }

    /// The same; `judge` translates changes, and must be the one of the replay.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn with_judge(path: &Path, max: u64, judge: Judge) -> Result<Self, RecordError> {
        let tape = Tape::open(path, max)?;
        let counts = Arc::new(Counts::default());
        counts.bytes.store(tape.len(), Ordering::Relaxed);
        let (queue, lines) = mpsc::channel(WAITING);
        let shared = Arc::clone(&counts);
        std::thread::Builder::new()
            .name("shadow-record".to_owned())
            .spawn(move || write(tape, lines, &shared))
            .map_err(|error| RecordError::Io(path.to_owned(), error))?;
        let mut key = [0; 32];
        let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()];
        key.iter_mut()
            .zip(random.concat())
            .for_each(|(to, from)| *to = from);
        Ok(Self {
            queue,
            counts,
            redactor: Redactor::new(key),
            judge,
        })
    }

    /// Records a call, or counts why not. Never waits; what it holds of the call afterwards is redacted.
    pub fn offer(&self, taken: &Taken<'_>) {
        if let Some(why) = self.counts.ended() {
            return self.counts.lose(why);
        }
        let place = match self.queue.try_reserve() {
            Ok(place) => place,
            Err(mpsc::error::TrySendError::Full(())) => return self.counts.lose(Dropped::Queue),
            Err(mpsc::error::TrySendError::Closed(())) => {
                return self.counts.lose(Dropped::Closed);
            }
        };
        match self.line(taken) {
            Ok(line) => place.send(Message::Line(line)),
            Err(why) => self.counts.lose(why),
        }
    }

    fn line(&self, taken: &Taken<'_>) -> Result<Vec<u8>, Dropped> {
        if taken.body.len().saturating_add(taken.answer.body.len()) > LONGEST_LINE {
            return Err(Dropped::Long);
        }
        let mut line = taken.redacted(&self.redactor);
        line.outgoing = (self.judge)(&line, &written(line.request.body.as_ref()));
        if !faithful::is(taken, &line, self.judge) {
            return Err(Dropped::Form);
        }
        let line = serde_json::to_vec(&line).map_err(|_| Dropped::Form)?;
        if line.len() > LONGEST_LINE {
            return Err(Dropped::Long);
        }
        Ok(line)
    }

    /// What became of the calls so far.
    #[must_use]
    pub fn figures(&self) -> RecordFigures {
        let counts = &self.counts;
        let of = |why: &Dropped| {
            counts
                .dropped
                .get(*why as usize)
                .map(|n| n.load(Ordering::Relaxed))
        };
        RecordFigures {
            written: counts.written.load(Ordering::Relaxed),
            dropped: Dropped::ALL
                .iter()
                .map(|why| (why.word(), of(why).unwrap_or_default()))
                .filter(|(_, count)| *count > 0)
                .collect(),
            bytes: counts.bytes.load(Ordering::Relaxed),
            full: counts.full.load(Ordering::Relaxed),
            failed: counts.failed.load(Ordering::Relaxed),
        }
    }

    /// Writes what waits, and ends. What is offered afterwards is dropped.
    pub async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Message::End(done)).await.is_ok() {
            // Gone without a word: it has ended.
            let _ended = wait.await;
        }
    }
}

/// Writes until the end is announced, or nobody is left to record.
fn write(mut tape: Tape, mut lines: mpsc::Receiver<Message>, counts: &Counts) {
    let mut done = None;
    while let Some(message) = lines.blocking_recv() {
        match message {
            Message::Line(line) => put(&mut tape, &line, counts),
            Message::End(sender) => {
                // What has a place already is still written.
                lines.close();
                done = Some(sender);
            }
        }
    }
    if let Err(error) = tape.sync() {
        tracing::warn!(error = %error, "the recording may not survive a power cut");
    }
    // The file is free before anybody is told.
    drop(tape);
    if let Some(done) = done {
        let _waiting = done.send(());
    }
}

fn put(tape: &mut Tape, line: &[u8], counts: &Counts) {
    if let Some(why) = counts.ended() {
        return counts.lose(why);
    }
    match tape.add(line) {
        Ok(()) => {
            counts.written.fetch_add(1, Ordering::Relaxed);
            counts.bytes.store(tape.len(), Ordering::Relaxed);
        }
        Err(NotAdded::Full) => {
            counts.full.store(true, Ordering::Relaxed);
            counts.lose(Dropped::Full);
            tracing::warn!(
                bytes = tape.len(),
                "the recording of shadowing has its size (shadow.record_max): no more is recorded"
            );
        }
        Err(NotAdded::Failed(error)) => {
            counts.failed.store(true, Ordering::Relaxed);
            counts.lose(Dropped::Disk);
            tracing::warn!(
                error = %error,
                "the recording of shadowing can't be written (shadow.record_file): no more is recorded"
            );
        }
    }
}
