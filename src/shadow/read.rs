//! Reads asked of both APIs: what eCom says of a payment, and what the translation makes of ePayment's word.
//!
//! eCom's answer is the control, whichever of the two the merchant got. Payments change between two reads, so both are
//! asked again, and only what differs both times is told. A small share asks eCom once more, to learn what differs from
//! itself. Must not: use a client that can do anything else than read, or a connection of the primary path.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::header::CONTENT_ENCODING;

use super::books::{End, Found};
use super::compare::{Compared, Difference, IgnoreRule, Rules, compare};
use super::offer::{Offer, Seen};
use super::pace::Pace;
use crate::ecom::route::Operation;
use crate::payments::{Caller, Look, NoLook, Order, Payments, Reading, Subject, View, look};
use crate::settings::Shadow;
use crate::store::{Known, ShadowOutcome, Way};
use crate::telemetry::Route;
use crate::types::{Kind, Moment};
use crate::upstream::reads::{EcomReader, Reader};
use crate::upstream::share::{Peace, ReadShare};
use crate::upstream::{Budget, Spent};

/// Between the two times that both are asked: long enough for the one to hear what the other knows.
const PAUSE: Duration = Duration::from_millis(500);
/// A payment and its log.
const LOOK: u32 = 2;

/// What reads are made with.
#[derive(Debug)]
pub struct Sides {
    /// The translation, and the record that it needs.
    pub payments: Arc<Payments>,
    /// ePayment.
    pub epayment: Reader,
    /// eCom.
    pub ecom: EcomReader,
    /// Of all payments together.
    pub pace: Pace,
    /// Of each payment, with all other reads in the background.
    pub share: ReadShare,
    /// Units that an API has answered 429 for: shadows leave them alone, nobody else has to.
    pub peace: Peace,
}

/// Why there is no answer to compare.
type Trouble = ShadowOutcome;

const LEFT_IN_PEACE: Trouble = ShadowOutcome::Dropped("after-429");

impl Sides {
    /// Compares what both say, and what ePayment showed first. `noise`: eCom is asked twice.
    pub(super) async fn compared(
        &self,
        offer: &Offer,
        ignore: &[IgnoreRule],
        settings: &Shadow,
        noise: bool,
    ) -> (End, Option<Look>) {
        let Some(asking) = self.asking(offer, settings.timeout) else {
            return (End::Not(ShadowOutcome::Filtered("no-reference")), None);
        };
        let found = self.found(&asking, ignore, noise).await;
        let end = found.map_or_else(End::Not, |found| End::Compared(Box::new(found)));
        let Asking { shown, .. } = asking;
        (end, shown.into_inner())
    }

    fn asking<'a>(&'a self, offer: &'a Offer, limit: Duration) -> Option<Asking<'a>> {
        let (order, known) = offer.subject.as_ref()?;
        let reference = order.order.reference()?;
        let view = match offer.operation {
            Operation::Details => View::Details,
            Operation::Status => View::Status,
            _ => return None,
        };
        let caller = Caller {
            credentials: offer.caller.credentials.clone().of_a_shadow(),
            budget: Budget {
                deadline: Instant::now() + limit,
                per_call: limit,
            },
            spent: Arc::new(Spent::default()),
            early: Arc::default(),
            ..offer.caller.clone()
        };
        Some(Asking {
            sides: self,
            offer,
            caller,
            subject: Subject {
                order: Order::clone(order),
                reference,
            },
            known,
            view,
            shown: OnceLock::new(),
        })
    }

    async fn found(
        &self,
        asking: &Asking<'_>,
        ignore: &[IgnoreRule],
        noise: bool,
    ) -> Result<Found, Trouble> {
        let now = self.payments.clock.now();
        let first = asking.first().await?;
        let mut compared = asking.compare(&first, ignore, now)?;
        // The shop got a refusal of the bridge, whatever a later read says.
        if !compared.is_clean() && !asking.was_refused_here(&first) {
            tokio::time::sleep(PAUSE).await;
            let again = asking.both().await?;
            let second = asking.compare(&again, ignore, now)?;
            compared = lasting(&compared, second);
        }
        let noise = match noise {
            // What is missing here is no reason to forget what was compared.
            true => asking.noise(&first.0, ignore, now).await.unwrap_or(None),
            false => None,
        };
        Ok(Found {
            compared,
            noise,
            order: asking.offer.order_id(),
        })
    }
}

/// An answer that says something of the payment.
fn certain(ecom: Seen) -> Result<Seen, Trouble> {
    match ecom.status {
        408 | 500.. => Err(ShadowOutcome::Failed("ecom-error")),
        _ => Ok(ecom),
    }
}

/// What differs both times, with its newest values.
fn lasting(first: &Compared, second: Compared) -> Compared {
    let both = |one: &Difference| {
        let same = |other: &Difference| other.field == one.field && other.kind == one.kind;
        first.differences.iter().any(same)
    };
    Compared {
        differences: second.differences.into_iter().filter(both).collect(),
        ..second
    }
}

/// One call, and how it is asked again.
struct Asking<'a> {
    sides: &'a Sides,
    offer: &'a Offer,
    caller: Caller,
    subject: Subject,
    known: &'a Known,
    view: View,
    /// What ePayment showed the first time.
    shown: OnceLock<Look>,
}

/// What eCom says, and what the translation of ePayment's word is.
type Both = (Seen, Seen);

impl Asking<'_> {
    /// The merchant's answer, and the other side's.
    async fn first(&self) -> Result<Both, Trouble> {
        let answer = self.offer.answer.clone();
        if answer.status == 429 {
            self.leave_in_peace();
            return Err(LEFT_IN_PEACE);
        }
        match self.offer.route {
            Route::Epayment => Ok((self.ecom().await?, answer)),
            // The shop asked for it compressed, or its client did.
            _ if answer.headers.contains_key(CONTENT_ENCODING) => self.both().await,
            _ => Ok((answer, self.epayment().await?)),
        }
    }

    async fn both(&self) -> Result<Both, Trouble> {
        let (ecom, epayment) = tokio::join!(self.ecom(), self.epayment());
        Ok((certain(ecom?)?, epayment?))
    }

    fn compare(
        &self,
        (control, candidate): &Both,
        ignore: &[IgnoreRule],
        now: Moment,
    ) -> Result<Compared, Trouble> {
        let rules = Rules {
            ignore,
            now,
            elsewhere: true,
            ..Rules::default()
        };
        let (control, candidate) = (control.answered(), candidate.answered());
        compare(
            self.offer.operation,
            Way::Read,
            &control,
            &candidate,
            &rules,
        )
        .map_err(|failure| ShadowOutcome::Failed(failure.word()))
    }

    /// Fields in which eCom differs from itself, both times that it is asked again: what changed once is no noise.
    async fn noise(
        &self,
        control: &Seen,
        ignore: &[IgnoreRule],
        now: Moment,
    ) -> Result<Option<Vec<Difference>>, Trouble> {
        if control.status != 200 {
            return Ok(None);
        }
        let second = certain(self.ecom().await?)?;
        let once = self.compare(&(control.clone(), second.clone()), ignore, now)?;
        if once.is_clean() {
            return Ok(Some(vec![]));
        }
        let third = certain(self.ecom().await?)?;
        let twice = self.compare(&(second, third), ignore, now)?;
        Ok(Some(lasting(&once, twice).differences))
    }

    async fn ecom(&self) -> Result<Seen, Trouble> {
        self.take(1)?;
        let limit = self.caller.budget.left();
        let offer = self.offer;
        let read = self
            .sides
            .ecom
            .read(&offer.target, &offer.request_headers, limit)
            .await
            .map_err(|_| ShadowOutcome::Failed("ecom-no-answer"))?;
        if read.status == 429 {
            self.leave_in_peace();
            return Err(LEFT_IN_PEACE);
        }
        Ok(Seen {
            status: read.status,
            headers: read.headers,
            body: read.body,
        })
    }

    async fn epayment(&self) -> Result<Seen, Trouble> {
        self.take(LOOK)?;
        let Sides {
            payments, epayment, ..
        } = self.sides;
        let reading = Reading {
            view: self.view,
            known: self.known.clone(),
            calls: None,
            fixes_birth: false,
        };
        let answer = match look(epayment, &self.caller, &self.subject).await {
            Ok(look) => {
                let answer = payments
                    .shown(epayment, &self.caller, &self.subject, &reading, &look)
                    .await;
                let _first = self.shown.set(look);
                answer
            }
            Err(NoLook::NotFound) if self.is_regular() => payments.not_found(&Known::default()),
            // It may be Express, which ePayment does not have.
            Err(NoLook::NotFound) => return Err(ShadowOutcome::Filtered("not-in-epayment")),
            Err(NoLook::Refused(429, _)) => {
                self.leave_in_peace();
                return Err(LEFT_IN_PEACE);
            }
            Err(NoLook::Refused(404 | 500.., _)) => {
                return Err(ShadowOutcome::Failed("epayment-error"));
            }
            Err(NoLook::Refused(_, answer)) => *answer,
            Err(NoLook::NoAnswer(_)) => return Err(ShadowOutcome::Failed("epayment-no-answer")),
            Err(NoLook::OfAnother) => return Err(ShadowOutcome::Failed("another-payment")),
        };
        let (head, body) = answer.rendered("shadow").into_parts();
        Ok(Seen {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }

    /// Takes reads from the pace and, of both APIs together, from the payment's share.
    fn take(&self, reads: u32) -> Result<(), Trouble> {
        let Sides {
            payments,
            pace,
            share,
            peace,
            ..
        } = self.sides;
        let (msn, now) = (self.subject.order.scope.msn(), payments.clock.now());
        let reference = &self.subject.reference;
        if msn.is_some_and(|msn| peace.until(msn, now).is_some()) {
            return Err(LEFT_IN_PEACE);
        }
        if !pace.take(reads, Instant::now()) {
            return Err(ShadowOutcome::Dropped("reads-per-second"));
        }
        let percent = self.offer.snapshot.settings.reads.background_share_percent;
        let wanted = (reads as usize, percent);
        if msn.is_some_and(|msn| share.take(msn, reference, wanted, now).is_err()) {
            return Err(ShadowOutcome::Dropped("reads-of-this-payment"));
        }
        Ok(())
    }

    /// Whether the bridge refused what eCom answers. Shops cancel orders on that.
    fn was_refused_here(&self, (control, candidate): &Both) -> bool {
        let refused = (400..500).contains(&candidate.status) && candidate.status != 408;
        self.offer.route == Route::Epayment && control.status == 200 && refused
    }

    fn is_regular(&self) -> bool {
        let payment = self.known.payment.as_ref();
        payment.is_some_and(|payment| payment.facts.kind == Kind::Regular)
    }

    fn leave_in_peace(&self) {
        if let Some(msn) = self.subject.order.scope.msn() {
            self.sides.peace.begin(msn, self.sides.payments.clock.now());
        }
    }
}
