//! Who is signed in to the pages, and what proves that a form is the bridge's own.
//!
//! A session is a random cookie, known here by its keyed hash only, in memory, for some hours. A form's token is a keyed
//! hash of its session: another site's page can neither read nor compute it. Must not: outlive the process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::types::Moment;

/// So long, then one signs in again.
pub(super) const LIFE: Duration = Duration::from_secs(8 * 3_600);
/// So many at once; the oldest one ends.
const MOST: usize = 100;

/// A session, or what stands for one where nobody signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SessionId([u8; 32]);

/// Text that nobody can guess: 244 random bits.
pub(super) fn random() -> String {
    let (a, b) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    format!("{}{}", a.simple(), b.simple())
}

/// Keyed hashes, by a key that only this process has.
pub(super) struct Keyed(Hmac<Sha256>);

impl Keyed {
    pub(super) fn new() -> Self {
        let mut key = [0; 64];
        for (place, byte) in key.iter_mut().zip(random().bytes()) {
            *place = byte;
        }
        Self(Hmac::new(&key.into()))
    }

    /// Of a text, for one use.
    pub(super) fn hash(&self, purpose: &str, text: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    /// Whether two texts are the same; the time taken tells nothing, not even of their lengths.
    pub(super) fn same(&self, a: &[u8], b: &[u8]) -> bool {
        bool::from(self.hash("same", a).ct_eq(&self.hash("same", b)))
    }
}

/// The open sessions.
pub(super) struct Sessions {
    keyed: Keyed,
    open: Mutex<HashMap<SessionId, Moment>>,
}

impl Sessions {
    pub(super) fn new(keyed: Keyed) -> Self {
        Self {
            keyed,
            open: Mutex::default(),
        }
    }

    pub(super) const fn keyed(&self) -> &Keyed {
        &self.keyed
    }

    fn id(&self, cookie: &str) -> SessionId {
        SessionId(self.keyed.hash("session", cookie.as_bytes()))
    }

    /// Begins one; what the cookie is to hold.
    pub(super) fn begin(&self, now: Moment) -> String {
        let cookie = random();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, until| *until > now);
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, at)| **at).map(|(id, _)| *id)
        {
            open.remove(&oldest);
        }
        open.insert(self.id(&cookie), now.plus(LIFE));
        cookie
    }

    /// The session of a cookie, while it is open.
    pub(super) fn of(&self, cookie: &str, now: Moment) -> Option<SessionId> {
        let id = self.id(cookie);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&id)
            .is_some_and(|until| *until > now)
            .then_some(id)
    }

    /// Ends one.
    pub(super) fn end(&self, id: SessionId) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(&id);
    }

    /// Ends all.
    pub(super) fn end_all(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clear();
    }

    /// What every form of this session carries; without a session, of this process.
    pub(super) fn form_token(&self, session: Option<SessionId>) -> String {
        let of = session.map_or([0; 32], |SessionId(id)| id);
        let hash = self.keyed.hash("form", &of);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_time_by_hand_and_by_too_many() {
        let sessions = Sessions::new(Keyed::new());
        let now = Moment::from_millis(0);
        let first = sessions.begin(now);
        let id = sessions.of(&first, now).unwrap();
        assert_eq!(sessions.of("0", now), None);
        assert_eq!(sessions.of(&first, now.plus(LIFE)), None);
        assert_ne!(sessions.form_token(Some(id)), sessions.form_token(None));
        sessions.end(id);
        assert_eq!(sessions.of(&first, now), None);
        let oldest = sessions.begin(now);
        let later = now.plus(Duration::from_secs(1));
        let newest = (0..MOST).map(|_| sessions.begin(later)).last().unwrap();
        assert_eq!(sessions.of(&oldest, later), None);
        assert!(sessions.of(&newest, later).is_some());
    }

    #[test]
    fn no_two_random_texts_and_no_two_processes_are_alike() {
        assert_ne!(random(), random());
        assert_eq!(random().len(), 64);
        let (a, b) = (Keyed::new(), Keyed::new());
        assert_ne!(a.hash("x", b"y"), b.hash("x", b"y"));
        assert!(a.same(b"y", b"y") && !a.same(b"y", b"yy"));
    }
}
