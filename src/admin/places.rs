//! Who holds a connection to the operator's listener, and who gives it up for another.
//!
//! Files are shared with the merchants' listener, so connections are few; and a probe must be answered however many others
//! have been opened and left. So a new one is always let in where one waits that may go: one that has sent no whole request,
//! or has its answer. Must not: end a connection whose request is being worked on.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::origin::counted;

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    in_all: usize,
    per_client: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Counts what happens: the order in which connections began to wait.
    steps: u64,
    all: HashMap<u64, One>,
}

#[derive(Debug)]
struct One {
    client: IpAddr,
    waits_since: Option<u64>,
    end: CancellationToken,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    id: u64,
    places: Arc<Places>,
    end: CancellationToken,
}

impl Places {
    /// So many in all, and of one client.
    pub(super) fn new(in_all: usize, per_client: usize) -> Arc<Self> {
        Arc::new(Self {
            in_all,
            per_client,
            held: Mutex::default(),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection. Where there is none left, the connection gives way that has waited longest: of this
    /// client where it has its share, else of whoever has most. None where none of those waits.
    pub(super) fn take(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let client = counted(client);
        let mut held = self.held();
        if held.of(client) >= self.per_client {
            held.make_room(|one| one.client == client)?;
        } else if held.all.len() >= self.in_all {
            held.make_room(|_| true)?;
        }
        held.steps += 1;
        let (id, end) = (held.steps, CancellationToken::new());
        let one = One {
            client,
            waits_since: Some(id),
            end: end.clone(),
        };
        held.all.insert(id, one);
        Some(Place {
            id,
            places: Arc::clone(self),
            end,
        })
    }
}

impl Held {
    fn of(&self, client: IpAddr) -> usize {
        let same = self.all.values().filter(|one| one.client == client);
        same.count()
    }

    fn make_room(&mut self, may_go: impl Fn(&One) -> bool) -> Option<()> {
        let waiting = self.all.iter().filter(|(_, one)| may_go(one));
        let waiting = waiting.filter_map(|(id, one)| Some((*id, one.client, one.waits_since?)));
        let first = waiting.min_by_key(|(_, client, since)| (Reverse(self.of(*client)), *since));
        let (id, ..) = first?;
        self.all.remove(&id)?.end.cancel();
        Some(())
    }
}

impl Place {
    /// Cancelled when the connection must give way.
    pub(super) fn end(&self) -> &CancellationToken {
        &self.end
    }

    /// Its request is being worked on; false where it has had to give way, and nothing may be done for it.
    pub(super) fn works(&self) -> bool {
        let mut held = self.places.held();
        let one = held.all.get_mut(&self.id);
        one.map(|one| one.waits_since = None).is_some()
    }

    /// It waits for the next request.
    pub(super) fn waits(&self) {
        let mut held = self.places.held();
        held.steps += 1;
        let now = held.steps;
        if let Some(one) = held.all.get_mut(&self.id) {
            one.waits_since = Some(now);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.held().all.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn gone(place: &Place) -> bool {
        place.end().is_cancelled()
    }

    #[test]
    fn the_longest_waiting_of_a_client_with_its_share_gives_way() {
        let places = Places::new(8, 3);
        let other = places.take(ip(2)).unwrap();
        let own: Vec<_> = (0..3).map(|_| places.take(ip(1)).unwrap()).collect();
        // Has been answered since, so the next one has waited longer.
        assert!(own[0].works());
        own[0].waits();
        let fourth = places.take(ip(1)).unwrap();
        assert!(gone(&own[1]) && ![&own[0], &own[2], &fourth, &other].into_iter().any(gone));
        assert!(!own[1].works(), "nothing is done for it any more");
    }

    #[test]
    fn with_all_places_taken_whoever_has_most_gives_way_and_never_one_that_works() {
        let places = Places::new(6, 4);
        let few = places.take(ip(1)).unwrap();
        let many: Vec<_> = (0..4).map(|_| places.take(ip(2)).unwrap()).collect();
        let last = places.take(ip(3)).unwrap();
        assert!(many[0].works());
        let probe = places.take(ip(4)).unwrap();
        assert!(gone(&many[1]) && ![&few, &many[0], &last, &probe].into_iter().any(gone));
        for place in [&few, &many[2], &many[3], &last, &probe] {
            assert!(place.works());
        }
        assert!(places.take(ip(5)).is_none(), "all of them work");
        drop(last);
        assert!(places.take(ip(5)).is_some());
    }
}
