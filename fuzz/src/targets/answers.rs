//! What upstream answers: the first byte chooses what it is an answer to, the rest is its body.

use serde::Deserialize;

use crate::epayment::event::PaymentEvent;
use crate::epayment::model::{Created, Modified, Payment, UserDetails, Userinfo};
use crate::epayment::problem::Problem;
use crate::translate::adjust::{by_state, may_cancel, remaining, summary};
use crate::translate::details::{Remembered, Sale, ScopeAsked, Sources, details, status};
use crate::translate::error::{During, Meaning, ecom_field, meaning, to_failure};
use crate::translate::recovery;
use crate::types::{CountryCode, MoneyOp, Msn, OrderText, Scope};

/// What details is made of.
#[derive(Deserialize)]
struct Told {
    payment: Payment,
    #[serde(default)]
    events: Vec<PaymentEvent>,
    user: Option<UserDetails>,
}

/// Nothing that upstream says panics, what remains is never more than what is there, and a doubt stays one.
pub fn run(data: &[u8]) {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    match first % 4 {
        0 => told(body),
        1 => problem(body, u16::from(first >> 2) + 400),
        2 => {
            let _any = serde_json::from_slice::<Created>(body);
            let _any = serde_json::from_slice::<Userinfo>(body);
            if let Ok(modified) = serde_json::from_slice::<Modified>(body) {
                let _any = summary(&modified.aggregate);
            }
        }
        _ => {
            if let Ok(metadata) = serde_json::from_slice(body) {
                let _any = recovery::read(&metadata);
            }
        }
    }
}

fn told(body: &[u8]) {
    let Ok(told) = serde_json::from_slice::<Told>(body) else {
        return;
    };
    let payment = &told.payment;
    let sums = &payment.aggregate;
    for op in MoneyOp::ALL {
        if let Ok(amount) = remaining(op, payment) {
            assert!(!amount.is_zero(), "nothing is left, and it is sent: {sums:?}");
        }
        let _any = by_state(op, payment);
    }
    let _any = may_cancel(payment);
    let (Some(order), Some(msn)) = (OrderText::parse("order-0001"), Msn::parse("123456")) else {
        return;
    };
    let scope = Scope::Unit(msn);
    let asked = ["name email", ""].map(|words| ScopeAsked::Yes(words.to_owned()));
    for asked in asked.into_iter().chain([ScopeAsked::No, ScopeAsked::NotKnown]) {
        for sale in [Sale::No, Sale::Pending] {
            let remembered = Remembered {
                text: None,
                request_id: None,
                scope: asked.clone(),
                calls: Vec::new(),
                country: CountryCode::default(),
                sale,
            };
            let sources = Sources {
                order: &order,
                scope: &scope,
                payment,
                events: &told.events,
                remembered: &remembered,
            };
            let shown = details(sources, told.user.as_ref());
            assert!(serde_json::to_string(&shown).is_ok());
            assert!(asked != ScopeAsked::No || shown.user_details.is_none());
            let _any = status(sources);
        }
    }
}

fn problem(body: &[u8], http: u16) {
    let Some(problem) = Problem::read(body) else {
        return;
    };
    let calls = MoneyOp::ALL.map(During::Adjust);
    for during in calls.into_iter().chain([During::Initiate, During::Read, During::Approve]) {
        let meaning = meaning(&problem, http, during);
        let failure = to_failure(&meaning, &problem, http);
        assert!(failure.status >= 400, "{meaning:?}");
        assert!(meaning != Meaning::Unknown || failure.status != 404, "a doubt is no 404");
        assert!(!failure.entries.is_empty());
    }
    for field in problem.fields() {
        let _any = ecom_field(&field.name);
    }
    let _any = problem.trace();
}
