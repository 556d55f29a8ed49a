//! Laws over random histories: what was planted is found, and nothing else.

use proptest::prelude::*;

use super::tests::{End, bridge_key, call, entry, event, judged, sum};
use super::*;

#[derive(Clone, Debug)]
enum Did {
    Call(MoneyOp, i64, End, bool),
    Foreign(EventName, i64),
}

fn did() -> impl Strategy<Value = Did> {
    let op = prop_oneof![Just(MoneyOp::Capture), Just(MoneyOp::Refund)];
    let end = prop_oneof![
        Just(End::Done),
        Just(End::Refused),
        Just(End::NotDone),
        Just(End::Open)
    ];
    let name = prop_oneof![Just(EventName::Captured), Just(EventName::Refunded)];
    prop_oneof![
        (op, 1..50_i64, end, any::<bool>())
            .prop_map(|(op, sum, end, seen)| Did::Call(op, sum, end, seen)),
        (name, 1..50_i64).prop_map(|(name, sum)| Did::Foreign(name, sum)),
    ]
}

proptest! {
    /// A mismatch of told and done is found if and only if one was planted; nothing panics.
    #[test]
    fn told_and_done_agree_or_are_found(history in proptest::collection::vec(did(), 0..12)) {
        let mut made = entry();
        made.payment.balance.sums.authorized = sum(100_000);
        made.payment.amount = Some(sum(100_000));
        let (mut lied_done, mut lied_failed, mut foreign) = (false, false, 0);
        for (n, step) in history.iter().enumerate() {
            let request = format!("r{n}");
            match step {
                Did::Call(op, amount, end, seen) => {
                    call(&mut made, *op, *amount, &request, 0, *end);
                    if *seen {
                        let name = if *op == MoneyOp::Capture { EventName::Captured } else { EventName::Refunded };
                        event(&mut made, name, *amount, Some(bridge_key(*op, &request, 0)));
                    }
                    lied_done |= matches!(end, End::Done) && !seen;
                    lied_failed |= matches!(end, End::Refused | End::NotDone) && *seen;
                }
                Did::Foreign(name, amount) => {
                    foreign += 1;
                    event(&mut made, *name, *amount, None);
                }
            }
        }
        let verdict = judged(&made);
        let has = |kind| verdict.mismatches.iter().any(|one| one.kind == kind);
        prop_assert_eq!(has(MismatchKind::ToldDoneButAbsent), lied_done);
        prop_assert_eq!(has(MismatchKind::ToldFailedButDone), lied_failed);
        prop_assert!(!has(MismatchKind::CapturedTwice) && !has(MismatchKind::KeyReused));
        prop_assert!(!has(MismatchKind::UnknownBridgeKey) && !has(MismatchKind::SumsDiffer));
        prop_assert_eq!(verdict.foreign.len(), foreign);
        prop_assert_eq!(verdict.proofs.len(), made.calls.len());
        prop_assert_eq!(verdict.standing == Standing::Mismatch, !verdict.mismatches.is_empty());
    }
}
