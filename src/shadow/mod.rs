//! Shadowing: what the other API would have answered, beside the answer that the merchant got.
//!
//! A call is offered when its answer is on its way, and nothing that happens to the offer can reach the merchant. Must
//! not: send anything that changes a payment to the primary upstream, keep a value that may be personal, or lose an
//! offer without counting it.

pub mod books;
pub mod compare;
pub mod dry;
mod lanes;
pub mod mirror;
pub mod offer;
mod pace;
pub mod plan;
pub mod read;
pub mod record;
pub mod redact;
pub mod replay;
pub mod report;
#[cfg(test)]
mod testing;
mod worker;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use self::books::{Books, End};
use self::compare::{IgnoreRule, PathPattern};
use self::lanes::{Lanes, Planned, Waiting, Work};
use self::mirror::{Mirror, Turn};
use self::offer::Offer;
use self::pace::Pace;
use self::plan::Plan;
use self::read::Sides;
use self::record::{RecordFigures, Recorder};
use self::report::ShadowFigures;
use self::worker::Worker;
use crate::ecom::route::Operation;
use crate::lifecycle::Lifecycle;
use crate::payments::{Order, Payments};
use crate::settings::{Shadow as ShadowSettings, Snapshot};
use crate::store::{Known, ShadowStore, Way};
use crate::telemetry::Route;
use crate::types::Clock;
use crate::upstream::reads::{EcomReader, Reader};
use crate::upstream::share::{Peace, ReadShare};

/// So often what was found is given to the store.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// After its own limit a comparison should have ended by itself.
const GRACE: Duration = Duration::from_millis(250);

/// At the end of the process nothing is waited for longer.
const CLOSING: Duration = Duration::from_secs(1);

/// What shadowing is made of.
#[derive(Debug)]
pub struct ShadowParts {
    /// The translation, and the record that it needs.
    pub payments: Arc<Payments>,
    /// Reads ePayment.
    pub epayment: Reader,
    /// Reads eCom.
    pub ecom: EcomReader,
    /// Where findings are kept.
    pub store: Arc<dyn ShadowStore>,
    /// The share of the read limits, with all other reads in the background.
    pub share: ReadShare,
    /// Of write mode.
    pub mirror: Option<Mirror>,
    /// Keeps redacted calls for a replay, where that is wanted.
    pub recorder: Option<Recorder>,
}

/// Offers are taken, worked on, counted and kept here.
#[derive(Debug)]
pub struct Shadow {
    settings: ShadowSettings,
    books: Books,
    lanes: Lanes,
    waiting: Mutex<Option<Arc<Waiting>>>,
    worker: Arc<Worker>,
    store: Arc<dyn ShadowStore>,
    clock: Arc<dyn Clock>,
    /// One at a time gives to the store.
    keeping: tokio::sync::Mutex<()>,
}

impl Shadow {
    /// What the settings ask for.
    #[must_use]
    pub fn new(settings: ShadowSettings, parts: ShadowParts) -> Arc<Self> {
        let clock = Arc::clone(&parts.payments.clock);
        let sides = Sides {
            epayment: parts.epayment,
            ecom: parts.ecom,
            payments: parts.payments,
            pace: Pace::new(settings.reads_per_second, Instant::now()),
            share: parts.share,
            peace: Peace::default(),
        };
        let (lanes, waiting) = Lanes::new(settings.queue);
        Arc::new(Self {
            books: Books::default(),
            lanes,
            waiting: Mutex::new(Some(Arc::new(waiting))),
            worker: Arc::new(Worker {
                ignore: ignore(&settings),
                sides,
                mirror: parts.mirror,
                recorder: parts.recorder,
                settings: settings.clone(),
            }),
            settings,
            store: parts.store,
            clock,
            keeping: tokio::sync::Mutex::default(),
        })
    }

    /// Takes a call whose answer is on its way; `offer` is made only where it is compared. Never waits, never fails.
    pub fn offer(
        &self,
        call: (Operation, Route),
        snapshot: &Snapshot,
        subject: Option<&(Order, Known)>,
        offer: impl FnOnce() -> Offer,
    ) {
        let Some(way) = plan::way(self.settings.mode, call.0) else {
            return;
        };
        let msn = subject.and_then(|(order, _)| order.scope.msn());
        let merchant = snapshot.settings.shadow_of(msn);
        match plan::plan(&self.settings, merchant, way, call, subject) {
            Plan::Filter {
                way,
                reason,
                by_choice,
            } => {
                self.books.filtered((call.0, way), reason, by_choice);
                if reason == plan::OPERATION_OFF {
                    // The payment goes on without its twin, which may be lost by that.
                    drop(self.turn(way, call.0, subject));
                }
            }
            Plan::Compare(way) => {
                let ticket = self.books.open(call.0, way);
                let turn = self.turn(way, call.0, subject);
                let planned = Planned { way, turn };
                if let Err((ticket, why)) = self.lanes.put(offer(), planned, ticket) {
                    ticket.settle(&End::Not(why), self.clock.now());
                }
            }
        }
    }

    /// The call's turn among those of its payment, where it is mirrored.
    fn turn(
        &self,
        way: Way,
        operation: Operation,
        subject: Option<&(Order, Known)>,
    ) -> Option<Turn> {
        let mirror = self.worker.mirror.as_ref()?;
        let (order, _) = subject?;
        (way == Way::Write).then(|| mirror.turn(operation, order))
    }

    /// Begins the work, which ends when the process drains: what waits then is dropped, and counted.
    pub fn start(self: &Arc<Self>, lifecycle: &Lifecycle) {
        let taken = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(waiting) = taken else {
            return;
        };
        for _ in 0..self.settings.concurrency {
            let worker: Arc<dyn Work> = Arc::clone(&self.worker) as _;
            let clock = Arc::clone(&self.clock);
            let limit = self.settings.timeout + GRACE;
            let work = Arc::clone(&waiting).work(worker, clock, limit);
            let soft = lifecycle.soft().clone();
            lifecycle.spawn("shadow", async move {
                let _drained = soft.run_until_cancelled(work).await;
            });
        }
        let (shadow, soft) = (Arc::clone(self), lifecycle.soft().clone());
        lifecycle.spawn("shadow-keeping", async move {
            let mut ticks = tokio::time::interval(KEEP_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while soft.run_until_cancelled(ticks.tick()).await.is_some() {
                shadow.keep().await;
            }
        });
    }

    /// All counts, of one moment.
    #[must_use]
    pub fn figures(&self) -> ShadowFigures {
        self.books.figures(self.clock.now())
    }

    /// The lanes have ended: what was found goes to the store, and the recording is closed.
    pub async fn close(self: &Arc<Self>) {
        // What a lane worked on when it ended is counted as soon as its task is gone.
        let counted = async {
            while self.books.in_flight() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let _counted = tokio::time::timeout(CLOSING, counted).await;
        self.keep().await;
        if let Some(recorder) = &self.worker.recorder {
            let closed = tokio::time::timeout(CLOSING, recorder.close()).await;
            if closed.is_err() {
                tracing::warn!("the recording of shadowed calls could not be closed in time");
            }
            let RecordFigures {
                written,
                dropped,
                bytes,
                ..
            } = recorder.figures();
            tracing::info!(
                written,
                ?dropped,
                bytes,
                "the recording of shadowed calls ends"
            );
        }
    }

    /// Gives what was found to the store. What it can't take waits for the next time. Whoever asks for it may go away.
    pub async fn keep(self: &Arc<Self>) {
        let shadow = Arc::clone(self);
        let kept = tokio::spawn(async move { shadow.kept().await });
        if kept.await.is_err() {
            tracing::error!("keeping what shadowing found panicked");
        }
    }

    async fn kept(&self) {
        let _one = self.keeping.lock().await;
        let findings = self.books.take();
        if findings.is_empty() {
            return;
        }
        if let Err(error) = self.store.add_findings(&findings, self.clock.now()).await {
            tracing::warn!(error = %error, "what shadowing found can't be kept now; it waits");
            self.books.put_back(findings);
        }
    }
}

fn ignore(settings: &ShadowSettings) -> Vec<IgnoreRule> {
    let rules = settings.ignore.iter().filter_map(|one| {
        Some(IgnoreRule {
            path: PathPattern::parse(&one.path)?,
            operation: one.operation,
            reason: one.reason.clone(),
            until: one.until,
        })
    });
    rules.collect()
}
