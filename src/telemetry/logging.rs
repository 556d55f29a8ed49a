//! Log lines to standard output, through a bounded queue and a thread of its own.
//!
//! Where the target blocks, serving goes on: lines that find the queue full are dropped and counted. Must not: read
//! `RUST_LOG` or any other variable; the level is the configuration's.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// So many lines may wait.
const QUEUE_LINES: usize = 2048;

/// A longer line, in bytes, is dropped.
const LONGEST_LINE_BYTES: usize = 16 * 1024;

/// How long a stopping process waits for the lines that are still queued.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Libraries whose lines below a warning say nothing to an operator.
const NOISY: [&str; 8] = [
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "sqlx",
    "tower",
    "tower_http",
];

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// The least important lines written; what writes more is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Someone must act.
    Error,
    /// Someone should look.
    Warn,
    /// One line per request.
    Info,
    /// For looking into a fault.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    const fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

/// Makes a running log quieter or louder. Copies turn the same log.
#[derive(Clone, Debug)]
pub struct LevelHandle(reload::Handle<Targets, Registry>);

impl LevelHandle {
    /// From now on lines of this level and above are written.
    pub fn set(&self, level: Level) {
        // It fails where the log has ended: then nothing is written at all.
        let _ended = self.0.reload(targets(level));
    }
}

/// How many lines were dropped. Copies count together.
#[derive(Clone, Debug, Default)]
pub struct LinesDropped(Counter);

impl LinesDropped {
    /// So many so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }

    pub(super) const fn counter(&self) -> &Counter {
        &self.0
    }
}

/// Keeps logging complete: when dropped, it waits (a second at most) for the lines still queued.
#[derive(Debug)]
pub struct Logging {
    queue: Queue,
    level: LevelHandle,
}

impl Logging {
    /// Counts the lines that were dropped; for [`super::Meters::new`].
    #[must_use]
    pub const fn lines_dropped(&self) -> &LinesDropped {
        &self.queue.dropped
    }

    /// Turns the level.
    #[must_use]
    pub const fn level(&self) -> &LevelHandle {
        &self.level
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let (done, wait) = sync_channel(1);
        if self.queue.lines.try_send(Line::Flush(done)).is_ok() {
            let _late_or_done = wait.recv_timeout(LAST_LINES);
        }
    }
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The thread that writes could not be started.
    #[error("the thread that writes log lines could not be started: {0}")]
    Thread(#[from] io::Error),
    /// Another logger was there first.
    #[error("logging was set up before: {0}")]
    Twice(#[from] TryInitError),
}

/// Begins to log to standard output, for the whole process and once only. Keep the answer until the end of `main`.
///
/// # Errors
/// Where the writing thread cannot start, or logging was set up before.
pub fn init(format: Format, level: Level) -> Result<Logging, InitError> {
    let queue = Queue::start(io::stdout())?;
    let colours = format == Format::Text && io::stdout().is_terminal();
    let (subscriber, level) = adjustable(format, level, colours, queue.clone());
    subscriber.try_init()?;
    Ok(Logging { queue, level })
}

/// The subscriber that [`init`] installs, with another target: for tests.
pub fn subscriber<W>(
    format: Format,
    level: Level,
    colours: bool,
    target: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    adjustable(format, level, colours, target).0
}

fn targets(level: Level) -> Targets {
    let quiet = level.filter().min(LevelFilter::WARN);
    Targets::new()
        .with_default(level.filter())
        .with_targets(NOISY.map(|name| (name, quiet)))
}

/// The same, and what turns its level.
pub fn adjustable<W>(
    format: Format,
    level: Level,
    colours: bool,
    target: W,
) -> (impl Subscriber + Send + Sync, LevelHandle)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(targets(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(target);
    let lines = match format {
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
        Format::Text => lines.with_ansi(colours).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
    (subscriber, LevelHandle(handle))
}

enum Line {
    Text(Vec<u8>),
    Flush(SyncSender<()>),
}

/// The way to the writing thread.
#[derive(Clone, Debug)]
struct Queue {
    lines: SyncSender<Line>,
    dropped: LinesDropped,
}

impl Queue {
    fn start(target: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, waiting) = sync_channel(QUEUE_LINES);
        let dropped = LinesDropped::default();
        let count = dropped.clone();
        std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || write_lines(&waiting, target, &count))?;
        Ok(Self { lines, dropped })
    }
}

/// Writes until every sender is gone, flushing whenever the queue is empty. A line that cannot be written is counted.
fn write_lines(waiting: &Receiver<Line>, target: impl Write, dropped: &LinesDropped) {
    let mut target = io::BufWriter::new(target);
    let mut next = waiting.recv().ok();
    while let Some(line) = next {
        match line {
            Line::Text(text) => {
                if target.write_all(&text).is_err() {
                    dropped.0.inc();
                }
            }
            Line::Flush(done) => {
                let _closed_target = target.flush();
                let _gone = done.try_send(());
            }
        }
        next = waiting.try_recv().ok().or_else(|| {
            let _closed_target = target.flush();
            waiting.recv().ok()
        });
    }
}

/// The subscriber hands over each line in one piece.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let sent = if line.len() > LONGEST_LINE_BYTES {
            Err(())
        } else {
            self.lines
                .try_send(Line::Text(line.to_vec()))
                .map_err(|error| match error {
                    TrySendError::Full(_) | TrySendError::Disconnected(_) => (),
                })
        };
        if sent.is_err() {
            self.dropped.0.inc();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Queue {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A target that keeps what is written.
    #[derive(Clone, Default)]
    pub(in crate::telemetry) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(in crate::telemetry) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A target that takes nothing until the test lets it.
    struct Blocked(Receiver<()>);

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _released = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_json_objects_that_end_with_the_process() {
        let kept = Kept::default();
        let queue = Queue::start(kept.clone()).unwrap();
        let (subscriber, level) = adjustable(Format::Json, Level::Info, false, queue.clone());
        let logging = Logging { queue, level };
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "request", status = 200, "done");
            tracing::debug!("not written");
        });
        drop(logging);
        let text = kept.text();
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["status"], 200);
        assert_eq!(line["target"], "request");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "done");
    }

    #[test]
    fn libraries_are_heard_from_warnings_on() {
        let written = |level| {
            let kept = Kept::default();
            let target = kept.clone();
            let make = move || target.clone();
            tracing::subscriber::with_default(subscriber(Format::Text, level, false, make), || {
                tracing::debug!(target: "sqlx::query", "noise");
                tracing::warn!(target: "sqlx::query", "slow");
                tracing::debug!(target: "ecom_bridge", "detail");
            });
            let text = kept.text();
            ["noise", "slow", "detail"].map(|word| text.contains(word))
        };
        assert_eq!(written(Level::Trace), [false, true, true]);
        assert_eq!(written(Level::Info), [false, true, false]);
        assert_eq!(written(Level::Error), [false, false, false]);
    }

    #[test]
    fn the_level_of_a_running_log_can_be_turned() {
        let kept = Kept::default();
        let target = kept.clone();
        let (subscriber, level) =
            adjustable(Format::Json, Level::Info, false, move || target.clone());
        tracing::subscriber::with_default(subscriber, || {
            for (turned, word) in [(Level::Debug, "one"), (Level::Warn, "two")] {
                tracing::debug!(word, "before");
                level.set(turned);
                tracing::debug!(word, "detail");
                tracing::info!(word, "news");
                tracing::debug!(target: "sqlx::query", word, "noise");
            }
        });
        let text = kept.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        for (line, words) in lines.iter().zip(["detail one", "news one", "before two"]) {
            assert!(words.split(' ').all(|word| line.contains(word)), "{line}");
        }
    }

    #[test]
    fn a_blocked_target_drops_lines_and_stops_nobody() {
        let (release, held) = sync_channel(0);
        let queue = Queue::start(Blocked(held)).unwrap();
        let dropped = queue.dropped.clone();
        let subscriber = subscriber(Format::Json, Level::Info, false, queue);
        let lines = QUEUE_LINES * 3;
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..lines {
                tracing::info!(number, "line");
            }
        });
        let lost = dropped.get();
        assert!(lost >= u64::try_from(QUEUE_LINES).unwrap(), "{lost}");
        assert!(lost < u64::try_from(lines).unwrap());
        drop(release);
    }

    #[test]
    fn a_line_beyond_measure_is_dropped() {
        let mut queue = Queue::start(Kept::default()).unwrap();
        queue
            .write_all(&vec![b'x'; LONGEST_LINE_BYTES + 1])
            .unwrap();
        assert_eq!(queue.dropped.get(), 1);
    }
}
