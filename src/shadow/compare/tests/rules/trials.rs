//! What the rows of the table are tried with: what they make equal, and what they must not.
//!
//! Test only. Must not: know how a row decides.

use serde_json::{Value, json};

/// A member's value, or that it is absent.
pub(super) type Member = Option<Value>;

fn is(value: impl Into<Value>) -> Member {
    Some(value.into())
}

/// What a row is tried with.
pub(super) struct Trial {
    /// The name of the row, and its first field where several rows have the name.
    pub(super) row: (&'static str, &'static str),
    /// A value of the control and one of the candidate that are the same.
    pub(super) same: (Member, Member),
    /// Such that are not.
    pub(super) others: Vec<(Member, Member)>,
}

fn trial(
    row: (&'static str, &'static str),
    same: (Member, Member),
    others: impl IntoIterator<Item = (Member, Member)>,
) -> Trial {
    Trial {
        row,
        same,
        others: others.into_iter().collect(),
    }
}

/// Candidates that differ from one control.
fn beside<const N: usize>(
    control: &Member,
    candidates: [Member; N],
) -> impl Iterator<Item = (Member, Member)> {
    candidates
        .into_iter()
        .map(|candidate| (control.clone(), candidate))
}

fn only_control(row: (&'static str, &'static str), value: &Member) -> Trial {
    trial(
        row,
        (value.clone(), None),
        [
            (None, value.clone()),
            (value.clone(), is(Value::Null)),
            (value.clone(), is("another")),
            (value.clone(), is("")),
        ],
    )
}

/// Texts that are not empty.
fn both_texts(row: (&'static str, &'static str), control: &Member, candidate: Member) -> Trial {
    let others = [
        None,
        is(""),
        is(" "),
        is(Value::Null),
        is(7),
        is(json!(["7"])),
    ];
    trial(row, (control.clone(), candidate), beside(control, others))
}

/// All trials.
pub(super) fn all() -> Vec<Trial> {
    let mut all = times();
    all.extend(texts());
    all.extend(one_sided());
    all.extend(addresses());
    all.extend(of_the_shadow_payment());
    all
}

fn times() -> Vec<Trial> {
    let ten = is("2026-03-01T10:00:00.000Z");
    vec![
        trial(
            ("time-tolerance", ""),
            (ten.clone(), is("2026-03-01T10:00:02.000Z")),
            beside(
                &ten,
                [
                    is("2026-03-01T10:00:02.001Z"),
                    is("2026-03-01T09:59:57.999Z"),
                    is("2026-03-01T10:00:00.000"),
                    is("2026-03-01T10:00:00Z"),
                    is("2026-03-01T10:00:00.0000000Z"),
                    is("2026-03-01T11:00:00.000+01:00"),
                    is("2026-03-01 10:00:00.000Z"),
                    is("2026-13-01T10:00:00.000Z"),
                    is(""),
                    is(Value::Null),
                    None,
                ],
            ),
        ),
        trial(
            ("time-of-its-own", ""),
            (ten.clone(), is("2026-03-05T10:00:00.000Z")),
            beside(
                &ten,
                [is("2026-03-05T10:00:00Z"), is("later"), is(""), is(0), None],
            ),
        ),
    ]
}

fn texts() -> Vec<Trial> {
    let any_texts = |row| {
        trial(
            (row, ""),
            (is("request-1"), is("other-key")),
            beside(&is("request-1"), [is(Value::Null), is(7)]),
        )
    };
    vec![
        both_texts(
            ("operation-number", ""),
            &is("5001446662"),
            is("7001446662"),
        ),
        trial(
            ("cancel-without-number", ""),
            (None, is("5001446662")),
            [
                (None, is("")),
                (None, is(" ")),
                (is("5001446662"), is("")),
                (None, is(7)),
            ],
        ),
        both_texts(("error-words", ""), &is("No"), is("Not so")),
        trial(
            ("error-34-without-group", ""),
            (None, is("Merchant")),
            [
                (None, is("Payment")),
                (is("Merchant"), None),
                (is("User"), is("Merchant")),
            ],
        ),
        trial(
            ("request-id-absent", ""),
            (None, is("")),
            [
                (None, is("request-1")),
                (is("request-1"), None),
                (is("request-1"), is("")),
                (None, is(Value::Null)),
                (is(""), is(Value::Null)),
            ],
        ),
        any_texts("request-id-elsewhere"),
        any_texts("request-id-hashed"),
        trial(
            ("text-elsewhere", ""),
            (is("In the portal"), is("One sweater")),
            beside(
                &is("In the portal"),
                [is("Another text"), is("in the portal"), is(7), None],
            ),
        ),
    ]
}

fn one_sided() -> Vec<Trial> {
    vec![
        only_control(("card-number-of-changes", ""), &is(545_454)),
        only_control(("payment-instrument", ""), &is("535535")),
        only_control(("express-only", ""), &is(json!({"shippingMethodId": "1"}))),
        only_control(("user-data-by-scope", ""), &is("Robert Levins gate 5")),
    ]
}

fn addresses() -> Vec<Trial> {
    let page = is("https://api.vipps.no/landing?token=abc");
    vec![
        trial(
            ("landing-address", ""),
            (page.clone(), is("https://landing.vipps.no?token=xyz")),
            beside(
                &page,
                [
                    is("http://landing.vipps.no?token=xyz"),
                    is("vipps://?token=xyz"),
                    is("https://landing.vipps.no"),
                    is("https://landing.vipps.no/"),
                    is("https://"),
                    is("landing.vipps.no?token=xyz"),
                    is(""),
                    None,
                ],
            ),
        ),
        trial(
            ("push-url-made-up", ""),
            (page.clone(), is("myshop://paid")),
            beside(
                &page,
                [is("http://shop.example/paid"), is("paid"), is(""), None],
            ),
        ),
        // An app's page for an app's page.
        trial(
            ("landing-address", ""),
            (is("vipps://?token=abc"), is("vippsmt://?token=xyz")),
            [(is("http://a.example/x"), is("http://b.example/x"))],
        ),
    ]
}

fn of_the_shadow_payment() -> Vec<Trial> {
    vec![
        trial(
            ("shadow-order", ""),
            (is("order-1234"), is("shadow-1")),
            beside(
                &is("order-1234"),
                [is("shadow-2"), is("SHADOW-1"), is(1), None],
            ),
        ),
        both_texts(("test-user", "/sub"), &is("sub-1"), is("sub-2")),
        trial(
            ("test-user", "/transactionSummary/bankIdentificationNumber"),
            (is(545_454), is(400_000)),
            beside(&is(545_454), [is("400000"), is(json!(4.5)), is(-1), None]),
        ),
    ]
}
