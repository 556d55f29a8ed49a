//! Memory for the bodies that are read whole. Each may have a little; what is longer takes its part of what all share,
//! so that many long bodies that come slowly can't fill the machine. Must not: wait.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So much each body has for nothing. A call of eCom has one or two thousand bytes.
const FREE: usize = 4 << 10;
/// All the rest together have so much, or as much as the longest body that is allowed at the start.
const SHARED: usize = 16 << 20;
/// What is counted. Bytes.
const UNIT: usize = 1 << 10;

/// The memory.
#[derive(Clone, Debug)]
pub struct BodyMemory(Arc<Semaphore>);

/// A body's part of it, given back when it is dropped.
#[derive(Debug, Default)]
pub struct Part {
    units: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl BodyMemory {
    /// Where no body is longer than `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        let units = SHARED.max(max).div_ceil(UNIT);
        Self(Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))))
    }

    /// Memory for a body that has grown to so many bytes; false where there is none.
    pub(super) fn grow(&self, part: &mut Part, bytes: usize) -> bool {
        let wanted = bytes.saturating_sub(FREE).div_ceil(UNIT);
        let more = wanted.saturating_sub(part.units);
        let Ok(number) = u32::try_from(more) else {
            return false;
        };
        if number == 0 {
            return true;
        }
        let Ok(got) = Arc::clone(&self.0).try_acquire_many_owned(number) else {
            return false;
        };
        match &mut part.held {
            Some(held) => held.merge(got),
            none => *none = Some(got),
        }
        part.units = wanted;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_bodies_are_free_and_long_ones_share_what_there_is() {
        let memory = BodyMemory::new(1 << 20);
        let mut long: Vec<Part> = (0..16).map(|_| Part::default()).collect();
        for part in &mut long {
            for size in [100, FREE, FREE + 1, 1 << 19, 1 << 20] {
                assert!(memory.grow(part, size));
            }
        }
        // The free bytes of sixteen are left.
        let mut last = Part::default();
        assert!(memory.grow(&mut last, 17 * FREE));
        let mut none = Part::default();
        assert!(!memory.grow(&mut none, FREE + 1));
        assert!(memory.grow(&mut none, FREE));
        drop(long);
        assert!(memory.grow(&mut none, 1 << 20));
    }

    #[test]
    fn the_longest_body_that_is_allowed_always_fits_alone() {
        let max = 64 << 20;
        assert!(BodyMemory::new(max).grow(&mut Part::default(), max));
    }
}
