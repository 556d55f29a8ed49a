//! Percentages: a stable bucket for each (sales unit, order), so a repeat goes the same way and a raise only adds orders.
//!
//! Must not: depend on anything but the two names.

use sha2::{Digest, Sha256};

use crate::types::{Msn, OrderText};

/// The bucket of an order, 0 to 99.
#[must_use]
pub fn bucket(msn: Option<&Msn>, order: &OrderText) -> u8 {
    draw(b"", msn, order)
}

/// The bucket of an order where a sample is drawn, 0 to 99. Another one than [`bucket`]: a sample of those that a
/// percentage has sent one way would be a sample of one side.
#[must_use]
pub fn sample_bucket(msn: Option<&Msn>, order: &OrderText) -> u8 {
    draw(b"sample\0", msn, order)
}

fn draw(purpose: &[u8], msn: Option<&Msn>, order: &OrderText) -> u8 {
    let mut hash = Sha256::new();
    hash.update(purpose);
    hash.update(msn.map_or("", Msn::as_str));
    hash.update([0]);
    hash.update(order.as_str());
    let digest = hash.finalize();
    let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    u8::try_from(number % 100).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_are_even_and_differ_between_units() {
        let unit = Msn::parse("123456");
        let order = |n: u32| OrderText::parse(&format!("order-{n}")).unwrap();
        let in_ten = (0..10_000)
            .filter(|n| bucket(unit.as_ref(), &order(*n)) < 10)
            .count();
        assert!((850..1150).contains(&in_ten), "{in_ten}");
        let both = (0..10_000)
            .filter(|n| bucket(unit.as_ref(), &order(*n)) < 10)
            .filter(|n| sample_bucket(unit.as_ref(), &order(*n)) < 10)
            .count();
        assert!((50..150).contains(&both), "a tenth of a tenth: {both}");
        let other = Msn::parse("654321");
        assert!(
            (0..100).any(|n| bucket(unit.as_ref(), &order(n)) != bucket(other.as_ref(), &order(n)))
        );
    }

    proptest! {
        #[test]
        fn b12_a_raise_only_adds_orders(order in "[a-zA-Z0-9-]{1,50}", low in 0u8..=100, more in 0u8..=100) {
            let order = OrderText::parse(&order).unwrap();
            let unit = Msn::parse("123456");
            let at = bucket(unit.as_ref(), &order);
            prop_assert!(at < 100);
            prop_assert_eq!(at, bucket(unit.as_ref(), &order));
            let high = low.saturating_add(more).min(100);
            prop_assert!(!(at < low && at >= high));
        }
    }
}
