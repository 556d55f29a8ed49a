//! Payments that may still change, by what the published limits leave of them today: pure.
//!
//! A payment may be captured for 180 days from its approval and refunded for 365 days from its last capture. It counts as
//! open until the day after its last one. Must not: ask the time.

use std::collections::BTreeMap;

use crate::store::{Day, OpenClass, OpenDays};
use crate::types::{Amount, Currency, Msn, Origin};

/// Days from approval in which a payment may be captured.
pub const CAPTURE_DAYS: i64 = 180;
/// Days from its capture in which a payment may be refunded.
pub const REFUND_DAYS: i64 = 365;

/// Open payments that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenGroup {
    /// The sales unit; none where it is not known.
    pub msn: Option<Msn>,
    /// Where they were created; none where that is not known.
    pub origin: Option<Origin>,
    /// How they may change today.
    pub class: OpenClass,
    /// Of the sums.
    pub currency: Currency,
    /// How many.
    pub payments: u64,
    /// What may be captured, in minor units.
    pub to_capture: Amount,
    /// What may be refunded, in minor units.
    pub to_refund: Amount,
    /// The day from which the time of the oldest runs.
    pub oldest: Day,
    /// The day on which the last one is gone if nothing more is done to any.
    pub last_gone: Day,
    /// The same if each is captured on its last day, and so may be refunded for another year.
    pub latest_gone: Day,
}

/// What is left today of a row of counts: its class, the day from which its time runs, and its ends.
fn today_as(row: &OpenDays, today: Day) -> Option<(OpenClass, Day, Day, Day)> {
    let counted = &row.counted;
    let capture_end = counted
        .capture_day
        .map(|day| (day, day.plus(CAPTURE_DAYS + 1)))
        .filter(|(_, end)| today < *end);
    let refund_end = counted
        .refund_day
        .map(|day| (day, day.plus(REFUND_DAYS + 1)))
        .filter(|(_, end)| today < *end);
    match (capture_end, refund_end) {
        (Some((from, end)), refund) => {
            let last = refund.map_or(end, |(_, refund_end)| refund_end.max(end));
            let latest = last.max(end.plus(REFUND_DAYS));
            Some((counted.class, from, last, latest))
        }
        (None, Some((from, end))) => Some((OpenClass::Refundable, from, end, end)),
        (None, None) => None,
    }
}

/// Groups by unit, origin, class and currency, in that order.
#[must_use]
pub fn groups(days: &[OpenDays], today: Day) -> Vec<OpenGroup> {
    let mut groups = BTreeMap::new();
    for row in days {
        let Some((class, from, last, latest)) = today_as(row, today) else {
            continue;
        };
        // Too late to capture: what was never captured of it is nobody's any more.
        let may_capture = class != OpenClass::Refundable;
        let to_capture = if may_capture {
            row.counted.to_capture
        } else {
            Amount::ZERO
        };
        let place = (
            row.msn.as_ref().map_or("", Msn::as_str),
            row.origin.map(origin_word),
            class,
            row.currency.code(),
        );
        let group = groups.entry(place).or_insert_with(|| OpenGroup {
            msn: row.msn.clone(),
            origin: row.origin,
            class,
            currency: row.currency,
            payments: 0,
            to_capture: Amount::ZERO,
            to_refund: Amount::ZERO,
            oldest: from,
            last_gone: last,
            latest_gone: latest,
        });
        group.payments += row.payments;
        group.to_capture = plus(group.to_capture, to_capture);
        group.to_refund = plus(group.to_refund, row.counted.to_refund);
        group.oldest = group.oldest.min(from);
        group.last_gone = group.last_gone.max(last);
        group.latest_gone = group.latest_gone.max(latest);
    }
    groups.into_values().collect()
}

fn plus(sum: Amount, more: Amount) -> Amount {
    sum.checked_add(more).unwrap_or(sum)
}

/// Where payments may have been created, as far as known.
pub const ORIGINS: [Option<Origin>; 3] = [Some(Origin::Ecom), Some(Origin::Epayment), None];

/// The word of an origin that may not be known.
#[must_use]
pub const fn word_of(origin: Option<Origin>) -> &'static str {
    match origin {
        Some(origin) => origin_word(origin),
        None => "unknown",
    }
}

/// What may still be captured, of refundable ones refunded, by currency.
#[must_use]
pub fn sums<'a>(groups: impl Iterator<Item = &'a OpenGroup>) -> Vec<(Currency, Amount)> {
    let mut sums: Vec<(Currency, Amount)> = Vec::new();
    for group in groups {
        let more = match group.class {
            OpenClass::Refundable => group.to_refund,
            _ => group.to_capture,
        };
        match sums.iter_mut().find(|(one, _)| *one == group.currency) {
            Some((_, sum)) => *sum = plus(*sum, more),
            None => sums.push((group.currency, more)),
        }
    }
    sums
}

/// The word of an origin in metrics and answers.
#[must_use]
pub const fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Ecom => "ecom",
        Origin::Epayment => "epayment",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Counted;

    fn row(class: OpenClass, capture: Option<i64>, refund: Option<i64>, payments: u64) -> OpenDays {
        OpenDays {
            msn: Msn::parse("123456"),
            origin: Some(Origin::Ecom),
            currency: Currency::Nok,
            counted: Counted {
                class,
                capture_day: capture.map(Day),
                refund_day: refund.map(Day),
                to_capture: Amount::new(600).unwrap(),
                to_refund: Amount::new(400).unwrap(),
            },
            payments,
        }
    }

    #[test]
    fn payments_age_out_by_the_published_limits() {
        let reserved = [row(OpenClass::Reserved, Some(1000), None, 2)];
        for (today, open) in [(1000, 1), (1180, 1), (1181, 0)] {
            assert_eq!(groups(&reserved, Day(today)).len(), open, "{today}");
        }
        let captured = [row(OpenClass::Refundable, None, Some(1000), 2)];
        for (today, open) in [(1365, 1), (1366, 0)] {
            assert_eq!(groups(&captured, Day(today)).len(), open, "{today}");
        }
        let group = &groups(&reserved, Day(1000))[0];
        assert_eq!((group.payments, group.oldest), (2, Day(1000)));
        assert_eq!(group.last_gone, Day(1181));
        assert_eq!(group.latest_gone, Day(1181 + 365));
    }

    #[test]
    fn what_is_partly_captured_becomes_refundable_and_its_rest_is_nobodys() {
        let partly = [row(OpenClass::PartlyCaptured, Some(1000), Some(1100), 1)];
        let before = &groups(&partly, Day(1180))[0];
        assert_eq!(before.class, OpenClass::PartlyCaptured);
        assert_eq!(before.last_gone, Day(1466));
        let after = &groups(&partly, Day(1181))[0];
        assert_eq!(after.class, OpenClass::Refundable);
        assert_eq!(
            (
                after.to_capture.minor_units(),
                after.to_refund.minor_units()
            ),
            (0, 400)
        );
        assert_eq!((after.oldest, after.last_gone), (Day(1100), Day(1466)));
        assert!(groups(&partly, Day(1466)).is_empty());
        // All given back: nothing is left when its time to be captured is up.
        let returned = [row(OpenClass::PartlyCaptured, Some(1000), None, 1)];
        assert!(groups(&returned, Day(1181)).is_empty());
    }

    #[test]
    fn days_of_a_class_are_one_group() {
        let days = [
            row(OpenClass::Reserved, Some(1000), None, 2),
            row(OpenClass::Reserved, Some(1001), None, 3),
            row(OpenClass::Refundable, None, Some(900), 4),
        ];
        let groups = groups(&days, Day(1001));
        assert_eq!(groups.len(), 2);
        let reserved = &groups[0];
        assert_eq!((reserved.payments, reserved.oldest), (5, Day(1000)));
        assert_eq!(reserved.last_gone, Day(1182));
        assert_eq!(reserved.to_capture.minor_units(), 1200);
    }
}
