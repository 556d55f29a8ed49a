//! The pure translation, both ways, as a call goes through it: bytes in, bytes out, no network and no store.
//!
//! Must not: leave out a step that a call takes.

use std::hint::black_box;
use std::io;
use std::time::Instant;

use ecom_bridge::ecom::read::object;
use ecom_bridge::ecom::request::{Adjust, InitiatePayment};
use ecom_bridge::epayment::event::PaymentEvent;
use ecom_bridge::epayment::model::{
    Created, CustomerInteraction, Modification, Modified, Money, Payment,
};
use ecom_bridge::epayment::read;
use ecom_bridge::translate::adjust::{self, Asked, Done};
use ecom_bridge::translate::details::{Remembered, Sale, ScopeAsked, Sources, details};
use ecom_bridge::translate::initiate::{self, CreateContext, Rules};
use ecom_bridge::types::{CountryCode, Currency, Moment, MoneyOp, Msn, OrderText, Scope};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/fixtures/", $name, ".json")).as_slice()
    };
}

/// What is translated.
pub const KINDS: [&str; 3] = ["initiate", "capture", "details"];

/// Translates `count` times; prints the microseconds of each.
pub fn run(kind: &str, count: u64) -> io::Result<()> {
    let once = match kind {
        "initiate" => initiate_once,
        "capture" => capture_once,
        "details" => details_once,
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let began = Instant::now();
    for _ in 0..count {
        black_box(once().ok_or(io::ErrorKind::InvalidData)?);
    }
    println!("{}", began.elapsed().as_secs_f64() * 1e6 / count as f64);
    Ok(())
}

fn initiate_once() -> Option<(Vec<u8>, Vec<u8>)> {
    let (body, _) = object::<InitiatePayment>(black_box(fixture!("ecom-initiate-request"))).ok()?;
    let rules = Rules {
        country: CountryCode::parse("47")?,
        allow_http_callbacks: false,
    };
    let command = initiate::check(&body, None, &rules).ok()?;
    if command.untranslatable().is_some() {
        return None;
    }
    let context = CreateContext {
        currency: Currency::Nok,
        interaction: CustomerInteraction::CustomerNotPresent,
        metadata: None,
    };
    let (create, _) = initiate::to_create(&command, command.order.reference()?, context);
    let request = serde_json::to_vec(&create).ok()?;
    let created: Created = read(black_box(fixture!("epayment-create-response"))).ok()?;
    let answer = initiate::to_answer(&command.order, &created, &command.fall_back);
    Some((request, serde_json::to_vec(&answer).ok()?))
}

fn capture_once() -> Option<(Vec<u8>, Vec<u8>)> {
    let (body, _) = object::<Adjust>(black_box(fixture!("ecom-capture-request"))).ok()?;
    let command = adjust::check(MoneyOp::Capture, &body, None).ok()?;
    let Asked::Exactly(amount) = command.asked else {
        return None;
    };
    let modification = Modification {
        modification_amount: Money {
            currency: Currency::Nok,
            value: amount,
        },
    };
    let request = serde_json::to_vec(&modification).ok()?;
    let modified: Modified = read(black_box(fixture!("epayment-capture-response"))).ok()?;
    let done = Done {
        amount,
        transaction_id: Some(modified.psp_reference.clone()),
        at: Moment::from_millis(1_800_000_000_000),
        text: command.text,
    };
    let order = OrderText::parse("wool-2026-0117")?;
    let answer = adjust::to_answer(MoneyOp::Capture, &order, done, &modified.aggregate);
    Some((request, serde_json::to_vec(&answer).ok()?))
}

fn details_once() -> Option<(Vec<u8>, Vec<u8>)> {
    let payment: Payment = read(black_box(fixture!("epayment-payment"))).ok()?;
    let events: Vec<PaymentEvent> = read(black_box(fixture!("epayment-events"))).ok()?;
    let order = OrderText::parse("wool-2026-0117")?;
    let remembered = Remembered {
        text: Some("One knitted sweater, size M".to_owned()),
        request_id: None,
        scope: ScopeAsked::No,
        calls: Vec::new(),
        country: CountryCode::parse("47")?,
        sale: Sale::No,
    };
    let answer = details(
        Sources {
            order: &order,
            scope: &Scope::Unit(Msn::parse("218765")?),
            payment: &payment,
            events: &events,
            remembered: &remembered,
        },
        None,
    );
    Some((Vec::new(), serde_json::to_vec(&answer).ok()?))
}
