//! Works on one call in the way that was planned for it, and keeps it for a replay where that is wanted.
//!
//! Must not: decide whether a call is compared (`plan` did), or count (`books` do).

use std::time::Duration;

use async_trait::async_trait;

use super::books::{End, Found};
use super::compare::{Compared, IgnoreRule, Rules};
use super::dry::{DryCall, dry};
use super::lanes::{Planned, Work};
use super::mirror::{Mirror, Turn};
use super::offer::Offer;
use super::read::Sides;
use super::record::{Recorder, Taken};
use crate::payments::Look;
use crate::settings::Shadow as ShadowSettings;
use crate::store::{ShadowOutcome, Way};

/// The longest that a recording waits for the record's calls.
const RECORDING: Duration = Duration::from_millis(200);

/// What comparisons are made with.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) settings: ShadowSettings,
    pub(super) ignore: Vec<IgnoreRule>,
    pub(super) sides: Sides,
    /// Of write mode.
    pub(super) mirror: Option<Mirror>,
    pub(super) recorder: Option<Recorder>,
}

#[async_trait]
impl Work for Worker {
    async fn compare(&self, planned: Planned, offer: Offer) -> End {
        let Planned { way, turn } = planned;
        let (end, look) = match way {
            Way::Dry => (self.dry(&offer), None),
            Way::Read => {
                let drawn = uuid::Uuid::new_v4().as_u128() % 100;
                let noise = drawn < u128::from(self.settings.noise_percent);
                let sides = &self.sides;
                sides
                    .compared(&offer, &self.ignore, &self.settings, noise)
                    .await
            }
            Way::Write => (self.mirrored(turn, &offer).await, None),
        };
        let recorded = self.record(&offer, way, look.as_ref());
        // A comparison that was made counts, however slow the store is.
        let _in_time = tokio::time::timeout(RECORDING, recorded).await;
        end
    }
}

impl Worker {
    fn dry(&self, offer: &Offer) -> End {
        let now = self.sides.payments.clock.now();
        let dried = dry(&DryCall::of(offer));
        let control = offer.answer.answered();
        let judged = dried.against(offer.operation, &control, &self.ignore, now);
        end(judged.outcome, judged.compared, offer)
    }

    async fn mirrored(&self, turn: Option<Turn>, offer: &Offer) -> End {
        let (Some(mirror), Some(turn)) = (&self.mirror, turn) else {
            return End::Not(ShadowOutcome::Filtered("no-twin"));
        };
        let rules = Rules {
            ignore: &self.ignore,
            now: self.sides.payments.clock.now(),
            ..Rules::default()
        };
        let (outcome, compared) = mirror.mirror(turn, offer, &rules).await;
        end(outcome, compared, offer)
    }

    async fn record(&self, offer: &Offer, way: Way, look: Option<&Look>) {
        let (Some(recorder), Some((order, _))) = (&self.recorder, &offer.subject) else {
            return;
        };
        let payments = &self.sides.payments;
        let calls = payments.store.adjustments(&order.scope, &order.order);
        let calls = calls.await;
        // Without the record's calls a replay would miss their texts.
        let Ok((calls, _)) = calls else { return };
        recorder.offer(&Taken {
            calls: &calls,
            look,
            elsewhere: way == Way::Read,
            ..Taken::of(offer, payments.clock.now(), way)
        });
    }
}

fn end(outcome: ShadowOutcome, compared: Compared, offer: &Offer) -> End {
    match outcome {
        ShadowOutcome::Clean | ShadowOutcome::Differing => End::Compared(Box::new(Found {
            compared,
            noise: None,
            order: offer.order_id(),
        })),
        not => End::Not(not),
    }
}
