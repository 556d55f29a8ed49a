//! The ePayment requests that a shop's own code must make instead of its calls of eCom: derived from the calls seen.
//!
//! The bodies are made by the translation itself, from a call of eCom that uses the members that were seen, with made-up
//! values. Must not: show a value of a merchant, or be a second form of the mapping.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::Facts;
use super::tally::{Tallies, Tally};
use crate::ecom::request::InitiatePayment;
use crate::ecom::route::Operation;
use crate::ecom::used::Member;
use crate::epayment::model::{Modification, Money};
use crate::observe::mark::{DONE, USED};
use crate::translate::initiate::{CreateContext, Rules, check, to_create};
use crate::types::{Amount, CountryCode, Currency};

const REFERENCE: &str = "order-0001";
const AMOUNT: i64 = 49_900;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// The eCom operation that it stands in for; `callbacks` for the registration of webhooks.
    pub instead_of: &'static str,
    /// How many of these calls were seen.
    pub seen: u64,
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// Headers, with made-up values.
    pub headers: BTreeMap<&'static str, String>,
    /// The body, where there is one.
    pub body: Option<Value>,
    /// What else is different.
    pub notes: Vec<String>,
}

/// The requests for all operations that were seen.
pub(super) fn examples(tallies: &Tallies, facts: &Facts) -> Vec<Example> {
    let mut all = Vec::new();
    for operation in Operation::ALL {
        let tally = tallies.whole(operation);
        if tally.calls() == 0 {
            continue;
        }
        match operation {
            Operation::Initiate => all.extend(initiate(&tally, facts)),
            Operation::Capture | Operation::Refund | Operation::Cancel => {
                all.push(change(operation, &tally, facts));
            }
            Operation::Details | Operation::Status => all.extend(read(operation, &tally, facts)),
            // Of the test environment only.
            Operation::Approve => {}
        }
    }
    all
}

fn used(tally: &Tally, member: Member) -> u64 {
    tally.of(&format!("{USED}{}", member.word()))
}

fn headers(facts: &Facts, writes: bool, body: bool) -> BTreeMap<&'static str, String> {
    let mut headers = BTreeMap::from([
        ("Authorization", "Bearer <access token>".to_owned()),
        ("Ocp-Apim-Subscription-Key", "<subscription key>".to_owned()),
        ("Merchant-Serial-Number", facts.msn.to_string()),
        ("Vipps-System-Name", "<your system>".to_owned()),
    ]);
    if writes {
        headers.insert(
            "Idempotency-Key",
            "49ca711a-acee-4d01-993b-9487112e1def".to_owned(),
        );
    }
    if body {
        headers.insert("Content-Type", "application/json".to_owned());
    }
    headers
}

/// How a shop brings its users to the app: each way that it uses is a request of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Web,
    App,
    Push,
}

fn initiate(tally: &Tally, facts: &Facts) -> Vec<Example> {
    let push = used(tally, Member::SkipLandingPage);
    let app = used(tally, Member::IsApp);
    let web = tally.calls().saturating_sub(push).saturating_sub(app);
    let mut all: Vec<Example> = [(Way::Web, web), (Way::App, app), (Way::Push, push)]
        .into_iter()
        .filter(|(_, seen)| *seen > 0)
        .filter_map(|(way, seen)| create(tally, facts, way, seen))
        .collect();
    if used(tally, Member::CallbackPrefix) > 0 {
        all.push(webhook(tally, facts));
    }
    all
}

/// A create request, by the translation.
fn create(tally: &Tally, facts: &Facts, way: Way, seen: u64) -> Option<Example> {
    let has = |member| used(tally, member) > 0;
    let mut call = json!({
        "customerInfo": {},
        "merchantInfo": {
            "merchantSerialNumber": facts.msn.as_str(),
            "callbackPrefix": "https://shop.example/callbacks",
            "fallBack": format!("https://shop.example/return?order={REFERENCE}"),
            "isApp": way == Way::App,
        },
        "transaction": {
            "amount": AMOUNT,
            "orderId": REFERENCE,
            "transactionText": if has(Member::TransactionText) { "Two pairs of socks" } else { "" },
            "skipLandingPage": way == Way::Push,
        },
    });
    if has(Member::MobileNumber) || way == Way::Push {
        call["customerInfo"]["mobileNumber"] = json!("90000001");
    }
    if has(Member::Scope) {
        call["transaction"]["scope"] = json!("name email phoneNumber");
    }
    if has(Member::AdditionalData) {
        call["transaction"]["additionalData"] = json!({
            "passengerName": "Ola Nordmann", "airlineCode": "074", "airlineDesignatorCode": "KL",
            "ticketNumber": "123-1234-1234", "agencyInvoiceNumber": "123456",
        });
    }
    let call: InitiatePayment = serde_json::from_value(call).ok()?;
    let rules = Rules {
        country: CountryCode::parse("47")?,
        allow_http_callbacks: false,
    };
    let command = check(&call, None, &rules).ok()?;
    let reference = command.order.reference()?;
    let context = CreateContext {
        currency: Currency::Nok,
        interaction: facts.interaction,
        metadata: None,
    };
    let (create, _) = to_create(&command, reference, context);
    let mut notes = vec![
        "the answer is 201, and its redirectUrl is what eCom calls url".to_owned(),
        "reference is the orderId: 8 to 50 letters, digits and hyphens".to_owned(),
    ];
    if way == Way::Push {
        notes.push("the answer to a push message has no redirectUrl".to_owned());
    }
    if has(Member::RequestId) {
        notes.push("X-Request-Id becomes Idempotency-Key: a new one for each request, the same for its repeats".to_owned());
    }
    Some(Example {
        instead_of: Operation::Initiate.word(),
        seen,
        method: "POST",
        path: "/epayment/v1/payments".to_owned(),
        headers: headers(facts, true, true),
        body: serde_json::to_value(create).ok(),
        notes,
    })
}

/// ePayment has no callback address in the payment: webhooks take its place.
fn webhook(tally: &Tally, facts: &Facts) -> Example {
    let mut notes = vec![
        "once for the sales unit, not for each payment; the answer's secret is shown once and signs every event".to_owned(),
        "AUTHORIZED is eCom's RESERVED, ABORTED its CANCELLED, EXPIRED its REJECTED; read the payment before you act".to_owned(),
    ];
    if used(tally, Member::AuthToken) > 0 {
        notes.push("there is no authToken: verify the signature instead".to_owned());
    }
    Example {
        instead_of: "callbacks",
        seen: used(tally, Member::CallbackPrefix),
        method: "POST",
        path: "/webhooks/v1/webhooks".to_owned(),
        headers: headers(facts, false, true),
        body: Some(json!({
            "url": "https://shop.example/webhooks",
            "events": ["epayments.payment.authorized.v1", "epayments.payment.aborted.v1", "epayments.payment.expired.v1"],
        })),
        notes,
    }
}

fn change(operation: Operation, tally: &Tally, facts: &Facts) -> Example {
    let mut notes = Vec::new();
    let body = match (operation, Amount::new(AMOUNT)) {
        (Operation::Cancel, _) | (_, None) => None,
        (_, Some(value)) => serde_json::to_value(Modification {
            modification_amount: Money {
                currency: Currency::Nok,
                value,
            },
        })
        .ok(),
    };
    if used(tally, Member::AllThatRemains) > 0 && operation != Operation::Cancel {
        notes.push(format!(
            "{} calls named no amount: ePayment wants one, so read the payment's aggregate first",
            used(tally, Member::AllThatRemains)
        ));
    }
    if operation == Operation::Cancel {
        notes.push(
            "ePayment releases what remains also after a capture, without a flag: where nothing may be released then, look at the payment first".to_owned(),
        );
    }
    if used(tally, Member::TransactionText) > 0 {
        notes.push("there is no transactionText here".to_owned());
    }
    notes.push(
        "the answer's pspReference is the payment's; the operation's own is in the event log"
            .to_owned(),
    );
    Example {
        instead_of: operation.word(),
        seen: tally.of(DONE),
        method: "POST",
        path: format!("/epayment/v1/payments/{REFERENCE}/{}", operation.word()),
        headers: headers(facts, true, body.is_some()),
        body,
        notes,
    }
}

fn read(operation: Operation, tally: &Tally, facts: &Facts) -> Vec<Example> {
    let one = |path: String, note: &str| Example {
        instead_of: operation.word(),
        seen: tally.calls(),
        method: "GET",
        path,
        headers: headers(facts, false, false),
        body: None,
        notes: vec![note.to_owned()],
    };
    vec![
        one(
            format!("/epayment/v1/payments/{REFERENCE}"),
            "state and aggregate say where the payment is; amounts are those of transactionSummary",
        ),
        one(
            format!("/epayment/v1/payments/{REFERENCE}/events"),
            "the history, oldest first, where eCom's transactionLogHistory has the newest first",
        ),
    ]
}
