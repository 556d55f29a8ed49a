//! The order of the rules where something is steered: kill switch, overrides, configuration, and the ramp below it.

use super::*;

/// Which rule decides an initiate, and which way, as one after the other is put in force.
#[test]
fn what_is_steered_goes_before_what_is_configured_and_the_unit_before_all() {
    let (msn, order) = (Msn::parse("123456").unwrap(), text("order-0001"));
    let lever = Lever::Toggle(Operation::Initiate);
    let facts = a_new_one(&msn, &order);
    let mut policy = all(Toggle::Ecom);
    let decided = |policy: &Policy| {
        let decision = decide(&facts, policy);
        (decision.why, decision.route)
    };
    assert_eq!(decided(&policy), (Why::Toggle, Route::Ecom));
    let unit = policy.units.entry(msn.clone()).or_default();
    unit.initiate = Some(Toggle::Epayment);
    assert_eq!(decided(&policy), (Why::UnitToggle, Route::Epayment));
    policy.steering.caps.insert(msn.clone(), 0);
    assert_eq!(decided(&policy), (Why::Automatic, Route::Ecom));
    policy.steering.caps.insert(msn.clone(), 100);
    assert_eq!(decided(&policy), (Why::UnitToggle, Route::Epayment));
    policy.steering.caps.insert(msn.clone(), 0);
    // An operator who overrides has seen what the machine did.
    policy.steering.set(lever, None, Toggle::Epayment);
    assert_eq!(decided(&policy), (Why::Override, Route::Epayment));
    policy.steering.set(lever, Some(&msn), Toggle::Ecom);
    assert_eq!(decided(&policy), (Why::UnitOverride, Route::Ecom));
    policy.steering.set(lever, Some(&msn), Toggle::Percent(100));
    assert_eq!(decided(&policy), (Why::Bucket, Route::Epayment));
    policy.steering.set(Lever::KillSwitch, None, Toggle::Ecom);
    assert_eq!(decided(&policy), (Why::KillSwitch, Route::Ecom));
    let kill = (Lever::KillSwitch, Some(&msn));
    policy.steering.set(kill.0, kill.1, Toggle::Ecom);
    assert_eq!(decided(&policy), (Why::UnitKillSwitch, Route::Ecom));
}

/// The bucket's own number is the first percentage that leaves it out.
#[test]
fn a_percentage_and_a_ramp_end_below_their_own_bucket() {
    let (msn, order) = (Msn::parse("123456").unwrap(), text("order-0001"));
    let facts = a_new_one(&msn, &order);
    let bucket = rollout::bucket(Some(&msn), &order);
    for (percent, route) in [
        (0, Route::Ecom),
        (bucket, Route::Ecom),
        (bucket + 1, Route::Epayment),
    ] {
        let by_percent = decide(&facts, &all(Toggle::Percent(percent)));
        assert_eq!((by_percent.route, by_percent.why), (route, Why::Bucket));
        let mut policy = all(Toggle::Epayment);
        policy.steering.caps.insert(msn.clone(), percent);
        assert_eq!(
            decide(&facts, &policy).route,
            route,
            "{percent} of {bucket}"
        );
    }
}

#[test]
fn the_kill_switch_stops_changes_of_ecoms_payments_and_nothing_else() {
    let order = text("order-0001");
    let mut policy = all(Toggle::Epayment);
    policy.steering.set(Lever::KillSwitch, None, Toggle::Ecom);
    for operation in Operation::ALL {
        for known in [ECOM, EPAYMENT, Known::Nothing] {
            let ask = match operation {
                Operation::Initiate => REGULAR,
                operation => Ask::About(operation),
            };
            let facts = Facts {
                ask,
                msn: None,
                order: &order,
                known,
                open_at: None,
            };
            let (killed, before) = (
                decide(&facts, &policy),
                decide(&facts, &all(Toggle::Epayment)),
            );
            let changes = matches!(
                operation,
                Operation::Capture | Operation::Cancel | Operation::Refund
            );
            let stopped = match known {
                ECOM => changes,
                EPAYMENT => false,
                // A change of unknown birth goes where payments of either birth are served, as ever.
                _ => operation == Operation::Initiate,
            };
            if stopped {
                assert_eq!(killed.route, Route::Ecom, "{operation:?} {known:?}");
                assert_eq!(killed.why, Why::KillSwitch, "{operation:?} {known:?}");
            } else {
                assert_eq!(killed, before, "{operation:?} {known:?}");
            }
        }
    }
}
