//! How many callbacks are on their way to one host at once.
//!
//! Many sales units may be shops of one platform: limits of units alone would let hundreds of callbacks fall on it together,
//! and, where it is dead, take every place in flight. Who finds no place at its host waits in order and holds no place in
//! flight meanwhile. Must not: keep anything of an address but its scheme, host and port.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many may wait for their turn at one host, and at all hosts. Those beyond are claimed again when their leases end.
const WAITING_AT_ONE: usize = 1_024;
const WAITING_AT_ALL: usize = 4_096;

/// Unused hosts are forgotten when there are so many.
const KNOWN_MAX: usize = 1_024;

/// All hosts with callbacks on their way.
pub(super) struct Hosts {
    limit: usize,
    waiting: Arc<Semaphore>,
    known: Mutex<HashMap<String, Host>>,
}

#[derive(Clone)]
struct Host {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A place, or what stands for it.
pub(super) enum Turn {
    /// No host will be called.
    Nowhere,
    /// It may go.
    Now { _place: OwnedSemaphorePermit },
    /// It waits; room to wait in is taken.
    Later(Arc<Semaphore>, [OwnedSemaphorePermit; 2]),
    /// Too many wait.
    Never,
}

impl Hosts {
    /// With so many places at each.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: Arc::new(Semaphore::new(WAITING_AT_ALL)),
            known: Mutex::default(),
        }
    }

    /// Whether a callback to this address may go now.
    pub(super) fn turn(&self, url: &Url) -> Turn {
        let host = self.host(url);
        if let Ok(place) = Arc::clone(&host.places).try_acquire_owned() {
            return Turn::Now { _place: place };
        }
        let here = host.waiting.try_acquire_owned();
        let anywhere = Arc::clone(&self.waiting).try_acquire_owned();
        match (here, anywhere) {
            (Ok(here), Ok(anywhere)) => Turn::Later(host.places, [here, anywhere]),
            _ => Turn::Never,
        }
    }

    fn host(&self, url: &Url) -> Host {
        let port = url.port_or_known_default().unwrap_or_default();
        let name = url.host_str().unwrap_or_default();
        let key = format!("{}://{name}:{port}", url.scheme());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            // Whoever has a place, or waits for one, holds it.
            known.retain(|_, host| Arc::strong_count(&host.places) > 1);
        }
        let host = known.entry(key).or_insert_with(|| Host {
            places: Arc::new(Semaphore::new(self.limit)),
            waiting: Arc::new(Semaphore::new(WAITING_AT_ONE)),
        });
        host.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(hosts: &Hosts, url: &str) -> Turn {
        hosts.turn(&Url::parse(url).unwrap())
    }

    #[test]
    fn c13_a_host_is_its_scheme_name_and_port() {
        let hosts = Hosts::new(1);
        let place = turn(&hosts, "https://shop.example/a");
        assert!(matches!(place, Turn::Now { .. }));
        for same in ["https://SHOP.example:443/b", "https://shop.example?c"] {
            assert!(matches!(turn(&hosts, same), Turn::Later(..)), "{same}");
        }
        for other in [
            "http://shop.example/",
            "https://shop.example:8443/",
            "https://b.shop.example/",
        ] {
            assert!(matches!(turn(&hosts, other), Turn::Now { .. }), "{other}");
        }
        drop(place);
        let again = turn(&hosts, "https://shop.example/a");
        assert!(matches!(again, Turn::Now { .. }));
    }

    #[test]
    fn c13_no_more_wait_than_there_is_room_for_and_unused_hosts_are_forgotten() {
        let hosts = Hosts::new(1);
        let mut held = Vec::new();
        for _ in 0..=WAITING_AT_ONE {
            let turn = turn(&hosts, "https://crowded.example/");
            assert!(matches!(turn, Turn::Now { .. } | Turn::Later(..)));
            held.push(turn);
        }
        let beyond = turn(&hosts, "https://crowded.example/");
        assert!(matches!(beyond, Turn::Never));
        for n in 0..2 * KNOWN_MAX {
            let place = turn(&hosts, &format!("https://shop-{n}.example/"));
            assert!(matches!(place, Turn::Now { .. }));
        }
        assert!(hosts.known.lock().unwrap().len() <= KNOWN_MAX);
        // What is in use is still known.
        let beyond = turn(&hosts, "https://crowded.example/");
        assert!(matches!(beyond, Turn::Never));
    }
}
