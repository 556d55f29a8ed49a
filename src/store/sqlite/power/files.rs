//! The bytes of a store at one moment, and what a cut of the power may make of them.
//!
//! What SQLite has synced stays: with `FULL` every frame of the log up to the last acknowledged commit, and of a
//! checkpoint the whole log before a page of the file is touched. All else may be there, missing, torn or garbage, in any
//! order. Must not: damage what was synced.

use std::path::Path;

use crate::store::suite::Dice;

const PAGE: usize = 4096;
const HEADER: usize = 32;
const FRAME: usize = 24 + PAGE;

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// How far the log had come: of which log, and how many frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    log: [u8; 8],
    pub(super) frames: usize,
}

/// The files of a store, copied while nobody wrote.
#[derive(Clone)]
pub(super) struct Files {
    main: Vec<u8>,
    log: Vec<u8>,
    index: Vec<u8>,
}

impl Files {
    pub(super) fn of(store: &Path) -> Self {
        let side = |end: &str| {
            let mut name = store.as_os_str().to_owned();
            name.push(end);
            std::fs::read(name).unwrap()
        };
        Self {
            main: side(""),
            log: side("-wal"),
            index: side("-shm"),
        }
    }

    pub(super) fn write(&self, store: &Path) {
        let side = |end: &str, bytes: &[u8]| {
            let mut name = store.as_os_str().to_owned();
            name.push(end);
            std::fs::write(name, bytes).unwrap();
        };
        side("", &self.main);
        side("-wal", &self.log);
        if !self.index.is_empty() {
            side("-shm", &self.index);
        }
    }

    fn salt(&self) -> [u8; 8] {
        let salt = self.log.get(16..24).unwrap_or(&[0; 8]);
        salt.try_into().unwrap()
    }

    fn frame(&self, n: usize) -> Option<&[u8]> {
        self.log.get(HEADER + n * FRAME..HEADER + (n + 1) * FRAME)
    }

    /// The frames of this log, with the uncommitted ones and without those that an earlier log left behind.
    fn frames(&self) -> usize {
        let own = |n: &usize| {
            self.frame(*n)
                .is_some_and(|frame| frame[8..16] == self.salt())
        };
        (0..).take_while(own).count()
    }

    /// The frames up to the last commit.
    fn committed(&self) -> usize {
        let commits = |n: &usize| {
            let frame = self.frame(*n).unwrap();
            number(&frame[4..]) > 0
        };
        (0..self.frames()).rfind(commits).map_or(0, |n| n + 1)
    }

    /// The frames behind the last commit.
    pub(super) fn uncommitted(&self) -> usize {
        self.frames() - self.committed()
    }

    /// How many frames a checkpoint has brought into the main file, as the log's index says.
    fn backfilled(&self) -> usize {
        let told: [u8; 4] = self.index[96..100].try_into().unwrap();
        usize::try_from(u32::from_ne_bytes(told)).unwrap()
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            log: self.salt(),
            frames: self.committed(),
        }
    }

    /// Whether what was acknowledged at `then` must be there when only the first `kept` frames of this log are left.
    /// An earlier log was brought into the main file before this one was begun.
    pub(super) fn holds(&self, then: Mark, kept: usize) -> bool {
        then.log != self.salt() || then.frames <= kept.max(self.backfilled())
    }

    /// One of the ways in which the power may have gone, and how many frames of the log are left whole.
    pub(super) fn damaged(&self, dice: &mut Dice) -> (Self, usize, &'static str) {
        let mut files = self.clone();
        let stale = match dice.roll(3) {
            0 => Vec::new(),
            1 => garbage(dice, self.index.len()),
            _ => self.index.clone(),
        };
        files.index = stale;
        let (first, all) = (self.backfilled(), self.frames());
        if first >= self.committed() {
            // A log is done with when all of it is in the main file: the next one may have been begun.
            return match dice.roll(3) {
                0 => (files, self.committed(), "nothing but the index"),
                1 => {
                    let new = garbage(dice, HEADER);
                    files.log[..HEADER].copy_from_slice(&new);
                    (files, 0, "the next log's header torn")
                }
                _ => {
                    files.log.clear();
                    (files, 0, "the log's name lost")
                }
            };
        }
        match dice.roll(5) {
            0 => {
                let end = HEADER + first * FRAME;
                let bytes = u64::try_from(self.log.len() - end).unwrap() + 1;
                files.log.truncate(end + below(dice, bytes));
                let kept = files.frames();
                (files, kept, "the log cut off")
            }
            1 => {
                let n = first + below(dice, u64::try_from(all - first).unwrap());
                let half = HEADER + n * FRAME + 24 + below(dice, 4000);
                let torn = garbage(dice, HEADER + (n + 1) * FRAME - half);
                files.log[half..half + torn.len()].copy_from_slice(&torn);
                (files, n, "a frame torn, later ones there")
            }
            2 => {
                let n = first + below(dice, u64::try_from(all - first).unwrap());
                files.log[HEADER + n * FRAME..HEADER + (n + 1) * FRAME].fill(0);
                (files, n, "a frame never written, later ones there")
            }
            3 => {
                files.checkpoint(dice);
                (files, all, "a checkpoint torn")
            }
            _ => (files, all, "nothing but the index"),
        }
    }

    /// A checkpoint that was interrupted: pages that the log holds are old, new, half of each, or garbage.
    fn checkpoint(&mut self, dice: &mut Dice) {
        for n in 0..self.committed() {
            let frame = self.frame(n).unwrap();
            let page = usize::try_from(number(frame)).unwrap() - 1;
            let new = frame[24..].to_vec();
            let (from, bytes) = match dice.roll(4) {
                0 => continue,
                1 => (0, new),
                2 => {
                    let half = below(dice, 4095) + 1;
                    (0, new[..half].to_vec())
                }
                _ => {
                    let from = below(dice, 4000);
                    (from, garbage(dice, PAGE - from))
                }
            };
            let place = page * PAGE + from;
            if self.main.len() < (page + 1) * PAGE {
                self.main.resize((page + 1) * PAGE, 0);
            }
            self.main[place..place + bytes.len()].copy_from_slice(&bytes);
        }
    }

    /// The last commit gone, as a disk does that only says it has synced. How many frames are left whole.
    pub(super) fn without_the_last_commit(&self) -> Option<(Self, usize)> {
        let last = self.committed().checked_sub(1)?;
        if self.backfilled() > last {
            return None;
        }
        let mut files = self.clone();
        files.index.clear();
        files.log.truncate(HEADER + last * FRAME + FRAME / 2);
        Some((files, last))
    }
}

fn below(dice: &mut Dice, sides: u64) -> usize {
    usize::try_from(dice.roll(sides)).unwrap()
}

/// Zeros or noise.
fn garbage(dice: &mut Dice, length: usize) -> Vec<u8> {
    let noise = dice.roll(2);
    let byte = |_| u8::try_from(noise * dice.roll(256)).unwrap();
    (0..length).map(byte).collect()
}
