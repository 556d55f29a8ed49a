//! The other way of a call that went to eCom: the bridge's own, to ePayment at the shadow upstream.
//!
//! The use cases are those of a merchant's call, over records in memory and the shadow's client; the steps are those of
//! `proxy::calls`. Must not: call back, work in the background, or touch the bridge's store.

use std::sync::Arc;

use http::HeaderMap;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::asked::{Asked, why};
use super::rewrite::{REQUEST_ID, Rewritten, says_json};
use crate::ecom::error::Failure;
use crate::ecom::request::{Adjust, ForceApprove, InitiatePayment};
use crate::ecom::route::Operation;
use crate::epayment::model::{Customer, CustomerInteraction, ForceApprove as Approval, Money};
use crate::lifecycle::Lifecycle;
use crate::payments::{
    self, AdjustOptions, Adjustment, Caller, DirectCapture, NewOrder, NoLook, Order, Parts,
    Payments, Reading, Subject, View,
};
use crate::routing::TransactionIdSource;
use crate::shadow::mirror::asked;
use crate::store::{Known, PaymentInMemory};
use crate::telemetry::Meters;
use crate::translate::loss::Loss;
use crate::translate::{adjust, approve, initiate};
use crate::types::{Clock, KeyMaker, MoneyOp, RequestId, StoreSecret};
use crate::upstream::MERCHANT_SERIAL_NUMBER;
use crate::upstream::shadow::ShadowUpstream;

/// A payment at the shadow upstream, as the bridge makes it there.
pub(super) struct Translated {
    payments: Arc<Payments>,
    subject: Subject,
}

/// What every twin shares.
pub(super) struct Shared {
    /// The only place that is asked.
    pub(super) upstream: ShadowUpstream,
    /// Not the bridge's own.
    pub(super) meters: Arc<Meters>,
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
    /// Of the records in memory.
    pub(super) secret: StoreSecret,
}

/// What the configuration says of the unit's calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) interaction: CustomerInteraction,
    pub(super) transaction_id: TransactionIdSource,
}

/// Gives the answer to a refusal.
macro_rules! or_refused {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(failure) => return Asked::refused(failure),
        }
    };
}

impl Translated {
    /// A payment that is still to be made; none where ePayment can't name the order.
    pub(super) fn new(shared: &Shared, order: Order) -> Option<Self> {
        let reference = order.order.reference()?;
        let records = Arc::new(PaymentInMemory::new(shared.secret.clone()));
        // Ended before it begins: what is not known now is not looked for later.
        let lifecycle = Lifecycle::new();
        lifecycle.begin_shutdown();
        let payments = Payments::new(Parts {
            store: Arc::<PaymentInMemory>::clone(&records),
            ledger: records,
            epayment: shared.upstream.epayment().clone(),
            clock: Arc::clone(&shared.clock),
            sealer: None,
            meters: Arc::clone(&shared.meters),
            lifecycle,
        });
        let subject = Subject { order, reference };
        Some(Self { payments, subject })
    }

    /// What a call would have been answered.
    pub(super) async fn ask(
        &self,
        operation: Operation,
        request: &Rewritten,
        caller: &Caller,
        terms: Terms,
    ) -> Asked {
        match operation {
            Operation::Initiate => self.initiate(request, caller, terms).await,
            Operation::Capture => self.adjust(MoneyOp::Capture, request, caller, terms).await,
            Operation::Cancel => self.adjust(MoneyOp::Cancel, request, caller, terms).await,
            Operation::Refund => self.adjust(MoneyOp::Refund, request, caller, terms).await,
            Operation::Details => self.read(View::Details, caller).await,
            Operation::Status => self.read(View::Status, caller).await,
            Operation::Approve => {
                let body: ForceApprove = or_refused!(json(request));
                let approval = or_refused!(approve::to_approve(&body, &self.subject.country));
                let answer = self.payments.approve(caller, &self.subject, &approval);
                Asked::told(answer.await, Vec::new())
            }
        }
    }

    /// The test user approves.
    pub(super) async fn approve(&self, caller: &Caller, phone: &str, token: Option<&str>) -> Asked {
        let approval = Approval {
            customer: Some(Customer {
                phone_number: Some(phone.to_owned()),
            }),
            token: token.map(str::to_owned),
        };
        let answer = self.payments.approve(caller, &self.subject, &approval);
        Asked::told(answer.await, Vec::new())
    }

    /// Where the merchant's payment is captured by the bridge, the twin is, too.
    pub(super) async fn capture_directly(&self, caller: &Caller) -> Result<(), &'static str> {
        if !self.subject.direct_capture {
            return Ok(());
        }
        let capture = self.payments.capture_directly(caller, &self.subject);
        match capture.await {
            DirectCapture::Done { .. } => Ok(()),
            _ => Err("not-captured"),
        }
    }

    async fn initiate(&self, request: &Rewritten, caller: &Caller, terms: Terms) -> Asked {
        let body: InitiatePayment = or_refused!(json(request));
        let rules = initiate::Rules {
            country: self.subject.country.clone(),
            allow_http_callbacks: false,
        };
        let msn = text(&request.headers, &MERCHANT_SERIAL_NUMBER);
        let command = or_refused!(initiate::check(&body, msn, &rules));
        if let Some(reason) = command.untranslatable() {
            return Asked::Filtered(reason.code());
        }
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&Sha256::digest(&request.body)[..16]);
        let new = NewOrder {
            command,
            fingerprint,
            request_id: or_refused!(request_id(&request.headers)),
            interaction: terms.interaction,
            random: uuid::Uuid::new_v4(),
            poll_after: None,
            end_after: None,
        };
        let (answer, losses) = self.payments.initiate(caller, &self.subject, &new).await;
        Asked::told(answer, losses)
    }

    async fn adjust(
        &self,
        op: MoneyOp,
        request: &Rewritten,
        caller: &Caller,
        terms: Terms,
    ) -> Asked {
        let body: Adjust = or_refused!(json(request));
        let request_id = or_refused!(request_id(&request.headers));
        let msn = text(&request.headers, &MERCHANT_SERIAL_NUMBER);
        let command = or_refused!(adjust::check(op, &body, msn));
        let mut losses = command.losses.clone();
        if request_id
            .as_ref()
            .is_some_and(|id| !KeyMaker::is_carried(id))
        {
            losses.push(Loss::RequestIdHashed);
        }
        let known = match self.payments.known(caller, &self.subject).await {
            Ok(known) => known,
            Err(answer) => return Asked::told(answer, Vec::new()),
        };
        let options = AdjustOptions {
            transaction_id: terms.transaction_id,
            known: true,
            whole: true,
            created: created_over(&known),
        };
        let asked = Adjustment {
            op,
            command,
            request_id,
            random: uuid::Uuid::new_v4(),
        };
        let answer = self
            .payments
            .adjust(caller, &self.subject, &asked, options, None)
            .await;
        Asked::told(answer, losses)
    }

    async fn read(&self, view: View, caller: &Caller) -> Asked {
        let payments = &self.payments;
        let known = match payments.known(caller, &self.subject).await {
            Ok(known) => known,
            Err(answer) => return Asked::told(answer, Vec::new()),
        };
        let reading = Reading {
            view,
            known,
            calls: None,
            fixes_birth: false,
        };
        let epayment = &payments.epayment;
        let answer = match payments::look(epayment, caller, &self.subject).await {
            Ok(look) => {
                payments
                    .shown(epayment, caller, &self.subject, &reading, &look)
                    .await
            }
            // The merchant would be told of a doubt; the twin was made, so this is a difference.
            Err(NoLook::NotFound) => payments.not_found(&reading.known),
            Err(NoLook::OfAnother) => {
                Failure::unreachable("ePayment answered for another payment").into()
            }
            Err(NoLook::Refused(401, _)) => return Asked::Unauthorized,
            Err(NoLook::Refused(408 | 429, _)) => return Asked::Failed("limited"),
            Err(NoLook::Refused(500.., _)) => return Asked::Failed("server-error"),
            Err(NoLook::Refused(_, answer)) => *answer,
            Err(NoLook::NoAnswer(failure)) => return Asked::Failed(why(&failure)),
        };
        Asked::Answered(Box::new(asked::seen(answer)), Vec::new())
    }
}

/// What the translation of an initiate tells as lost.
pub(super) fn losses_of_initiate(request: &Rewritten, order: &Order) -> Vec<Loss> {
    let rules = initiate::Rules {
        country: order.country.clone(),
        allow_http_callbacks: false,
    };
    let msn = text(&request.headers, &MERCHANT_SERIAL_NUMBER);
    let checked =
        json::<InitiatePayment>(request).and_then(|body| initiate::check(&body, msn, &rules));
    checked.map_or_else(|_| Vec::new(), |command| command.losses)
}

fn created_over(known: &Known) -> Option<Money> {
    let facts = &known.payment.as_ref()?.facts;
    Some(Money {
        currency: facts.currency?,
        value: facts.amount?,
    })
}

/// As the bridge reads it.
fn json<T: DeserializeOwned>(request: &Rewritten) -> Result<T, Failure> {
    if !says_json(&request.headers) {
        let told = "The media type must be application/json";
        return Err(Failure::field("Content-Type", told).with_status(415));
    }
    crate::ecom::read::object(&request.body).map(|(body, _unknown)| body)
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then_some(value)
}

fn request_id(headers: &HeaderMap) -> Result<Option<RequestId>, Failure> {
    let Some(id) = text(headers, &REQUEST_ID) else {
        return Ok(None);
    };
    let wrong = || Failure::field("X-Request-Id", "must be at most 64 printable characters");
    RequestId::parse(id).map(Some).ok_or_else(wrong)
}
