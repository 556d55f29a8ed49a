//! Threads with a runtime of their own, one for each processor, on which merchants' connections live.
//!
//! A connection stays on the worker that was given it, with the calls that it brings, what these start, and the connections
//! to upstream that they take ([`PerWorker`]), so that hardly a step of a call but the store's wakes another thread. All
//! else is on the main runtime. On one processor there is nobody to share with: no worker is started, and all runs on the main
//! runtime. Must not: know what runs on them.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

thread_local! {
    /// The worker that this thread is.
    static OWN: Cell<Option<usize>> = const { Cell::new(None) };
}

/// More are not started: the store is full long before, and each takes memory and connections to upstream.
const MOST: usize = 16;

/// Running workers; none by default. When the last clone is dropped they end, and what still runs on them with them.
#[derive(Clone, Debug, Default)]
pub struct Workers {
    all: Arc<[Worker]>,
    _until: Option<Arc<DropGuard>>,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// Each of its connections has a clone.
    connections: Arc<()>,
}

impl Workers {
    /// Starts one for each processor that this process may use, 16 at most; none where that is one.
    ///
    /// # Errors
    /// When the system gives no thread, or nothing to wait for sockets with.
    pub fn for_processors() -> io::Result<Self> {
        match processors() {
            1 => Ok(Self::default()),
            several => Self::start(several.min(MOST)),
        }
    }

    /// Starts so many.
    ///
    /// # Errors
    /// When the system gives no thread, or nothing to wait for sockets with.
    pub fn start(count: usize) -> io::Result<Self> {
        Self::start_in(count, || ())
    }

    /// The same with what each thread holds as long as it lives: what `enter` gives there.
    ///
    /// # Errors
    /// When the system gives no thread, or nothing to wait for sockets with.
    pub fn start_in<T>(
        count: usize,
        enter: impl Fn() -> T + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let end = CancellationToken::new();
        let guard = end.clone().drop_guard();
        let all = (0..count).map(|number| start(number, enter.clone(), end.clone()));
        Ok(Self {
            all: all.collect::<io::Result<_>>()?,
            _until: Some(Arc::new(guard)),
        })
    }

    /// Lets a connection that was accepted here be served by the worker that has the fewest, or here if there are no
    /// workers. Where few come they go to the same one, whose connections to upstream are open.
    ///
    /// # Errors
    /// When the system does not let the socket go; it is closed then.
    pub fn serve<S>(
        &self,
        tasks: &TaskTracker,
        socket: TcpStream,
        serve: impl FnOnce(TcpStream) -> S + Send + 'static,
    ) -> io::Result<()>
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let all = self.all.iter();
        let Some(worker) = all.min_by_key(|worker| Arc::strong_count(&worker.connections)) else {
            tasks.spawn(serve(socket));
            return Ok(());
        };
        // The runtime that accepted it watched it until now.
        let socket = socket.into_std()?;
        let counted = Arc::clone(&worker.connections);
        let served = async move {
            match TcpStream::from_std(socket) {
                Ok(socket) => serve(socket).await,
                Err(error) => tracing::warn!(%error, "a worker could not take up a connection"),
            }
            drop(counted);
        };
        tasks.spawn_on(served, &worker.runtime);
        Ok(())
    }
}

fn start<T>(
    number: usize,
    enter: impl FnOnce() -> T + Send + 'static,
    end: CancellationToken,
) -> io::Result<Worker> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let worker = Worker {
        runtime: runtime.handle().clone(),
        connections: Arc::default(),
    };
    thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(move || {
            OWN.set(Some(number));
            let _entered = enter();
            runtime.block_on(end.cancelled());
        })?;
    Ok(worker)
}

/// One of a kind for each worker, made when it is first asked for there, and one for every other thread.
pub struct PerWorker<T> {
    elsewhere: T,
    on_workers: Arc<[OnceLock<T>]>,
    another: Arc<dyn Fn(&T) -> T + Send + Sync>,
}

impl<T> PerWorker<T> {
    /// `elsewhere` is the first; `another` is given it, and makes one more like it.
    pub fn new(elsewhere: T, another: impl Fn(&T) -> T + Send + Sync + 'static) -> Self {
        let on_workers = std::iter::repeat_with(OnceLock::new).take(processors().min(MOST));
        Self {
            elsewhere,
            on_workers: on_workers.collect(),
            another: Arc::new(another),
        }
    }

    /// The one for the thread that asks.
    #[must_use]
    pub fn here(&self) -> &T {
        let own = OWN.get().and_then(|number| self.on_workers.get(number));
        own.map_or(&self.elsewhere, |own| {
            own.get_or_init(|| (self.another)(&self.elsewhere))
        })
    }
}

impl<T: Clone> Clone for PerWorker<T> {
    fn clone(&self) -> Self {
        Self {
            elsewhere: self.elsewhere.clone(),
            on_workers: Arc::clone(&self.on_workers),
            another: Arc::clone(&self.another),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for PerWorker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elsewhere.fmt(f)
    }
}

/// The processors that this process may use.
#[must_use]
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{RecvTimeoutError, TryRecvError, channel};
    use std::thread::{ThreadId, current};
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;

    /// So many connections, one after the other, none of which ends; what `seen` saw where each is served.
    async fn served<T: Send + 'static>(
        workers: &Workers,
        count: usize,
        seen: impl Fn() -> T + Clone + Send + 'static,
    ) -> Vec<T> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (tasks, addr) = (TaskTracker::new(), listener.local_addr().unwrap());
        let mut all = Vec::new();
        for _ in 0..count {
            let _client = TcpStream::connect(addr).await.unwrap();
            let (socket, _) = listener.accept().await.unwrap();
            let (tell, told) = oneshot::channel();
            let seen = seen.clone();
            let handed_on = workers.serve(&tasks, socket, async move |socket| {
                let _told = tell.send(seen());
                std::future::pending::<()>().await;
                drop(socket);
            });
            handed_on.unwrap();
            all.push(told.await.unwrap());
        }
        all
    }

    fn how_many(seen: &[ThreadId], one: ThreadId) -> usize {
        seen.iter().filter(|id| **id == one).count()
    }

    #[tokio::test]
    async fn connections_are_shared_out_evenly() {
        let workers = Workers::start(3).unwrap();
        let seen = served(&workers, 9, || current().id()).await;
        assert!(!seen.contains(&current().id()));
        for one in &seen {
            assert_eq!(how_many(&seen, *one), 3, "{seen:?}");
        }
    }

    /// Two connections, of which the one on the first worker ends: the next one goes there.
    #[tokio::test]
    async fn one_that_ends_makes_room_where_it_was() {
        let workers = Workers::start(2).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (tasks, addr) = (TaskTracker::new(), listener.local_addr().unwrap());
        let (mut clients, mut threads) = (Vec::new(), Vec::new());
        for n in 0..3 {
            if n == 2 {
                assert_ne!(threads[0], threads[1]);
                drop(clients.remove(0));
                while Arc::strong_count(&workers.all[0].connections) > 1 {
                    tokio::task::yield_now().await;
                }
            }
            clients.push(TcpStream::connect(addr).await.unwrap());
            let (socket, _) = listener.accept().await.unwrap();
            let (tell, told) = oneshot::channel();
            let handed_on = workers.serve(&tasks, socket, async move |mut socket| {
                let _told = tell.send(current().id());
                let _ended = socket.read(&mut [0]).await;
            });
            handed_on.unwrap();
            threads.push(told.await.unwrap());
        }
        assert_eq!(threads[0], threads[2]);
    }

    #[tokio::test]
    async fn without_workers_they_stay_here() {
        let seen = served(&Workers::default(), 2, || current().id()).await;
        assert_eq!(seen, [current().id(); 2]);
    }

    #[tokio::test]
    async fn each_worker_has_one_of_its_own() {
        let made = AtomicUsize::new(0);
        let count = move |_: &usize| made.fetch_add(1, Ordering::Relaxed) + 1;
        let each = PerWorker {
            elsewhere: 0,
            on_workers: (0..2).map(|_| OnceLock::new()).collect(),
            another: Arc::new(count),
        };
        assert_eq!(*each.here(), 0);
        let workers = Workers::start(3).unwrap();
        let asked = each.clone();
        let mut seen = served(&workers, 6, move || *asked.here()).await;
        seen.sort_unstable();
        // The third has no place: it shares.
        assert_eq!(seen, [0, 0, 1, 1, 2, 2]);
        assert_eq!(*each.here(), 0);
    }

    #[test]
    fn they_end_with_the_last_clone() {
        let workers = Workers::start(2).unwrap();
        let (held, end) = channel::<()>();
        workers.all[1].runtime.spawn(async move {
            let _dropped_with_the_task = held;
            std::future::pending::<()>().await;
        });
        let last = workers.clone();
        drop(workers);
        assert_eq!(end.try_recv(), Err(TryRecvError::Empty));
        drop(last);
        let ended = end.recv_timeout(Duration::from_secs(60));
        assert_eq!(ended, Err(RecvTimeoutError::Disconnected));
    }
}
