//! Which call is compared, and how.

use super::*;
use crate::settings;
use crate::shadow::testing::order;
use crate::store::{PaymentFacts, PaymentRecord};
use crate::types::Moment;

fn shadow() -> Shadow {
    let settings = settings::from_text("").expect("the defaults");
    Shadow {
        mode: ShadowMode::Read,
        ..settings.shadow
    }
}

fn born(origin: Origin, kind: Kind) -> Known {
    let order = order("order-0001");
    Known {
        payment: Some(PaymentRecord {
            scope: order.scope,
            order: order.order,
            facts: PaymentFacts {
                origin,
                kind,
                reference: None,
                amount: None,
                currency: None,
                text: None,
                callback: None,
                scope_asked: None,
                fall_back: None,
                request_id: None,
            },
            create_key: None,
            created_at: Moment::default(),
        }),
        attempt: None,
    }
}

#[test]
fn each_mode_has_its_way_for_each_operation() {
    use Operation::{Capture, Details, Initiate, Status};
    for (mode, operation, want) in [
        (ShadowMode::Off, Details, None),
        (ShadowMode::Dry, Details, Some(Way::Dry)),
        (ShadowMode::Dry, Capture, Some(Way::Dry)),
        (ShadowMode::Read, Details, Some(Way::Read)),
        (ShadowMode::Read, Status, Some(Way::Read)),
        (ShadowMode::Read, Initiate, Some(Way::Dry)),
        (ShadowMode::Write, Details, Some(Way::Write)),
        (ShadowMode::Write, Capture, Some(Way::Write)),
    ] {
        assert_eq!(way(mode, operation), want, "{mode:?} {operation:?}");
    }
}

#[test]
fn the_route_and_the_birth_decide_what_is_compared() {
    let regular = born(Origin::Ecom, Kind::Regular);
    let express = born(Origin::Ecom, Kind::Express);
    let unproven = born(Origin::Ecom, Kind::Unproven);
    let epayment = born(Origin::Epayment, Kind::Regular);
    let nothing = Known::default();
    let (ecom, new, refused) = (Route::Ecom, Route::Epayment, Route::Refused);
    for (way, route, known, want) in [
        (Way::Read, ecom, &regular, ""),
        (Way::Read, ecom, &unproven, ""),
        (Way::Read, ecom, &nothing, ""),
        (Way::Read, ecom, &express, "express"),
        (Way::Read, new, &regular, ""),
        (Way::Read, new, &epayment, "not-born-in-ecom"),
        (Way::Read, new, &nothing, "not-born-in-ecom"),
        (Way::Read, refused, &regular, "refused-here"),
        (Way::Dry, ecom, &regular, ""),
        (Way::Dry, ecom, &nothing, ""),
        (Way::Dry, new, &epayment, "went-to-epayment"),
        (Way::Dry, refused, &nothing, "refused-here"),
        (Way::Write, ecom, &regular, ""),
        (Way::Write, new, &epayment, ""),
        (Way::Write, ecom, &express, "express"),
    ] {
        let subject = (order("order-0001"), known.clone());
        let call = (Operation::Details, route);
        let merchant = MerchantShadow::default();
        let got = plan(&shadow(), &merchant, way, call, Some(&subject));
        let reason = match got {
            Plan::Compare(planned) => {
                assert_eq!(planned, way);
                ""
            }
            Plan::Filter { reason, .. } => reason,
        };
        assert_eq!(reason, want, "{way:?} {route:?} {known:?}");
    }
}

#[test]
fn switches_and_samples_are_the_operator_s_choice() {
    let subject = (order("order-0001"), Known::default());
    let ask = |shadow: &Shadow, merchant: &MerchantShadow, subject| {
        plan(
            shadow,
            merchant,
            Way::Read,
            (Operation::Details, Route::Ecom),
            subject,
        )
    };
    let filter = |reason, by_choice| Plan::Filter {
        way: Way::Read,
        reason,
        by_choice,
    };
    let on = MerchantShadow::default();
    let off = MerchantShadow {
        enabled: false,
        ..MerchantShadow::default()
    };
    assert_eq!(
        ask(&shadow(), &off, Some(&subject)),
        filter("merchant-off", true)
    );
    let narrow = Shadow {
        operations: vec![Operation::Status],
        ..shadow()
    };
    assert_eq!(
        ask(&narrow, &on, Some(&subject)),
        filter("operation-off", true)
    );
    assert_eq!(ask(&shadow(), &on, None), filter("refused-here", false));
    let none = Shadow {
        sample_percent: 0,
        ..shadow()
    };
    assert_eq!(ask(&none, &on, Some(&subject)), filter("not-sampled", true));
    let own = MerchantShadow {
        sample_percent: Some(100),
        ..MerchantShadow::default()
    };
    assert_eq!(ask(&none, &own, Some(&subject)), Plan::Compare(Way::Read));
    let odd = (order("under_score"), Known::default());
    assert_eq!(
        ask(&shadow(), &on, Some(&odd)),
        filter("no-reference", false)
    );
}

#[test]
fn a_sample_is_stable_for_each_payment_and_about_as_large_as_asked() {
    let shadow = Shadow {
        sample_percent: 10,
        ..shadow()
    };
    let merchant = MerchantShadow::default();
    let sampled = |n: u32| {
        let subject = (order(&format!("order-{n}")), Known::default());
        let call = (Operation::Details, Route::Ecom);
        plan(&shadow, &merchant, Way::Read, call, Some(&subject)) == Plan::Compare(Way::Read)
    };
    let first: Vec<bool> = (0..2_000).map(sampled).collect();
    let again: Vec<bool> = (0..2_000).map(sampled).collect();
    assert_eq!(first, again);
    let many = first.iter().filter(|one| **one).count();
    assert!((140..=260).contains(&many), "{many}");
}
