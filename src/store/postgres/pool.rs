//! A few connections, lent one step at a time, and the rules for trying a step again.
//!
//! A connection goes back only after a clean end; one that was left in the middle is closed, and the server rolls back.
//! Must not: repeat a step whose commit is in doubt, unless a second run changes nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::fault::Fault;
use crate::store::StoreError;

/// How often a step is tried in all.
const TRIES: u32 = 5;
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);
/// A connection that was idle for so long is asked first: a firewall may have forgotten it.
const STALE: Duration = Duration::from_secs(20);
/// How long that may take.
const ASKED: Duration = Duration::from_millis(500);
/// A connection is replaced after so long, so that a changed address of the server is noticed.
const OLD: Duration = Duration::from_secs(1800);

/// What may be done with a step whose connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One statement, its own transaction. It is a read, or a second run changes nothing.
    Statement,
    /// Several statements, of which a second run changes nothing.
    Repeatable,
    /// Once committed, or perhaps committed, it is not run again.
    Once,
}

/// The connections.
#[derive(Debug)]
pub(super) struct Pool {
    connect: PgConnectOptions,
    /// Waits for all connections, whoever uses one: they are lent to any thread, and outlive those that serve calls.
    home: Handle,
    room: Semaphore,
    idle: Mutex<Vec<Kept>>,
    patience: Duration,
    longest: Duration,
}

#[derive(Debug)]
struct Kept {
    db: PgConnection,
    since: Instant,
    born: Instant,
}

/// A connection while a step has it.
pub(super) struct Lent<'p> {
    db: PgConnection,
    born: Instant,
    fresh: bool,
    _room: SemaphorePermit<'p>,
}

impl Lent<'_> {
    pub(super) const fn db(&mut self) -> &mut PgConnection {
        &mut self.db
    }
}

impl Pool {
    /// Of the runtime that this is called in.
    pub(super) fn new(
        connect: PgConnectOptions,
        connections: usize,
        patience: Duration,
        longest: Duration,
    ) -> Self {
        Self {
            connect: connect.disable_statement_logging(),
            home: Handle::current(),
            room: Semaphore::new(connections.max(1)),
            idle: Mutex::new(Vec::new()),
            patience,
            longest,
        }
    }

    /// Ends what waits, and says goodbye on every idle connection.
    pub(super) async fn close(&self) {
        self.room.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for kept in idle {
            let _ended = timeout(ASKED, kept.db.close()).await;
        }
    }

    /// A step that is tried some times within a bounded time.
    pub(super) fn tries(&self, mode: Mode) -> Tries<'_> {
        let now = Instant::now();
        Tries {
            pool: self,
            mode,
            left: TRIES,
            wait_until: now + self.patience,
            end: now + self.longest.max(self.patience),
        }
    }

    /// A connection, an idle one where there is one. `Locked` where all stay busy, `Unreachable` where none can be made.
    async fn lend(&self, until: Instant) -> Result<Lent<'_>, StoreError> {
        let room = match timeout_at(until, self.room.acquire()).await {
            Ok(Ok(room)) => room,
            Ok(Err(_closed)) => return Err(StoreError::Other("the store is closed".to_owned())),
            Err(_late) => return Err(StoreError::Locked),
        };
        while let Some(mut kept) = self.take() {
            let stale = kept.since.elapsed() > STALE;
            if stale && !matches!(timeout(ASKED, kept.db.ping()).await, Ok(Ok(()))) {
                continue;
            }
            return Ok(Lent {
                db: kept.db,
                born: kept.born,
                fresh: false,
                _room: room,
            });
        }
        let db = self.connected(until).await?;
        Ok(Lent {
            db,
            born: Instant::now(),
            fresh: true,
            _room: room,
        })
    }

    fn take(&self) -> Option<Kept> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(kept) = idle.pop() {
            if kept.born.elapsed() < OLD {
                return Some(kept);
            }
        }
        None
    }

    /// Connects, again and again while the cause may pass.
    async fn connected(&self, until: Instant) -> Result<PgConnection, StoreError> {
        let late = || StoreError::Unreachable("the server does not answer".to_owned());
        loop {
            let connect = self.connect.clone();
            let made = self.home.spawn(async move { connect.connect().await });
            let fault = match timeout_at(until, AbortOnDropHandle::new(made)).await {
                Ok(Ok(Ok(db))) => return Ok(db),
                Ok(Ok(Err(error))) => Fault::from(error),
                Ok(Err(ended)) => return Err(StoreError::Unreachable(ended.to_string())),
                Err(_late) => return Err(late()),
            };
            let next = Instant::now() + PAUSE;
            if !fault.passing() || next >= until {
                return Err(unreachable(&fault));
            }
            sleep_until(next).await;
        }
    }

    fn back(&self, lent: Lent<'_>) {
        let kept = Kept {
            db: lent.db,
            since: Instant::now(),
            born: lent.born,
        };
        if !self.room.is_closed() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(kept);
        }
    }

    /// After one has proved dead the others are most likely dead as well.
    fn forget(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        drop(idle);
    }
}

/// A connection that cannot be made is never "other", whatever the server says.
fn unreachable(fault: &Fault) -> StoreError {
    match fault.told() {
        StoreError::Other(why) | StoreError::Damaged(why) | StoreError::ReadOnly(why) => {
            StoreError::Unreachable(why)
        }
        told => told,
    }
}

/// The tries of one step; `transaction!` goes round with it.
pub(super) struct Tries<'p> {
    pool: &'p Pool,
    mode: Mode,
    left: u32,
    wait_until: Instant,
    end: Instant,
}

impl<'p> Tries<'p> {
    /// Begins: with `Mode::Statement` a connection, else a transaction on it.
    pub(super) async fn begin(&mut self) -> Result<Lent<'p>, StoreError> {
        loop {
            let mut lent = self.pool.lend(self.wait_until).await?;
            if self.mode == Mode::Statement {
                return Ok(lent);
            }
            let statement = "BEGIN ISOLATION LEVEL READ COMMITTED";
            let begun = self.run(execute(lent.db(), statement)).await;
            match begun {
                Ok(()) => return Ok(lent),
                Err(fault) => self.dropped(lent, &fault)?,
            }
        }
    }

    /// The step's work, in bounded time.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        timeout_at(self.end, work).await.unwrap_or(Err(Fault::Late))
    }

    /// Ends: commits or rolls back. `None`: go round again.
    pub(super) async fn end<T>(
        &mut self,
        mut lent: Lent<'p>,
        ended: Result<T, Fault>,
    ) -> Option<Result<T, StoreError>> {
        let fault = match ended {
            Ok(value) if self.mode == Mode::Statement => {
                self.pool.back(lent);
                return Some(Ok(value));
            }
            Ok(value) => match self.run(execute(lent.db(), "COMMIT")).await {
                Ok(()) => {
                    self.pool.back(lent);
                    return Some(Ok(value));
                }
                Err(fault) if fault.lost() => return self.doubted(lent, &fault).map(Err),
                Err(fault) => fault,
            },
            Err(fault) => fault,
        };
        if fault.lost() {
            if self.mode == Mode::Statement {
                return self.doubted(lent, &fault).map(Err);
            }
            return self.dropped(lent, &fault).err().map(Err);
        }
        if fault.of_a_standby() {
            // Every session stays with the server it was made to, while the address may lead to its successor by now.
            self.pool.forget();
            self.gone(lent, &fault);
            return Some(Err(fault.told()));
        }
        let clash = fault.clash();
        if self.mode != Mode::Statement && self.run(execute(lent.db(), "ROLLBACK")).await.is_err() {
            drop(lent);
        } else {
            self.pool.back(lent);
        }
        if clash && self.again() {
            tracing::debug!("two transactions met; this one runs again");
            return None;
        }
        Some(Err(fault.told()))
    }

    /// The connection is gone before the commit was sent: nothing is recorded, and the step may run again.
    fn dropped(&mut self, lent: Lent<'p>, fault: &Fault) -> Result<(), StoreError> {
        self.gone(lent, fault);
        if !matches!(fault, Fault::Late) && self.again() {
            return Ok(());
        }
        Err(fault.told())
    }

    /// The connection is gone after the commit was sent.
    fn doubted(&mut self, lent: Lent<'p>, fault: &Fault) -> Option<StoreError> {
        self.gone(lent, fault);
        if self.mode != Mode::Once && !matches!(fault, Fault::Late) && self.again() {
            return None;
        }
        Some(fault.in_doubt())
    }

    fn gone(&self, lent: Lent<'p>, fault: &Fault) {
        tracing::warn!(error = %fault.told(), "a connection to the store was lost");
        if !lent.fresh {
            self.pool.forget();
        }
        drop(lent);
    }

    fn again(&mut self) -> bool {
        let now = Instant::now();
        self.left = self.left.saturating_sub(1);
        self.wait_until = (now + self.pool.patience).min(self.end);
        self.left > 0 && now < self.end
    }
}

async fn execute(db: &mut PgConnection, statement: &'static str) -> Result<(), Fault> {
    sqlx::raw_sql(statement).execute(db).await?;
    Ok(())
}

/// Runs a step: `transaction!(pool, Mode::Once, |db| work(db, ...))`. The work may run more than once, each time in a new
/// transaction, so it must borrow what it needs.
macro_rules! transaction {
    ($pool:expr, $mode:expr, |$db:ident| $work:expr) => {{
        let mut tries = $pool.tries($mode);
        loop {
            let mut lent = match tries.begin().await {
                Ok(lent) => lent,
                Err(error) => break Err(error),
            };
            let ended = {
                let $db = lent.db();
                tries.run($work).await
            };
            if let Some(answer) = tries.end(lent, ended).await {
                break answer;
            }
        }
    }};
}
pub(super) use transaction;
