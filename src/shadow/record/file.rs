//! The file of a recording: made for its owner only, held by one process, never longer than it may be.
//!
//! Must not: write to a file that is something else.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::line::Header;

/// The longest that a header may be, in bytes.
const LONGEST_HEADER: u64 = 1_000;

/// Why nothing can be recorded.
#[derive(Debug)]
pub enum RecordError {
    /// The file can't be made or used.
    Io(PathBuf, io::Error),
    /// It is a directory, a pipe or a device.
    NoFile(PathBuf),
    /// There is something else in it.
    Foreign(PathBuf),
    /// It is a recording of another version.
    OtherVersion(PathBuf),
    /// Another process records into it.
    InUse(PathBuf),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(
                f,
                "{}: {error}. Give shadow.record_file a place that the bridge may write to",
                path.display()
            ),
            Self::NoFile(path) => write!(
                f,
                "{} is no file. Give shadow.record_file the name of one",
                path.display()
            ),
            Self::Foreign(path) => write!(
                f,
                "{} has something else in it than a recording, and was not touched. Give shadow.record_file another name",
                path.display()
            ),
            Self::OtherVersion(path) => write!(
                f,
                "{} is a recording of another version. Move it away, or give shadow.record_file another name",
                path.display()
            ),
            Self::InUse(path) => write!(
                f,
                "another process records into {}. Give each bridge a shadow.record_file of its own",
                path.display()
            ),
        }
    }
}

impl std::error::Error for RecordError {}

/// A file that lines are added to.
#[derive(Debug)]
pub(super) struct Tape {
    file: File,
    len: u64,
    max: u64,
}

/// Why a line was not added.
#[derive(Debug)]
pub(super) enum NotAdded {
    /// There is no room for it.
    Full,
    /// It could not be written.
    Failed(io::Error),
}

impl Tape {
    /// Makes the file, or goes on with a recording: a header is added where there is room for one. At most `max` bytes.
    pub(super) fn open(path: &Path, max: u64) -> Result<Self, RecordError> {
        let io = |error| RecordError::Io(path.to_owned(), error);
        // A pipe would be waited for.
        if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return Err(RecordError::NoFile(path.to_owned()));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RecordError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let len = file.metadata().map_err(io)?.len();
        let mut whole = true;
        if len > 0 {
            match first_line(&file).map_err(io)? {
                None => return Err(RecordError::Foreign(path.to_owned())),
                Some(header) if !header.is_readable() => {
                    return Err(RecordError::OtherVersion(path.to_owned()));
                }
                Some(_) => {}
            }
            file.seek(SeekFrom::Start(len - 1)).map_err(io)?;
            let mut last = [0];
            file.read_exact(&mut last).map_err(io)?;
            whole = last == *b"\n";
        }
        owners_only(&file).map_err(io)?;
        let mut tape = Self { file, len, max };
        let mut start = Vec::new();
        if !whole {
            start.push(b'\n');
        }
        start.extend(serde_json::to_vec(&Header::own()).map_err(|error| io(error.into()))?);
        match tape.add(&start) {
            Ok(()) | Err(NotAdded::Full) => Ok(tape),
            Err(NotAdded::Failed(error)) => Err(io(error)),
        }
    }

    /// Adds a line, or nothing.
    pub(super) fn add(&mut self, line: &[u8]) -> Result<(), NotAdded> {
        let bytes = line.len() as u64 + 1;
        if self.len.saturating_add(bytes) > self.max {
            return Err(NotAdded::Full);
        }
        let mut whole = Vec::with_capacity(line.len() + 1);
        whole.extend_from_slice(line);
        whole.push(b'\n');
        let written = self
            .file
            .seek(SeekFrom::Start(self.len))
            .and_then(|_| self.file.write_all(&whole));
        if let Err(error) = written {
            // What was written of it would end in the middle; a reader can stand that, too.
            let _cut = self.file.set_len(self.len);
            return Err(NotAdded::Failed(error));
        }
        self.len += bytes;
        Ok(())
    }

    /// Over a file that is open already.
    #[cfg(test)]
    pub(super) const fn over(file: File, max: u64) -> Self {
        Self { file, len: 0, max }
    }

    /// Bytes in the file.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Lets what was written survive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The header, if the file begins with one.
fn first_line(file: &File) -> io::Result<Option<Header>> {
    let mut line = Vec::new();
    BufReader::new(file)
        .take(LONGEST_HEADER)
        .read_until(b'\n', &mut line)?;
    Ok(Header::read(line.trim_ascii()))
}

/// Also where the file was there before.
fn owners_only(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}
