//! What counts as the same although it is not: a table, one row for each reason, and the tests that the rows name.
//!
//! A row fires only where two values differ, at its own fields, and when its condition holds. Each has a source:
//! `docs/mapping.md`, `docs/limitations.md`, or how two readings of one thing differ. What the translation could have
//! made equal has no row. Must not: cover a field as a whole where a form of it can be wrong.

use super::difference::Way;
use super::place::{self, Step};
use super::{Rules, same};
use crate::ecom::route::Operation::{self, Cancel, Capture, Details, Initiate, Refund, Status};
use crate::translate::loss::Loss;

/// A row.
#[derive(Debug)]
pub struct Normalisation {
    /// Its name in reports. One name may have several rows.
    pub name: &'static str,
    /// For which operations; all of them where empty.
    pub operations: &'static [Operation],
    /// In which way of shadowing; in all of them where empty.
    pub ways: &'static [Way],
    /// What must be known of the call besides.
    pub when: When,
    /// At which fields; `*` is a position of a list.
    pub fields: &'static [&'static str],
    /// What makes the two equal.
    pub(super) equal: same::Equal,
    /// Why.
    pub why: &'static str,
}

/// What must be known of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing.
    Always,
    /// The translation told this loss.
    Lost(Loss),
    /// The payment has operations that the bridge did not send to ePayment itself.
    Elsewhere,
}

const ALL: &[Operation] = &[];
const CHANGES: &[Operation] = &[Capture, Cancel, Refund];
const READ: &[Way] = &[Way::Dry, Way::Read];
const WRITE: &[Way] = &[Way::Write];

const TIMES: &[&str] = &[
    "/transactionInfo/timeStamp",
    "/transaction/timeStamp",
    "/transactionLogHistory/*/timeStamp",
];

/// The table.
pub const RULES: &[Normalisation] = &[
    Normalisation {
        name: "time-tolerance",
        operations: ALL,
        ways: READ,
        when: When::Always,
        fields: TIMES,
        equal: same::Equal::SameInstant,
        why: "each API stamps an operation itself; a client sees no difference of 2 s, but of form: the candidate's must \
              be eCom's, or the control's own",
    },
    Normalisation {
        name: "time-of-its-own",
        operations: ALL,
        ways: WRITE,
        when: When::Always,
        fields: TIMES,
        equal: same::Equal::BothTimes,
        why: "the shadow payment lives later; that the time is the right one is seen by read",
    },
    Normalisation {
        name: "operation-number",
        operations: ALL,
        ways: &[],
        when: When::Always,
        fields: &[
            "/transactionInfo/transactionId",
            "/transaction/transactionId",
            "/transactionLogHistory/*/transactionId",
        ],
        equal: same::Equal::BothTexts,
        why: "each API numbers operations itself (setting `transaction_id`); it must be text and not empty, and in a \
              history digits must stay digits, and what is told apart must stay so",
    },
    Normalisation {
        name: "cancel-without-number",
        operations: &[Cancel],
        ways: &[],
        when: When::Always,
        fields: &["/transactionInfo/transactionId"],
        equal: same::Equal::TextOrAbsent,
        why: "recorded answers to cancel have none, and clients do not read it there",
    },
    Normalisation {
        name: "error-words",
        operations: ALL,
        ways: &[],
        when: When::Always,
        fields: &["/*/errorMessage", "/*/contextId", "/message"],
        equal: same::Equal::BothTexts,
        why: "words for a developer, and the id of one request; clients branch on group and code",
    },
    Normalisation {
        name: "error-34-without-group",
        operations: &[Initiate],
        ways: &[],
        when: When::Always,
        fields: &["/*/errorGroup"],
        equal: same::Equal::OnlyCandidate("Merchant"),
        why: "the real eCom leaves the group of error 34 out; to send it is safe for every client",
    },
    Normalisation {
        name: "request-id-absent",
        operations: &[Details],
        ways: &[],
        when: When::Always,
        fields: &["/transactionLogHistory/*/requestId"],
        equal: same::Equal::EmptyOrAbsent,
        why: "recorded answers lack it where there is none, the schema has it empty; to clients both are empty",
    },
    Normalisation {
        name: "request-id-elsewhere",
        operations: &[Details],
        ways: &[],
        when: When::Elsewhere,
        fields: &["/transactionLogHistory/*/requestId"],
        equal: same::Equal::AnyTexts,
        why: "limitation request-ids-elsewhere: the event log knows the key of the system that made the call",
    },
    Normalisation {
        name: "request-id-hashed",
        operations: &[Details],
        ways: &[],
        when: When::Lost(Loss::RequestIdHashed),
        fields: &["/transactionLogHistory/*/requestId"],
        equal: same::Equal::AnyTexts,
        why: "the loss request-id-hashed: without the store the key can't be read back",
    },
    Normalisation {
        name: "text-elsewhere",
        operations: &[Details],
        ways: &[],
        when: When::Elsewhere,
        fields: &["/transactionLogHistory/*/transactionText"],
        equal: same::Equal::EmptyOrInitiateText,
        why: "limitation order-texts-elsewhere: no API says it, so the initiate's text or none is shown",
    },
    Normalisation {
        name: "refused-card-while-open",
        operations: &[Details],
        ways: READ,
        when: When::Always,
        fields: &[same::REFUSED_CARD],
        equal: same::Equal::RefusedCard,
        why: "limitation first-card-refused: shops cancel the order on it, and the user may try another card",
    },
    Normalisation {
        name: "refused-card-while-open",
        operations: &[Status],
        ways: READ,
        when: When::Always,
        fields: &["/transactionInfo/status"],
        equal: same::Equal::Words("FAILED", "INITIATE"),
        why: "the same in the last operation",
    },
    Normalisation {
        name: "refused-card-while-open",
        operations: &[Status],
        ways: READ,
        when: When::Always,
        fields: &["/transactionInfo/timeStamp"],
        equal: same::Equal::OpenAfterRefusal,
        why: "the same: the time is that of another operation then",
    },
    Normalisation {
        name: "card-number-of-changes",
        operations: CHANGES,
        ways: &[],
        when: When::Always,
        fields: &["/transactionSummary/bankIdentificationNumber"],
        equal: same::Equal::OnlyControl,
        why: "it is given in details only: an answer to a change does not say it",
    },
    Normalisation {
        name: "payment-instrument",
        operations: CHANGES,
        ways: &[],
        when: When::Always,
        fields: &["/paymentInstrument"],
        equal: same::Equal::OnlyControl,
        why: "limitation no-payment-instrument: optional in eCom, and not in ePayment's answers",
    },
    Normalisation {
        name: "express-only",
        operations: &[Details],
        ways: READ,
        when: When::Always,
        fields: &["/shippingDetails"],
        equal: same::Equal::OnlyControl,
        why: "limitation express-stays: such payments are read in eCom, which alone has this",
    },
    Normalisation {
        name: "user-data-by-scope",
        operations: &[Details],
        ways: READ,
        when: When::Always,
        fields: &[
            "/userDetails/address",
            "/userDetails/bankIdVerified",
            "/userDetails/city",
            "/userDetails/country",
            "/userDetails/dateOfBirth",
            "/userDetails/postalCode",
            "/userDetails/region",
            "/userDetails/ssn",
            "/userDetails/street",
            "/userDetails/streetAddress",
            "/userDetails/zipCode",
        ],
        equal: same::Equal::OnlyControl,
        why: "limitation user-data-by-scope: members outside name, email and phone number are in Userinfo only",
    },
    Normalisation {
        name: "landing-address",
        operations: &[Initiate],
        ways: &[],
        when: When::Always,
        fields: &["/url"],
        equal: same::Equal::BothAddresses,
        why: "each API has its own landing page and token; both must be https, or both an app's own scheme, \
              and one that has lost all but its host leads nowhere",
    },
    Normalisation {
        name: "push-url-made-up",
        operations: &[Initiate],
        ways: &[],
        when: When::Lost(Loss::PushUrlMadeUp),
        fields: &["/url"],
        equal: same::Equal::AnyAddresses,
        why: "the loss push-url-made-up: ePayment gives none for a push message, so the fallBack is given",
    },
    Normalisation {
        name: "shadow-order",
        operations: ALL,
        ways: WRITE,
        when: When::Always,
        fields: &["/orderId"],
        equal: same::Equal::ShadowOrder,
        why: "the shadow payment has an order id of its own, the one that was handed in",
    },
    Normalisation {
        name: "test-user",
        operations: &[Details],
        ways: WRITE,
        when: When::Always,
        fields: &[
            "/sub",
            "/userDetails/userId",
            "/userDetails/email",
            "/userDetails/firstName",
            "/userDetails/lastName",
            "/userDetails/mobileNumber",
        ],
        equal: same::Equal::BothTexts,
        why: "the shadow payment is paid by a test user",
    },
    Normalisation {
        name: "test-user",
        operations: &[Details],
        ways: WRITE,
        when: When::Always,
        fields: &["/transactionSummary/bankIdentificationNumber"],
        equal: same::Equal::BothIntegers,
        why: "the same: it is the test user's card",
    },
];

/// The order of an error array's entries means nothing; this row needs no field.
pub const ERROR_ORDER: &str = "error-order";

/// The row that makes two values at a place equal, if any.
pub(super) fn rule(
    operation: Operation,
    way: Way,
    rules: &Rules<'_>,
    at: &[Step<'_>],
    seen: &same::Seen<'_>,
) -> Option<&'static str> {
    rows(operation, way, rules)
        .find(|row| {
            row.fields.iter().any(|field| place::is(at, field)) && row.equal.holds(seen, rules)
        })
        .map(|row| row.name)
}

/// The rows in force.
pub(super) fn rows(
    operation: Operation,
    way: Way,
    rules: &Rules<'_>,
) -> impl Iterator<Item = &'static Normalisation> {
    RULES.iter().filter(move |row| {
        let known = match row.when {
            When::Always => true,
            When::Lost(loss) => rules.losses.contains(&loss),
            When::Elsewhere => rules.elsewhere,
        };
        known
            && (row.operations.is_empty() || row.operations.contains(&operation))
            && (row.ways.is_empty() || row.ways.contains(&way))
    })
}
