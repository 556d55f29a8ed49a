//! ePayment's problems as eCom's error array.
//!
//! Identity: the `ErrorCode` number; without one the title, exact and then without regard to case; without a known title
//! the operation and the status. Source: ePayment API guide "Errors", eCom API guide "Errors". Must not: pass on a 404 of
//! which it is not certain that the payment does not exist (shops cancel the order on it).

use crate::ecom::error::{Code, Failure};
use crate::epayment::problem::Problem;
use crate::types::MoneyOp;

/// During which call a problem came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum During {
    /// Create.
    Initiate,
    /// Capture, cancel or refund.
    Adjust(MoneyOp),
    /// Get payment or its events.
    Read,
    /// Force approve.
    Approve,
}

/// What a problem means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A numbered error of eCom.
    Is(Code),
    /// The payment must be read to tell; the code is what to say where it can't be.
    ByState(Code),
    /// An invalid member, by eCom's name.
    Field(&'static str),
    /// The members that the problem lists.
    Fields,
    /// The reference is not known.
    NotFound,
    /// Nothing known.
    Unknown,
}

/// Reads a problem.
#[must_use]
pub fn meaning(problem: &Problem, status: u16, during: During) -> Meaning {
    match named(problem, status, during) {
        // It would be a 402, and shops cancel the order on a read with that; a read cancels nothing, so it is a doubt.
        Meaning::Is(Code::Payment51) if during == During::Read => Meaning::Unknown,
        known => known,
    }
}

fn named(problem: &Problem, status: u16, during: During) -> Meaning {
    if let Some(known) = problem.code().and_then(|code| by_code(code, during)) {
        return known;
    }
    let lists_members = problem.fields().next().is_some();
    match by_title(&problem.title, during) {
        // The title says what is invalid, the list says where: the list says more.
        Some(Meaning::Field(name))
            if lists_members && during == During::Initiate && name != "transaction.amount" =>
        {
            Meaning::Fields
        }
        Some(known) => known,
        // A conflict or a lock is none of a member, even where one is named.
        None if lists_members && !matches!(status, 409 | 423) => Meaning::Fields,
        None => by_status(status, during),
    }
}

fn by_code(code: u32, during: During) -> Option<Meaning> {
    use Code::{
        Merchant33, Merchant34, Merchant37, Merchant38, Merchant39, Merchant51, Payment41,
        Payment51, Payment52, Payment61, Payment62, Payment63, Payment71, Payment72, Payment74,
        Payment95, Payment98, Payment1082, User81, Vipps91, Vipps92, Vipps93, Vipps94, Vipps99,
    };
    let initiate = during == During::Initiate;
    Some(match code {
        3010 => Meaning::Is(Vipps99),
        4010 | 4020 => Meaning::Is(Vipps93),
        4150 if initiate => Meaning::Is(Merchant34),
        4150 => Meaning::Is(Vipps93),
        4040 | 6010 => Meaning::Field("transaction.amount"),
        4070 | 7010 => Meaning::Is(User81),
        4080 => Meaning::Field("transaction.scope"),
        4090 => Meaning::Field("merchantInfo.fallBack"),
        4140 => Meaning::Fields,
        5030 => Meaning::Is(Merchant51),
        5040 | 5060 | 5070 => Meaning::Is(Merchant37),
        10060 if initiate => Meaning::Is(Merchant37),
        5050 => Meaning::Is(Merchant39),
        5080 => Meaning::Is(Merchant38),
        5090 if !initiate => Meaning::NotFound,
        5100 => Meaning::Is(Payment74),
        6020 => Meaning::Is(Payment72),
        6030 | 6050 | 6060 | 6190 => Meaning::Is(Payment52),
        6040 => Meaning::Is(Payment51),
        6070 => Meaning::Is(Vipps91),
        6080 => Meaning::Is(Payment62),
        6090 => Meaning::Is(Payment61),
        6100 => Meaning::Is(Payment98),
        6140 | 6260 => Meaning::Is(Payment63),
        6150 => Meaning::ByState(Payment71),
        6160 | 6250 | 6280 => Meaning::Is(Vipps94),
        6170 | 6180 => Meaning::Is(Vipps92),
        6200 => Meaning::ByState(Vipps91),
        6210 => Meaning::ByState(Code::Payment73),
        6220 => Meaning::Is(Payment95),
        6230 if during == During::Approve => Meaning::Is(Vipps92),
        10010..=10040 if during == During::Approve => Meaning::Is(Payment1082),
        10050 => Meaning::Is(Payment41),
        10070 => Meaning::Is(Merchant33),
        _ => return None,
    })
}

/// Titles in lower case, and what they mean.
const TITLES: &[(&str, Meaning)] = &[
    ("amount too small", Meaning::Field("transaction.amount")),
    ("amount invalid", Meaning::Field("transaction.amount")),
    ("invalid amount", Meaning::Field("transaction.amount")),
    ("missing required parameter", Meaning::Fields),
    ("invalid url", Meaning::Field("merchantInfo.fallBack")),
    ("invalid scope", Meaning::Field("transaction.scope")),
    ("invalid phone number", Meaning::Is(Code::User81)),
    ("customer not found", Meaning::Is(Code::User81)),
    ("no cards", Meaning::Is(Code::Payment41)),
    ("payment limit exceeded", Meaning::Is(Code::Merchant33)),
    (
        "skip landing page not allowed",
        Meaning::Is(Code::Merchant38),
    ),
    (
        "push_message flow not allowed",
        Meaning::Is(Code::Merchant38),
    ),
    ("push_message not allowed", Meaning::Is(Code::Merchant38)),
    (
        "long-living payment not allowed",
        Meaning::Is(Code::Merchant39),
    ),
    ("expiresat not allowed", Meaning::Is(Code::Merchant39)),
    ("illegal scope", Meaning::Is(Code::Merchant51)),
    ("reserve capture not allowed", Meaning::Is(Code::Merchant37)),
    ("direct capture not allowed", Meaning::Is(Code::Merchant37)),
    (
        "merchant bank account not verified",
        Meaning::Is(Code::Merchant37),
    ),
    (
        "invalid currency for merchant",
        Meaning::Is(Code::Merchant37),
    ),
    ("payment cannot be created", Meaning::Is(Code::Merchant37)),
    ("reference not found", Meaning::NotFound),
    ("capture amount too high", Meaning::Is(Code::Payment61)),
    (
        "cannot capture before reservation",
        Meaning::Is(Code::Payment62),
    ),
    (
        "cannot capture a cancelled payment",
        Meaning::Is(Code::Vipps91),
    ),
    (
        "payment cannot be captured",
        Meaning::ByState(Code::Vipps91),
    ),
    ("capture period expired", Meaning::Is(Code::Payment98)),
    ("capture idempotency conflict", Meaning::Is(Code::Vipps93)),
    ("refund idempotency conflict", Meaning::Is(Code::Vipps93)),
    ("idempotency-key already exists", Meaning::Is(Code::Vipps93)),
    ("funds unavailable", Meaning::Is(Code::Payment63)),
    ("must capture full amount", Meaning::Is(Code::Payment63)),
    (
        "capture failed, please try again later",
        Meaning::Is(Code::Vipps94),
    ),
    ("order processing", Meaning::Is(Code::Vipps94)),
    ("payment already captured", Meaning::Is(Code::Vipps92)),
    (
        "cannot cancel a captured payment",
        Meaning::Is(Code::Payment51),
    ),
    (
        "cannot cancel a non-reserved payment",
        Meaning::Is(Code::Payment52),
    ),
    ("cannot cancel pending", Meaning::Is(Code::Payment52)),
    (
        "cannot cancel authorized payment",
        Meaning::Is(Code::Payment52),
    ),
    ("cancel period expired", Meaning::Is(Code::Payment52)),
    ("payment cannot be cancelled", Meaning::Is(Code::Payment52)),
    ("not enough refundable", Meaning::ByState(Code::Payment71)),
    ("payment already refunded", Meaning::Is(Code::Payment71)),
    (
        "attempted refund before reservation",
        Meaning::Is(Code::Payment72),
    ),
    (
        "payment cannot be refunded",
        Meaning::ByState(Code::Payment73),
    ),
    ("refund period expired", Meaning::Is(Code::Payment95)),
    ("refund not possible", Meaning::Is(Code::Payment74)),
    ("approve failed", Meaning::Is(Code::Payment1082)),
    ("approve not allowed", Meaning::Is(Code::Payment1082)),
    ("payment is already reserved", Meaning::Is(Code::Vipps92)),
    ("internal error", Meaning::Is(Code::Vipps99)),
];

fn by_title(title: &str, during: During) -> Option<Meaning> {
    let title = title.trim().trim_end_matches('.').to_ascii_lowercase();
    match (title.as_str(), during) {
        // The same words stand for a used reference on create and for a used key on a modification.
        (
            "idempotency error"
            | "idempotency error: reference exists"
            | "reference exists"
            | "reference already exists",
            During::Initiate,
        ) => Some(Meaning::Is(Code::Merchant34)),
        // A create that meets no payment is no news of a payment.
        ("reference not found", During::Initiate) => None,
        ("idempotency error", _) => Some(Meaning::Is(Code::Vipps93)),
        _ => TITLES
            .iter()
            .find(|(known, _)| *known == title)
            .map(|(_, meaning)| meaning.clone()),
    }
}

fn by_status(status: u16, during: During) -> Meaning {
    match (status, during) {
        (409, During::Initiate) => Meaning::Is(Code::Merchant34),
        (403, During::Initiate) => Meaning::Is(Code::Merchant37),
        (409, During::Adjust(MoneyOp::Capture | MoneyOp::Refund)) => Meaning::Is(Code::Vipps93),
        (409, During::Adjust(MoneyOp::Cancel)) | (423, _) => Meaning::Is(Code::Vipps94),
        _ => Meaning::Unknown,
    }
}

/// The answer for a problem whose meaning is settled. `ByState` says its fallback: read the payment first.
#[must_use]
pub fn to_failure(meaning: &Meaning, problem: &Problem, status: u16) -> Failure {
    let mut failure = match meaning {
        Meaning::Is(Code::Vipps99) => Failure::told(Code::Vipps99, words(problem)),
        Meaning::Is(code) | Meaning::ByState(code) => {
            let detail = problem.detail.as_deref().unwrap_or("");
            let text = code.parts().2;
            Failure::told(
                *code,
                if detail.is_empty() {
                    text.to_owned()
                } else {
                    format!("{text} ({detail})")
                },
            )
        }
        Meaning::Field(name) => Failure::field(*name, words(problem)),
        Meaning::Fields => fields(problem),
        Meaning::NotFound => Failure::code(Code::Merchant35),
        Meaning::Unknown => {
            let failure = Failure::told(Code::Vipps99, words(problem));
            match status {
                401 | 403 | 429 => failure.with_status(status),
                404 | 500.. => failure.with_status(502),
                _ => failure,
            }
        }
    };
    failure.trace = problem.trace().map(str::to_owned);
    failure
}

fn words(problem: &Problem) -> String {
    said(&problem.title, problem.detail.as_deref().unwrap_or(""))
}

/// Title and detail; never empty.
fn said(title: &str, detail: &str) -> String {
    match (title.trim(), detail.trim()) {
        ("", "") => "The request was refused without a reason".to_owned(),
        (title, "") => title.to_owned(),
        ("", detail) => detail.to_owned(),
        (title, detail) => format!("{title}: {detail}"),
    }
}

fn fields(problem: &Problem) -> Failure {
    let mut entries: Vec<_> = problem
        .fields()
        .map(|field| (ecom_field(&field.name), said(&problem.title, &field.reason)))
        .collect();
    if entries.is_empty() {
        entries.push(("body".to_owned(), words(problem)));
    }
    Failure::fields(entries)
}

/// eCom's name for a member of ePayment's.
#[must_use]
pub fn ecom_field(name: &str) -> String {
    let name = name
        .trim_start_matches("$.")
        .trim_start_matches('/')
        .trim_end_matches(['/', '.'])
        .replace('/', ".");
    let name = name.trim();
    let lower = name.to_ascii_lowercase();
    let known = match lower.as_str() {
        "" | "$" => "body",
        "industrydata" | "industrydata.airlinedata" => "transaction.additionalData",
        "amount" | "amount.value" | "amount.currency" => "transaction.amount",
        "modificationamount" | "modificationamount.value" | "modificationamount.currency" => {
            "transaction.amount"
        }
        "reference" => "transaction.orderId",
        "paymentdescription" => "transaction.transactionText",
        "returnurl" => "merchantInfo.fallBack",
        "customer" | "customer.phonenumber" => "customerInfo.mobileNumber",
        "profile" | "profile.scope" => "transaction.scope",
        "userflow" => "transaction.skipLandingPage",
        "merchant-serial-number" | "merchantserialnumber" => "merchantInfo.merchantSerialNumber",
        "idempotency-key" => "X-Request-Id",
        _ => {
            let airline = lower
                .strip_prefix("industrydata.airlinedata.")
                .map(|_| &name["industryData.airlineData.".len()..]);
            return airline.map_or(name.to_owned(), |member| {
                let mut letters = member.chars();
                let first = letters.next().map(|c| c.to_ascii_lowercase());
                format!(
                    "transaction.additionalData.{}{}",
                    first.map(String::from).unwrap_or_default(),
                    letters.as_str()
                )
            });
        }
    };
    known.to_owned()
}

#[cfg(test)]
mod tests;
