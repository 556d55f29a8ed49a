//! eCom's details and status: the shared event log in eCom's words.
//!
//! Newest first. INITIATE and RESERVE share one number. The summary is absent until the user has acted. A failed
//! reservation shows only once the payment is final. Source: eCom guide, "Get payment details" and state tables.

use serde_json::{Value, json};

use super::World;
use super::ecom::summary;
use super::payment::{Event, Payment};
use crate::ecom::error::Failure;
use crate::ecom::response::{Details, LogEntry, LogOperation, Status, StatusInfo, StatusWord};
use crate::epayment::event::EventName;
use crate::epayment::model::State;
use crate::types::{Moment, Msn};

impl World {
    /// `GET …/details`.
    ///
    /// # Errors
    /// 35 for what eCom does not know.
    pub fn ecom_details(&mut self, msn: &Msn, order: &str, now: Moment) -> Result<Value, Failure> {
        self.tick(now);
        let payment = self.ecom_payment(msn, order)?;
        let acted = matches!(payment.state, State::Authorized | State::Aborted);
        let summary = acted.then(|| {
            let mut summary = summary(payment);
            if payment.state == State::Authorized {
                summary.bank_identification_number = Some(540_185);
            }
            summary
        });
        let mut log: Vec<LogEntry> = shown(payment).map(|event| entry(payment, event)).collect();
        log.reverse();
        let details = Details {
            order_id: payment.reference.clone(),
            transaction_log_history: log,
            transaction_summary: summary,
            sub: payment
                .user
                .as_ref()
                .filter(|_| payment.scope.is_some())
                .map(|u| u.sub.clone()),
            user_details: None,
        };
        let mut body = json!(details);
        if let Some(object) = body.as_object_mut() {
            if let Some(user) = payment.ecom_user() {
                object.insert("userDetails".to_owned(), user);
            }
            if let Some(shipping) = payment.shipping() {
                object.insert("shippingDetails".to_owned(), shipping);
            }
        }
        Ok(body)
    }

    /// `GET …/status`.
    ///
    /// # Errors
    /// 35 for what eCom does not know.
    pub fn ecom_status(&mut self, msn: &Msn, order: &str, now: Moment) -> Result<Value, Failure> {
        self.tick(now);
        let payment = self.ecom_payment(msn, order)?;
        let Some(event) = shown(payment).last() else {
            return Err(Failure::code(crate::ecom::error::Code::Vipps99));
        };
        let entry = entry(payment, event);
        let status = match event.name {
            EventName::Expired => StatusWord::Rejected,
            _ if !event.success => StatusWord::Failed,
            _ => word(entry.operation),
        };
        Ok(json!(Status {
            order_id: payment.reference.clone(),
            transaction_info: StatusInfo {
                amount: entry.amount,
                status,
                time_stamp: entry.time_stamp,
                transaction_id: entry.transaction_id,
            },
        }))
    }
}

/// The events that eCom shows, oldest first. A direct capture is one entry with its reservation.
fn shown(payment: &Payment) -> impl Iterator<Item = &Event> {
    let direct = is_direct(payment);
    let last_capture_of_sale = if direct {
        payment
            .events
            .iter()
            .position(|e| e.name == EventName::Captured)
    } else {
        None
    };
    payment
        .events
        .iter()
        .enumerate()
        .filter(move |(at, event)| {
            let open_failure = !event.success && payment.state == State::Created;
            !open_failure && Some(*at) != last_capture_of_sale
        })
        .map(|(_, event)| event)
}

fn is_direct(payment: &Payment) -> bool {
    payment.ecom.as_ref().is_some_and(|e| e.direct)
}

fn entry(payment: &Payment, event: &Event) -> LogEntry {
    let operation = match event.name {
        EventName::Created | EventName::Unknown => LogOperation::Initiate,
        EventName::Authorized if is_direct(payment) && event.success => LogOperation::Sale,
        EventName::Authorized => LogOperation::Reserve,
        EventName::Captured => LogOperation::Capture,
        EventName::Refunded => LogOperation::Refund,
        EventName::Cancelled => LogOperation::Void,
        EventName::Terminated | EventName::Aborted | EventName::Expired => LogOperation::Cancel,
    };
    let initiated = payment.events.first().and_then(|e| e.text.as_deref());
    let transaction_id = if event.name == EventName::Created {
        payment.first_number.clone()
    } else {
        event.number.clone()
    };
    LogEntry {
        amount: event.amount,
        operation,
        operation_success: event.success,
        request_id: event.request_id.clone().unwrap_or_default(),
        time_stamp: event.at.to_string(),
        transaction_id,
        transaction_text: event
            .text
            .as_deref()
            .or(initiated)
            .unwrap_or_default()
            .to_owned(),
    }
}

const fn word(operation: LogOperation) -> StatusWord {
    match operation {
        LogOperation::Initiate => StatusWord::Initiate,
        LogOperation::Reserve => StatusWord::Reserve,
        LogOperation::Sale => StatusWord::Sale,
        LogOperation::Capture => StatusWord::Capture,
        LogOperation::Refund => StatusWord::Refund,
        LogOperation::Cancel => StatusWord::Cancel,
        LogOperation::Void => StatusWord::Void,
    }
}
