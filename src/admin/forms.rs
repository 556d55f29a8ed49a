//! What a form needs between two requests: that it is done once, and what the next page tells of it.
//!
//! Both are kept here and named by random numbers, so that nobody can make a page say what did not happen. Must not: grow
//! without a limit.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::sessions::random;

/// So many of each are remembered.
const MOST: usize = 500;

/// What the next page tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Whether it was done; else it only notes that nothing was left to do.
    pub(super) done: bool,
    pub(super) text: String,
}

impl Told {
    pub(super) fn done(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { done: true, text }
    }

    pub(super) fn note(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { done: false, text }
    }
}

/// Forms that were sent, and messages that were not shown yet.
#[derive(Debug, Default)]
pub(super) struct Forms {
    sent: Mutex<VecDeque<String>>,
    told: Mutex<VecDeque<(String, Told)>>,
}

impl Forms {
    /// Whether a form comes for the first time.
    pub(super) fn claim(&self, form: &str) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.iter().any(|one| one == form) {
            return false;
        }
        if sent.len() >= MOST {
            sent.pop_front();
        }
        sent.push_back(form.to_owned());
        true
    }

    /// It was not done after all: it may be sent again.
    pub(super) fn release(&self, form: &str) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.retain(|one| one != form);
    }

    /// Keeps a message for the next page; its number.
    pub(super) fn tell(&self, told: Told) -> String {
        let number = random();
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back((number.clone(), told));
        number
    }

    /// The message of a number, once.
    pub(super) fn take(&self, number: &str) -> Option<Told> {
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|(one, _)| one == number)?;
        all.remove(at).map(|(_, told)| told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_done_once_and_a_message_shown_once() {
        let forms = Forms::default();
        assert!(forms.claim("a") && !forms.claim("a"));
        forms.release("a");
        assert!(forms.claim("a"));
        let number = forms.tell(Told::done("done"));
        assert_eq!(forms.take("guess"), None);
        assert_eq!(forms.take(&number), Some(Told::done("done")));
        assert_eq!(forms.take(&number), None);
        for n in 0..2 * MOST {
            assert!(forms.claim(&format!("f{n}")));
            forms.tell(Told::note("n"));
        }
        assert_eq!(forms.sent.lock().unwrap().len(), MOST);
        assert_eq!(forms.told.lock().unwrap().len(), MOST);
    }
}
