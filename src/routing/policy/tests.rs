//! The routing table of the mixing rules, row by row, and the laws that no toggle can break.

mod steered;

use proptest::prelude::*;

use super::*;
use crate::routing::steering::Lever;
use crate::routing::toggles::{Routing, RoutingOverride};

fn text(order: &str) -> OrderText {
    OrderText::parse(order).unwrap()
}

fn all(toggle: Toggle) -> Policy {
    let all = Routing {
        initiate: toggle,
        capture: toggle,
        cancel: toggle,
        refund: toggle,
        details: toggle,
        status: toggle,
        ..Routing::default()
    };
    Policy {
        all,
        ..Policy::default()
    }
}

const REGULAR: Ask = Ask::Initiate {
    express: false,
    untranslatable: None,
};
const EXPRESS: Ask = Ask::Initiate {
    express: true,
    untranslatable: None,
};
const ECOM: Known = Known::Born(Origin::Ecom, Kind::Regular);
const EPAYMENT: Known = Known::Born(Origin::Epayment, Kind::Regular);

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row a case")]
fn each_row_of_the_table_has_its_route() {
    use Operation::{Approve, Cancel, Capture, Details, Refund, Status};
    let intent = Ask::Initiate {
        express: false,
        untranslatable: Some(Untranslatable::FallbackIntent),
    };
    let express = Known::Born(Origin::Ecom, Kind::Express);
    let unproven = Known::Born(Origin::Ecom, Kind::Unproven);
    let (to_e, to_p) = (Toggle::Ecom, Toggle::Epayment);
    for (ask, known, order, toggle, route, why) in [
        (
            REGULAR,
            Known::Nothing,
            "order-0001",
            to_p,
            Route::Epayment,
            Why::Toggle,
        ),
        (
            REGULAR,
            Known::Nothing,
            "order-0001",
            to_e,
            Route::Ecom,
            Why::Toggle,
        ),
        (
            REGULAR,
            ECOM,
            "order-0001",
            to_p,
            Route::Ecom,
            Why::BornInEcom,
        ),
        (
            REGULAR,
            EPAYMENT,
            "order-0001",
            to_e,
            Route::Epayment,
            Why::BornInEpayment,
        ),
        (
            EXPRESS,
            Known::Nothing,
            "order-0001",
            to_p,
            Route::Ecom,
            Why::Express,
        ),
        (
            EXPRESS,
            EPAYMENT,
            "order-0001",
            to_p,
            Route::Refused,
            Why::ExpressOnEpaymentOrder,
        ),
        (
            intent,
            Known::Nothing,
            "order-0001",
            to_p,
            Route::Ecom,
            Why::Untranslatable(Untranslatable::FallbackIntent),
        ),
        (
            Ask::About(Capture),
            EPAYMENT,
            "order-0001",
            to_e,
            Route::Epayment,
            Why::BornInEpayment,
        ),
        (
            Ask::About(Details),
            EPAYMENT,
            "1",
            to_e,
            Route::Epayment,
            Why::BornInEpayment,
        ),
        (
            Ask::About(Approve),
            EPAYMENT,
            "order-0001",
            to_e,
            Route::Epayment,
            Why::BornInEpayment,
        ),
        (
            Ask::About(Capture),
            ECOM,
            "order-0001",
            to_p,
            Route::Epayment,
            Why::Toggle,
        ),
        (
            Ask::About(Cancel),
            ECOM,
            "order-0001",
            to_e,
            Route::Ecom,
            Why::Toggle,
        ),
        (
            Ask::About(Details),
            ECOM,
            "order-0001",
            to_p,
            Route::Epayment,
            Why::Toggle,
        ),
        (
            Ask::About(Status),
            ECOM,
            "order-0001",
            to_e,
            Route::Ecom,
            Why::Toggle,
        ),
        (
            Ask::About(Approve),
            ECOM,
            "order-0001",
            to_p,
            Route::Ecom,
            Why::BornInEcom,
        ),
        (
            Ask::About(Refund),
            express,
            "order-0001",
            to_p,
            Route::Epayment,
            Why::Toggle,
        ),
        (
            Ask::About(Details),
            express,
            "order-0001",
            to_p,
            Route::Ecom,
            Why::Express,
        ),
        (
            Ask::About(Status),
            unproven,
            "order-0001",
            to_p,
            Route::Ecom,
            Why::MaybeExpress,
        ),
        (
            Ask::About(Capture),
            ECOM,
            "short",
            to_p,
            Route::Ecom,
            Why::ShortOrder,
        ),
        (
            Ask::About(Capture),
            ECOM,
            "acme_12345",
            to_p,
            Route::Ecom,
            Why::Untranslatable(Untranslatable::OrderCharacters),
        ),
        (
            Ask::About(Capture),
            Known::Nothing,
            "order-0001",
            to_e,
            Route::Epayment,
            Why::UnknownChange,
        ),
        (
            Ask::About(Details),
            Known::Nothing,
            "order-0001",
            to_p,
            Route::EcomThenEpayment,
            Why::UnknownRead,
        ),
        (
            Ask::About(Status),
            Known::Nothing,
            "order-0001",
            to_e,
            Route::EcomThenEpayment,
            Why::UnknownRead,
        ),
        (
            Ask::About(Approve),
            Known::Nothing,
            "order-0001",
            to_p,
            Route::EcomThenEpayment,
            Why::UnknownRead,
        ),
        (
            Ask::About(Refund),
            Known::Nothing,
            "short",
            to_p,
            Route::EcomThenEpayment,
            Why::ShortOrder,
        ),
        (
            Ask::About(Refund),
            Known::Nothing,
            "ecom-id-short",
            to_p,
            Route::Ecom,
            Why::Untranslatable(Untranslatable::OrderCollides),
        ),
        (
            Ask::About(Details),
            Known::Nothing,
            "a.b",
            to_p,
            Route::Ecom,
            Why::Untranslatable(Untranslatable::OrderCharacters),
        ),
    ] {
        let order = text(order);
        let facts = Facts {
            ask,
            msn: None,
            order: &order,
            known,
            open_at: None,
        };
        assert_eq!(
            decide(&facts, &all(toggle)),
            Decision { route, why },
            "{facts:?} {toggle:?}"
        );
    }
}

/// An initiate of an order of which nothing is known.
fn a_new_one<'a>(msn: &'a Msn, order: &'a OrderText) -> Facts<'a> {
    Facts {
        ask: REGULAR,
        msn: Some(msn),
        order,
        known: Known::Nothing,
        open_at: None,
    }
}

#[test]
fn a_sales_units_own_wish_goes_before_the_wish_for_all() {
    let (msn, order) = (Msn::parse("123456").unwrap(), text("order-0001"));
    let mut policy = all(Toggle::Epayment);
    policy.units.insert(
        msn.clone(),
        RoutingOverride {
            initiate: Some(Toggle::Ecom),
            ..RoutingOverride::default()
        },
    );
    let facts = a_new_one(&msn, &order);
    assert_eq!(
        decide(&facts, &policy),
        Decision {
            route: Route::Ecom,
            why: Why::UnitToggle
        }
    );
    let other = Msn::parse("654321").unwrap();
    assert_eq!(
        decide(
            &Facts {
                msn: Some(&other),
                ..facts
            },
            &policy
        )
        .route,
        Route::Epayment
    );
}

#[test]
fn the_repeat_of_an_open_call_goes_the_same_way() {
    let order = text("order-0001");
    let ask = Ask::About(Operation::Capture);
    for (api, toggle, route) in [
        (Origin::Ecom, Toggle::Epayment, Route::Ecom),
        (Origin::Epayment, Toggle::Ecom, Route::Epayment),
    ] {
        for known in [ECOM, Known::Nothing] {
            let facts = Facts {
                ask,
                msn: None,
                order: &order,
                known,
                open_at: Some(api),
            };
            let why = Why::OpenCall;
            let want = Decision { route, why };
            assert_eq!(decide(&facts, &all(toggle)), want, "{known:?}");
        }
    }
}

#[test]
fn the_trail_tells_every_rule() {
    let order = text("order-0001");
    let facts = Facts {
        ask: Ask::About(Operation::Capture),
        msn: None,
        order: &order,
        known: ECOM,
        open_at: None,
    };
    let (decision, steps) = trail(&facts, &all(Toggle::Ecom));
    assert_eq!(decision, decide(&facts, &all(Toggle::Ecom)));
    assert_eq!(
        steps,
        [
            "born in eCom (Regular)",
            "routing.capture for all says ecom"
        ]
    );
}

/// Levers moved, for the sales unit (true) or for all, and how far the ramp lets it go.
fn any_steering() -> impl Strategy<Value = (Vec<(Lever, bool, Toggle)>, Option<u8>)> {
    let lever = proptest::sample::select(Lever::ALL.to_vec());
    let moved = (lever, any::<bool>(), any_toggle());
    (
        proptest::collection::vec(moved, 0..6),
        proptest::option::of(0u8..=100),
    )
}

fn any_toggle() -> impl Strategy<Value = Toggle> {
    prop_oneof![
        Just(Toggle::Ecom),
        Just(Toggle::Epayment),
        (0u8..=100).prop_map(Toggle::Percent)
    ]
}

fn any_facts() -> impl Strategy<Value = (Ask, Known, String, Option<Origin>, Toggle)> {
    let operation = proptest::sample::select(Operation::ALL.to_vec());
    let reason = proptest::option::of(proptest::sample::select(Untranslatable::ALL.to_vec()));
    let ask =
        (operation, any::<bool>(), reason).prop_map(|(operation, express, untranslatable)| {
            match operation {
                Operation::Initiate => Ask::Initiate {
                    express,
                    untranslatable,
                },
                operation => Ask::About(operation),
            }
        });
    let kind = proptest::sample::select(vec![Kind::Regular, Kind::Express, Kind::Unproven]);
    let origin = proptest::sample::select(vec![Origin::Ecom, Origin::Epayment]);
    let known = prop_oneof![
        Just(Known::Nothing),
        (origin.clone(), kind).prop_map(|(origin, kind)| Known::Born(origin, kind)),
    ];
    let toggle = any_toggle();
    (
        ask,
        known,
        "[a-zA-Z0-9._-]{1,50}",
        proptest::option::of(origin),
        toggle,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]
    #[test]
    fn no_toggle_sends_an_epayment_order_to_ecom_or_express_to_epayment(
        (ask, known, order, open_at, toggle) in any_facts(),
        (levers, cap) in any_steering(),
    ) {
        let order = text(&order);
        let msn = Msn::parse("123456").unwrap();
        let mut policy = all(toggle);
        for (lever, own, toggle) in levers {
            policy.steering.set(lever, own.then_some(&msn), toggle);
        }
        policy.steering.caps.extend(cap.map(|cap| (msn.clone(), cap)));
        // An order is never open at eCom and born in ePayment: what is open was sent by these very rules.
        let open_at = open_at.filter(|_| !matches!(known, Known::Born(Origin::Epayment, _)));
        let facts = Facts { ask, msn: Some(&msn), order: &order, known, open_at };
        let decision = decide(&facts, &policy);
        if matches!(known, Known::Born(Origin::Epayment, _)) {
            prop_assert!(matches!(decision.route, Route::Epayment | Route::Refused));
        }
        if let Ask::Initiate { express: true, .. } = ask {
            prop_assert!(matches!(decision.route, Route::Ecom | Route::Refused));
        }
        if decision.route == Route::Epayment && !matches!(known, Known::Born(Origin::Epayment, _)) && open_at.is_none() {
            let is_initiate = matches!(ask, Ask::Initiate { .. });
            prop_assert!(is_initiate || order.reference().is_some());
        }
        prop_assert_eq!(decision, trail(&facts, &policy).0);
    }
}
