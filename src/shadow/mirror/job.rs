//! One call on its way through the mirror: what stands for whom, what is done first, what is asked, and what is known of
//! the twin afterwards.
//!
//! Must not: leave a twin for in step that may not be.

use std::sync::Arc;
use std::time::Instant;

use secrecy::ExposeSecret;

use super::asked::Asked;
use super::raw;
use super::rewrite::{Rewritten, Stage};
use super::step::{self, First, Made, State};
use super::translated::{self, Shared, Terms, Translated};
use super::twin::{Place, Side, Twin};
use super::{Aliases, Two, changes, is_express, is_refusal, not_asked};
use crate::ecom::request::InitiatePayment;
use crate::ecom::route::Operation;
use crate::payments::{self, Caller, Order};
use crate::shadow::offer::{Offer, Seen};
use crate::store::ShadowOutcome;
use crate::telemetry::Route;
use crate::translate::initiate::{PaymentType, payment_type};
use crate::translate::loss::Loss;
use crate::types::{CallerHash, Msn, OrderId, OrderText, Scope};
use crate::upstream::shadow::{ShadowCredentials, ShadowUnit};
use crate::upstream::token::UnitKeys;
use crate::upstream::{Budget, Spent};

/// What came of it.
pub(super) enum Did {
    /// Nothing to compare.
    Nothing(ShadowOutcome),
    /// Both answers.
    Compare(Box<Two>),
}

/// A call that can be mirrored.
pub(super) struct Job<'a> {
    offer: &'a Offer,
    aliases: &'a Aliases,
    /// The merchant's.
    order: &'a Order,
    from: &'a Msn,
    /// The shadow's.
    name: OrderId,
    unit: ShadowUnit,
    phone: secrecy::SecretString,
}

impl<'a> Job<'a> {
    /// The job of an offer.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn of(offer: &'a Offer, aliases: &'a Aliases) -> Result<Self, &'static str> {
        let (order, known) = offer.subject.as_ref().ok_or("no-order")?;
        if offer.route == Route::Pass || not_asked(offer.route, &offer.answer) {
            return Err("not-asked");
        }
        if is_the_merchants_access(&offer.answer) {
            return Err("no-access");
        }
        let payment = known.payment.as_ref();
        if payment.is_some_and(|payment| is_express(payment.facts.kind)) {
            return Err("express");
        }
        if offer.operation == Operation::Initiate {
            let read = crate::ecom::read::object::<InitiatePayment>(&offer.request_body);
            let (body, _) = read.map_err(|_| "unreadable")?;
            if payment_type(&body) != PaymentType::Regular {
                return Err("express");
            }
        }
        let Scope::Unit(from) = &order.scope else {
            return Err("no-unit");
        };
        let own = offer.snapshot.settings.shadow_of(Some(from)).clone();
        let (Some(msn), Some(phone)) = (own.msn, own.phone_number) else {
            return Err("no-shadow-unit");
        };
        let (Some(client_id), Some(client_secret), Some(subscription_key)) =
            (own.client_id, own.client_secret, own.subscription_key)
        else {
            return Err("no-shadow-unit");
        };
        let name = aliases.order(&order.scope, &order.order);
        Ok(Self {
            offer,
            aliases,
            order,
            from,
            name: name.ok_or("untranslatable")?,
            unit: ShadowUnit {
                msn,
                keys: UnitKeys {
                    client_id,
                    client_secret,
                    subscription_key,
                },
            },
            phone,
        })
    }

    /// Does it, and keeps the twin's state.
    pub(super) async fn work(&self, shared: &Shared, place: &Place) -> Did {
        let operation = self.offer.operation;
        let doubt = changes(operation).then(|| place.doubt());
        let mut slot = place.twin.lock().await;
        if place.is_lost() {
            return Did::Nothing(ShadowOutcome::Filtered("twin-lost"));
        }
        let is_new = slot.is_none();
        if is_new && operation == Operation::Initiate {
            *slot = self.fresh(shared);
        }
        let asked = match slot.as_mut() {
            Some(twin) => self.asked(shared, place, twin).await,
            None => Err(ShadowOutcome::Filtered("no-twin")),
        };
        let done = match &asked {
            Ok((seen, _)) => Some(is_success(seen)),
            // Nothing was done, which fits what was refused to the merchant.
            Err(ShadowOutcome::Filtered(_)) => Some(false),
            Err(_) => None,
        };
        let merchants = &self.offer.answer;
        let is_known = is_success(merchants) || is_refusal(merchants);
        if let Some(doubt) = doubt
            && is_known
            && done == Some(is_success(merchants))
        {
            doubt.settle();
        }
        let did = match (asked, slot.as_ref()) {
            // What became of the merchant's call is not known: there is nothing to hold the answer against.
            (Ok(_), _) if !is_known => Did::Nothing(ShadowOutcome::Filtered("no-certain-outcome")),
            (Ok((seen, losses)), Some(twin)) => self.two(twin, seen, losses),
            (Ok(_), None) => Did::Nothing(ShadowOutcome::Filtered("no-twin")),
            (Err(outcome), _) => Did::Nothing(outcome),
        };
        if is_new && done != Some(true) {
            *slot = None;
        }
        did
    }

    /// A twin that is still to be made: through the API that the merchant's was not.
    fn fresh(&self, shared: &Shared) -> Option<Twin> {
        let side = if self.offer.route == Route::Ecom {
            let order = Order {
                scope: Scope::Unit(self.unit.msn.clone()),
                order: OrderText::from(self.name.clone()),
                ..self.order.clone()
            };
            Side::Epayment(Box::new(Translated::new(shared, order)?))
        } else {
            Side::Ecom
        };
        Some(Twin {
            side,
            state: State::Open,
            made: Made::default(),
            token: None,
        })
    }

    /// What the shadow upstream answers.
    async fn asked(
        &self,
        shared: &Shared,
        place: &Place,
        twin: &mut Twin,
    ) -> Result<(Seen, Vec<Loss>), ShadowOutcome> {
        let offer = self.offer;
        if offer.route == Route::Refused && matches!(twin.side, Side::Epayment(_)) {
            return Err(ShadowOutcome::Filtered("refused-here"));
        }
        let request =
            self.stage(twin)
                .rewrite(offer.operation, &offer.request_headers, &offer.request_body);
        let request = request.ok_or(ShadowOutcome::Filtered("unreadable"))?;
        let first = step::first(twin.state, offer.operation, &offer.answer);
        if let First::GiveUp(reason) = first {
            place.lose();
            return Err(ShadowOutcome::Filtered(reason));
        }
        if offer.route == Route::Ecom
            && step::is_changed_elsewhere(twin.made, offer.operation, &offer.answer)
        {
            place.lose();
            return Err(ShadowOutcome::Filtered("changed-elsewhere"));
        }
        for again in [true, false] {
            let pass = shared
                .upstream
                .credentials(&self.unit, &offer.request_headers)
                .await
                .map_err(|_| ShadowOutcome::Failed("no-token"))?;
            let try_it = Try {
                job: self,
                shared,
                pass: &pass,
                request: &request,
            };
            let asked = match first {
                First::Approve if twin.state == State::Open => {
                    try_it.approve_and_ask(place, twin).await
                }
                _ => try_it.ask(twin).await,
            };
            match asked {
                Asked::Answered(seen, losses) => {
                    if is_success(&seen) {
                        try_it.note(place, twin, &seen).await;
                    }
                    return Ok((*seen, losses));
                }
                Asked::Unauthorized if again => shared.upstream.refused(&self.unit, &pass).await,
                Asked::Unauthorized => return Err(ShadowOutcome::Failed("unauthorized")),
                Asked::Filtered(reason) => return Err(ShadowOutcome::Filtered(reason)),
                Asked::Failed(reason) => return Err(ShadowOutcome::Failed(reason)),
            }
        }
        Err(ShadowOutcome::Failed("unauthorized"))
    }

    fn stage<'b>(&'b self, twin: &'b Twin) -> Stage<'b> {
        Stage {
            aliases: self.aliases,
            order: &self.name,
            from: self.from,
            to: &self.unit.msn,
            phone: self.phone.expose_secret(),
            country: &self.order.country,
            http: self.offer.snapshot.settings.callbacks.allow_http,
            token: twin.token.as_deref(),
        }
    }

    /// Both answers, eCom's as the control, with the same names in both.
    fn two(&self, twin: &Twin, seen: Seen, losses: Vec<Loss>) -> Did {
        let offer = self.offer;
        if twin.side.is(offer.route) {
            return Did::Nothing(ShadowOutcome::Filtered("same-api"));
        }
        let stage = self.stage(twin);
        let merchants = Seen {
            body: stage.comparable(&offer.answer.body),
            ..offer.answer.clone()
        };
        let two = match twin.side {
            Side::Epayment(_) => Two {
                control: merchants,
                candidate: seen,
                order: self.name.as_str().to_owned(),
                losses,
            },
            Side::Ecom => {
                let (headers, body) = (&offer.request_headers, &offer.request_body);
                let request = stage.rewrite(offer.operation, headers, body);
                let losses = request
                    .filter(|_| offer.operation == Operation::Initiate)
                    .map(|request| translated::losses_of_initiate(&request, self.order));
                Two {
                    control: seen,
                    candidate: merchants,
                    order: self.order.order.as_str().to_owned(),
                    losses: losses.unwrap_or_default(),
                }
            }
        };
        Did::Compare(Box::new(two))
    }
}

/// One try with one token.
struct Try<'a> {
    job: &'a Job<'a>,
    shared: &'a Shared,
    pass: &'a ShadowCredentials,
    request: &'a Rewritten,
}

impl Try<'_> {
    async fn ask(&self, twin: &Twin) -> Asked {
        let operation = self.job.offer.operation;
        match &twin.side {
            Side::Ecom => raw::ask(self.way(), operation, &self.job.name, self.request).await,
            Side::Epayment(translated) => {
                let terms = self.job.terms();
                let caller = self.caller();
                translated
                    .ask(operation, self.request, &caller, terms)
                    .await
            }
        }
    }

    /// The test user approves first.
    async fn approve_and_ask(&self, place: &Place, twin: &mut Twin) -> Asked {
        let doubt = place.doubt();
        let (job, token) = (self.job, twin.token.as_deref());
        let phone = job.phone.expose_secret();
        let approved = match &twin.side {
            Side::Ecom => {
                let user = (phone, &job.order.country);
                raw::approve(self.way(), &job.name, &job.unit.msn, user, token).await
            }
            Side::Epayment(translated) => translated.approve(&self.caller(), phone, token).await,
        };
        match approved {
            Asked::Answered(seen, _) if is_success(&seen) => {}
            Asked::Unauthorized => {
                doubt.settle();
                return Asked::Unauthorized;
            }
            _ => return Asked::Failed("not-approved"),
        }
        twin.state = State::Approved;
        if let Err(reason) = self.capture_directly(twin).await {
            return Asked::Failed(reason);
        }
        doubt.settle();
        self.ask(twin).await
    }

    /// Where the bridge captures the merchant's payments itself, it does the twin's.
    async fn capture_directly(&self, twin: &Twin) -> Result<(), &'static str> {
        match &twin.side {
            Side::Ecom => Ok(()),
            Side::Epayment(translated) => translated.capture_directly(&self.caller()).await,
        }
    }

    /// What was done is noted.
    async fn note(&self, place: &Place, twin: &mut Twin, seen: &Seen) {
        twin.made.note(self.job.offer.operation);
        match self.job.offer.operation {
            Operation::Initiate => twin.token = token_of(seen),
            Operation::Approve => {
                twin.state = State::Approved;
                if self.capture_directly(twin).await.is_err() {
                    place.lose();
                }
            }
            Operation::Cancel if twin.state == State::Open => twin.state = State::Ended,
            _ => {}
        }
    }

    fn way(&self) -> raw::Way<'_> {
        raw::Way {
            upstream: &self.shared.upstream,
            pass: self.pass,
            budget: self.job.budget(),
        }
    }

    fn caller(&self) -> Caller {
        let settings = &self.job.offer.snapshot.settings;
        let (retries, recovery) = (settings.upstream.retries, settings.store.recovery_metadata);
        Caller {
            credentials: self.pass.credentials().clone(),
            hash: CallerHash::of(b"", &self.shared.secret),
            budget: self.job.budget(),
            terms: payments::Terms::new(retries, settings.shadow.timeout, recovery),
            spent: Arc::new(Spent::default()),
            early: Arc::default(),
        }
    }
}

impl Job<'_> {
    /// More than there is: the end of the whole call cuts it, so that silence is told as such.
    fn budget(&self) -> Budget {
        let per_call = self.offer.snapshot.settings.shadow.timeout * 2;
        Budget {
            deadline: Instant::now() + per_call,
            per_call,
        }
    }

    fn terms(&self) -> Terms {
        let snapshot = &self.offer.snapshot;
        Terms {
            interaction: snapshot.settings.merchant(self.from).customer_interaction,
            transaction_id: snapshot.policy.transaction_id(Some(self.from)),
        }
    }
}

fn is_success(seen: &Seen) -> bool {
    (200..300).contains(&seen.status)
}

/// A refusal of the gateway: about the merchant's token, keys or limits, which a shadow does not have.
fn is_the_merchants_access(answer: &Seen) -> bool {
    let is_told_by_ecom = || {
        let entries = serde_json::from_slice::<Vec<serde_json::Value>>(&answer.body);
        entries.is_ok_and(|entries| entries.iter().any(|entry| entry.get("errorCode").is_some()))
    };
    match answer.status {
        401 | 429 => true,
        403 => !is_told_by_ecom(),
        _ => false,
    }
}

/// The token in the URL of an initiate's answer (eCom API guide, "Force approve").
fn token_of(seen: &Seen) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&seen.body).ok()?;
    let (_, rest) = body.get("url")?.as_str()?.split_once("token=")?;
    let token = rest.split(['&', '#']).next().unwrap_or(rest);
    (!token.is_empty()).then(|| token.to_owned())
}
