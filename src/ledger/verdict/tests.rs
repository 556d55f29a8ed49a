//! Each mismatch planted alone, and clean histories that raise none.

use super::*;
use crate::store::{Adjustment, AdjustmentId, LedgerId, LedgerPayment, PayState, Source, Sums};
use crate::types::{Currency, Msn, OrderText, RequestId, Scope};

mod sums;

const SETTLE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

pub(in crate::ledger) fn sum(units: i64) -> Amount {
    Amount::new(units).unwrap()
}

fn scope() -> Scope {
    Scope::Unit(Msn::parse("123456").unwrap())
}

pub(in crate::ledger) fn bridge_key(op: MoneyOp, request: &str, attempt: u32) -> IdempotencyKey {
    let order = OrderText::parse("order-0001").unwrap().strict().unwrap();
    let scope = scope();
    let maker = KeyMaker {
        scope: &scope,
        order: &order,
    };
    maker.key(op, &RequestId::parse(request).unwrap(), attempt)
}

pub(in crate::ledger) fn entry() -> LedgerEntry {
    let mut balance = Balance::new(PayState::Created, at(0));
    balance.sums.authorized = sum(1000);
    balance.learnt = Learnt::Reconcile;
    balance.settle();
    LedgerEntry {
        payment: LedgerPayment {
            id: LedgerId(1),
            scope: scope(),
            order: OrderText::parse("order-0001").unwrap(),
            origin: Some(Origin::Epayment),
            kind: Kind::Regular,
            amount: Some(sum(1000)),
            currency: Currency::Nok,
            created_at: at(0),
            balance,
            checked_at: Some(at(10_000)),
            due_at: None,
            looks: 1,
            trouble: None,
        },
        create_key: IdempotencyKey::parse("bridge-create"),
        request_id: None,
        whole: true,
        calls: Vec::new(),
        events: Vec::new(),
    }
}

#[derive(Clone, Copy, Debug)]
pub(in crate::ledger) enum End {
    Open,
    Done,
    Refused,
    NotDone,
}

/// A call at 100, closed at 110.
pub(in crate::ledger) fn call(
    entry: &mut LedgerEntry,
    op: MoneyOp,
    amount: i64,
    request: &str,
    attempt: u32,
    end: End,
) {
    let amount = sum(amount);
    entry.calls.push(LedgerCall {
        call: Adjustment {
            id: AdjustmentId(1),
            op,
            api: Origin::Epayment,
            request_id: RequestId::parse(request),
            key: Some(bridge_key(op, request, attempt)),
            attempt,
            amount: (op != MoneyOp::Cancel).then_some(amount),
            computed: false,
            text: String::new(),
            cancelled_before: None,
            state: match end {
                End::Open => AdjustmentState::Open(at(110)),
                End::Done => AdjustmentState::Succeeded {
                    amount,
                    transaction_id: None,
                    at: at(105),
                },
                End::Refused => AdjustmentState::Refused,
                End::NotDone => AdjustmentState::NotDone,
            },
            begun_at: at(100),
            changed_at: at(100),
        },
        closed_at: (!matches!(end, End::Open)).then(|| at(110)),
    });
}

pub(in crate::ledger) fn event(
    entry: &mut LedgerEntry,
    name: EventName,
    amount: i64,
    key: Option<IdempotencyKey>,
) {
    entry.events.push(LedgerEvent {
        name,
        success: true,
        psp_reference: format!("{}", 5000 + entry.events.len()),
        amount: sum(amount),
        at: at(105),
        key,
        source: Source::Webhook,
        received_at: at(106),
    });
    let sums: &mut Sums = &mut entry.payment.balance.sums;
    match name {
        EventName::Captured => sums.captured = sums.captured.checked_add(sum(amount)).unwrap(),
        EventName::Refunded => sums.refunded = sums.refunded.checked_add(sum(amount)).unwrap(),
        EventName::Cancelled => sums.cancelled = sum(amount),
        _ => {}
    }
}

pub(in crate::ledger) fn judged(entry: &LedgerEntry) -> Verdict {
    judge(entry, Judging::recorded(entry, at(10_000), SETTLE))
}

fn kinds(entry: &LedgerEntry) -> Vec<MismatchKind> {
    let mut kinds: Vec<_> = judged(entry)
        .mismatches
        .iter()
        .map(|one| one.kind)
        .collect();
    kinds.dedup();
    kinds
}

/// An entry, changed.
fn with(change: impl FnOnce(&mut LedgerEntry)) -> LedgerEntry {
    let mut made = entry();
    change(&mut made);
    made
}

type Planted = (&'static str, LedgerEntry, MismatchKind);

/// Each is found, and nothing else is.
fn found(cases: Vec<Planted>) {
    for (name, entry, kind) in cases {
        assert_eq!(kinds(&entry), [kind], "{name}");
        assert_eq!(judged(&entry).standing, Standing::Mismatch, "{name}");
    }
}

#[test]
fn effects_that_were_not_asked_for() {
    use EventName::{Captured, Refunded};
    use MoneyOp::{Capture, Refund};
    let key = |n: u32| Some(bridge_key(MoneyOp::Capture, "1", n));
    found(vec![
        (
            "one key, two captures",
            with(|e| {
                call(e, Capture, 300, "1", 0, End::Done);
                event(e, Captured, 300, key(0));
                event(e, Captured, 300, key(0));
            }),
            MismatchKind::CapturedTwice,
        ),
        (
            "one request, two keys, two captures",
            with(|e| {
                call(e, Capture, 300, "1", 0, End::Done);
                call(e, Capture, 300, "1", 1, End::Done);
                event(e, Captured, 300, key(0));
                event(e, Captured, 300, key(1));
            }),
            MismatchKind::CapturedTwice,
        ),
        (
            "refunded twice",
            with(|e| {
                call(e, Capture, 600, "1", 0, End::Done);
                event(e, Captured, 600, key(0));
                call(e, Refund, 300, "r", 0, End::Done);
                event(e, Refunded, 300, Some(bridge_key(Refund, "r", 0)));
                event(e, Refunded, 300, Some(bridge_key(Refund, "r", 0)));
            }),
            MismatchKind::RefundedTwice,
        ),
        (
            "more than asked",
            with(|e| {
                call(e, Capture, 300, "1", 0, End::Done);
                event(e, Captured, 400, key(0));
            }),
            MismatchKind::OtherAmount,
        ),
        (
            "less than asked",
            with(|e| {
                call(e, Capture, 300, "1", 0, End::Done);
                event(e, Captured, 200, key(0));
            }),
            MismatchKind::OtherAmount,
        ),
    ]);
}

#[test]
fn sums_that_can_not_be() {
    use EventName::{Captured, Refunded};
    found(vec![
        (
            "more than authorized",
            with(|e| {
                event(e, Captured, 600, None);
                event(e, Captured, 600, None);
            }),
            MismatchKind::OverCaptured,
        ),
        (
            "more refunded than captured",
            with(|e| {
                event(e, Captured, 300, None);
                event(e, Refunded, 400, None);
            }),
            MismatchKind::OverRefunded,
        ),
        (
            "log and payment differ, twice",
            with(|e| {
                event(e, Captured, 300, None);
                e.payment.balance.sums.captured = sum(400);
                e.payment.looks = 2;
            }),
            MismatchKind::SumsDiffer,
        ),
    ]);
}

#[test]
fn what_was_told_and_what_is_true() {
    use EventName::Captured;
    use MoneyOp::Capture;
    let key = |n: u32| Some(bridge_key(MoneyOp::Capture, "1", n));
    found(vec![
        (
            "told refused, but done",
            with(|e| {
                call(e, Capture, 300, "1", 0, End::Refused);
                event(e, Captured, 300, key(0));
            }),
            MismatchKind::ToldFailedButDone,
        ),
        (
            "told not done, but done",
            with(|e| {
                call(e, Capture, 300, "1", 0, End::NotDone);
                event(e, Captured, 300, key(0));
            }),
            MismatchKind::ToldFailedButDone,
        ),
        (
            "told done, but absent",
            with(|e| call(e, Capture, 300, "1", 0, End::Done)),
            MismatchKind::ToldDoneButAbsent,
        ),
        (
            "told cancelled, but nothing released",
            with(|e| call(e, MoneyOp::Cancel, 0, "c", 0, End::Done)),
            MismatchKind::ToldDoneButAbsent,
        ),
        (
            "open without evidence",
            with(|e| {
                call(e, Capture, 300, "1", 0, End::Open);
            }),
            MismatchKind::OpenTooLong,
        ),
    ]);
}

#[test]
fn keys_of_two_requests_or_of_none() {
    use EventName::{Captured, Refunded};
    use MoneyOp::Capture;
    let key = |n: u32| Some(bridge_key(MoneyOp::Capture, "1", n));
    found(vec![
        (
            "one key, two sums",
            with(|e| {
                call(e, Capture, 300, "1", 0, End::NotDone);
                call(e, Capture, 400, "1", 0, End::Done);
                event(e, Captured, 400, key(0));
            }),
            MismatchKind::KeyReused,
        ),
        (
            "one key, two operations in the log",
            with(|e| {
                call(e, Capture, 300, "1", 0, End::Done);
                event(e, Captured, 300, key(0));
                event(e, Refunded, 300, key(0));
            }),
            MismatchKind::KeyReused,
        ),
        (
            "a derived key that nobody recorded",
            with(|e| event(e, Captured, 300, key(0))),
            MismatchKind::UnknownBridgeKey,
        ),
        (
            "a made-up key that nobody recorded",
            with(|e| {
                event(e, Captured, 300, IdempotencyKey::parse("bridge-4711"));
            }),
            MismatchKind::UnknownBridgeKey,
        ),
    ]);
}

#[test]
fn what_is_in_order_raises_nothing() {
    use EventName::{Cancelled, Captured, Refunded, Terminated};
    use MoneyOp::{Cancel, Capture, Refund};
    let mut foreign = 0;
    for (name, entry) in [
        ("nothing happened", entry()),
        (
            "captured, refunded, released",
            with(|e| {
                call(e, Capture, 600, "1", 0, End::Done);
                event(e, Captured, 600, Some(bridge_key(Capture, "1", 0)));
                // The same X-Request-Id for another operation: plugins do so.
                call(e, Refund, 100, "1", 0, End::Done);
                event(e, Refunded, 100, Some(bridge_key(Refund, "1", 0)));
                call(e, Cancel, 0, "1", 0, End::Done);
                event(e, Cancelled, 400, None);
            }),
        ),
        (
            "refused, then done with the next key",
            with(|e| {
                call(e, Capture, 600, "1", 0, End::Refused);
                call(e, Capture, 600, "1", 1, End::Done);
                event(e, Captured, 600, Some(bridge_key(Capture, "1", 1)));
            }),
        ),
        (
            "not done, then done with the same key",
            with(|e| {
                call(e, Capture, 600, "1", 0, End::NotDone);
                call(e, Capture, 600, "1", 0, End::Done);
                event(e, Captured, 600, Some(bridge_key(Capture, "1", 0)));
            }),
        ),
        (
            "failed in the log",
            with(|e| {
                call(e, Capture, 600, "1", 0, End::Refused);
                event(e, Captured, 600, Some(bridge_key(Capture, "1", 0)));
                e.events[0].success = false;
                e.payment.balance.sums.captured = Amount::ZERO;
            }),
        ),
        (
            "ended before approval",
            with(|e| {
                e.payment.balance.sums = Sums {
                    cancelled: sum(1000),
                    ..Sums::default()
                };
                e.payment.balance.state = PayState::Cancelled;
                call(e, Cancel, 0, "c", 0, End::Done);
                event(e, Terminated, 1000, Some(bridge_key(Cancel, "c", 0)));
            }),
        ),
        (
            "captured and refunded elsewhere",
            with(|e| {
                event(e, Captured, 600, IdempotencyKey::parse("erp-1"));
                event(e, Captured, 400, None);
                event(e, Refunded, 600, IdempotencyKey::parse("erp-2"));
                foreign = 3;
            }),
        ),
    ] {
        let verdict = judged(&entry);
        assert_eq!(verdict.mismatches, [], "{name}");
        assert_eq!(verdict.standing, Standing::Proven, "{name}");
        assert!(!verdict.proofs.contains(&Proof::Unproven), "{name}");
    }
    assert_eq!(foreign, 3);
}

#[test]
fn what_nobody_has_looked_at_is_not_verified() {
    use MoneyOp::Capture;
    let unread = with(|e| {
        call(e, Capture, 300, "1", 0, End::Done);
        e.payment.checked_at = None;
        e.payment.balance.learnt = Learnt::MoneyCall;
        e.payment.balance.sums.captured = sum(300);
    });
    // Read before the settle time was over: the event may still come.
    let early = with(|e| {
        call(e, Capture, 300, "1", 0, End::Done);
        e.payment.checked_at = Some(at(169));
    });
    let open = with(|e| {
        call(e, Capture, 300, "1", 0, End::Open);
        e.calls[0].call.state = AdjustmentState::Open(at(9_000));
    });
    // A sum that differs once may be a call on its way.
    let once = with(|e| e.payment.balance.sums.captured = sum(100));
    for (name, entry) in [
        ("unread", unread),
        ("early", early),
        ("open", open),
        ("once", once),
    ] {
        let verdict = judged(&entry);
        assert_eq!(verdict.mismatches, [], "{name}");
        assert!(
            matches!(verdict.standing, Standing::NotVerified(_)),
            "{name}"
        );
    }
}

#[test]
fn a_record_that_is_not_whole_knows_nothing_of_earlier_keys() {
    let unknown = |e: &mut LedgerEntry| {
        event(
            e,
            EventName::Captured,
            300,
            Some(bridge_key(MoneyOp::Capture, "1", 0)),
        );
    };
    let learnt = with(|e| {
        unknown(e);
        e.whole = false;
    });
    assert_eq!(judged(&learnt).mismatches, []);
    let before = with(|e| {
        unknown(e);
        e.payment.created_at = at(9_000);
    });
    assert_eq!(judged(&before).mismatches, []);
}

#[test]
fn what_ecom_did_is_found_by_number_or_sum() {
    let ecom = with(|e| {
        e.payment.origin = Some(Origin::Ecom);
        call(e, MoneyOp::Capture, 300, "1", 0, End::Done);
        call(e, MoneyOp::Capture, 300, "2", 0, End::Done);
        for (n, one) in e.calls.iter_mut().enumerate() {
            one.call.api = Origin::Ecom;
            one.call.key = None;
            one.call.state = AdjustmentState::Succeeded {
                amount: sum(300),
                transaction_id: (n == 0).then(|| "5001".to_owned()),
                at: at(105),
            };
        }
        event(e, EventName::Captured, 300, None);
        event(e, EventName::Captured, 300, None);
    });
    let verdict = judged(&ecom);
    assert_eq!((verdict.mismatches.len(), verdict.foreign.len()), (0, 0));
    assert_eq!(verdict.proofs, [Proof::Seen, Proof::Seen]);
    let unseen = with(|e| {
        call(e, MoneyOp::Capture, 300, "1", 0, End::Done);
        e.calls[0].call.api = Origin::Ecom;
        e.calls[0].call.key = None;
    });
    assert_eq!(judged(&unseen).proofs, [Proof::Unproven]);
}
