//! Capture, cancel and refund: the first byte chooses, the rest is the body.

use crate::ecom::read::object;
use crate::ecom::request::Adjust;
use crate::other::{is_exactly, member, reads};
use crate::translate::adjust::{Asked, check};
use crate::types::MoneyOp;

/// A sum that is named is that sum or refused: never another one, and never all that remains.
pub fn run(data: &[u8]) {
    let Some((first, data)) = data.split_first() else {
        return;
    };
    let op = MoneyOp::ALL[usize::from(*first) % MoneyOp::ALL.len()];
    let Ok((body, _)) = object::<Adjust>(data) else {
        return;
    };
    if !reads(data) {
        return;
    }
    for header in [None, Some("123456")] {
        let Ok(command) = check(op, &body, header) else {
            continue;
        };
        let amount = member(data, &["transaction", "amount"]);
        match command.asked {
            Asked::Exactly(exactly) => {
                assert!(
                    is_exactly(amount.as_ref(), exactly.minor_units()),
                    "{amount:?}"
                );
            }
            Asked::AllThatRemains if op != MoneyOp::Cancel => {
                let none = amount
                    .as_ref()
                    .is_none_or(|amount| amount.is_null() || amount.as_f64() == Some(0.0));
                assert!(none, "{amount:?}");
            }
            Asked::AllThatRemains => {}
        }
        let release = member(data, &["shouldReleaseRemainingFunds"]);
        let said = release.and_then(|release| release.as_bool()) == Some(true);
        assert_eq!(command.release, said && op == MoneyOp::Cancel);
    }
}
