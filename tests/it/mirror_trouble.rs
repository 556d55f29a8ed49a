//! A mirror in trouble: what can't be followed, a shadow upstream that fails, and twins that are lost.

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::shadow::compare::Rules;
use ecom_bridge::simulator::{Action, Fault};
use ecom_bridge::store::ShadowOutcome::{self, Differing, Failed, Filtered};
use serde_json::Value;

use crate::support::app::MSN;
use crate::support::shadow::{ALL_ECOM, Shadowed, app_order, order_of};
use crate::support::shop::express;

use Operation::{Cancel, Capture, Details, Initiate, Status};

const ID: &str = "order-0001";

/// A mirrored payment, and its id.
async fn created(values: &[(&str, &str)], timeout: &str) -> Shadowed {
    let both = Shadowed::start(values, timeout).await;
    let ask = both.app.initiating(&app_order(ID, 10_000));
    both.call(Initiate, ID, ask).await.clean();
    both
}

async fn read(both: &Shadowed, operation: Operation) -> ShadowOutcome {
    let path = format!("/ecomm/v2/payments/{ID}/{}", operation.word());
    both.call(operation, ID, both.app.ask("GET", &path))
        .await
        .outcome
}

async fn capture(both: &Shadowed, id: &str) -> ShadowOutcome {
    let ask = both.app.changing("capture", ID, 1_000, id);
    both.call(Capture, ID, ask).await.outcome
}

#[tokio::test]
async fn a_shadow_upstream_that_hangs_costs_its_time_and_the_twin() {
    for values in [&ALL_ECOM[..], &[]] {
        let both = created(values, "400ms").await;
        assert!(both.app.world().approve(MSN, ID));
        assert_eq!(read(&both, Status).await, ShadowOutcome::Clean);
        let hang = Action::Hang { processed: true };
        both.shadow
            .world()
            .add_fault(Fault::always("/capture", hang));
        assert_eq!(capture(&both, "1").await, Failed("timeout"));
        both.shadow.world().clear_faults();
        both.shadow.world().clear_requests();
        assert_eq!(capture(&both, "2").await, Filtered("twin-lost"));
        assert_eq!(read(&both, Details).await, Filtered("twin-lost"));
        assert!(
            both.shadow.world().requests().is_empty(),
            "nothing is sent again"
        );
    }
}

#[tokio::test]
async fn a_read_that_fails_loses_no_twin() {
    for values in [&ALL_ECOM[..], &[]] {
        let both = created(values, "400ms").await;
        let world = both.shadow.world();
        world.add_fault(Fault::always(
            "/payments/",
            Action::Hang { processed: false },
        ));
        assert_eq!(read(&both, Details).await, Failed("timeout"));
        world.clear_faults();
        let unavailable = Action::Status {
            status: 503,
            body: None,
            headers: vec![],
            processed: false,
        };
        world.add_fault(Fault::always("/payments/", unavailable));
        assert_eq!(read(&both, Details).await, Failed("server-error"));
        world.clear_faults();
        world.add_fault(Fault::always("/payments/", Action::CloseBefore));
        assert_eq!(read(&both, Details).await, Failed("no-answer"));
        world.clear_faults();
        world.set_down(true).await;
        assert_eq!(read(&both, Status).await, Failed("unreachable"));
        world.set_down(false).await;
        assert_eq!(read(&both, Status).await, ShadowOutcome::Clean);
    }
}

#[tokio::test]
async fn what_a_user_ends_has_no_twin_any_more() {
    for values in [&ALL_ECOM[..], &[]] {
        let both = created(values, "5s").await;
        assert!(both.app.world().reject(MSN, ID));
        assert_eq!(read(&both, Status).await, Filtered("ended-by-the-user"));
        assert_eq!(read(&both, Details).await, Filtered("twin-lost"));
        // An approval that nobody saw before the cancel.
        let both = created(values, "5s").await;
        assert!(both.app.world().approve(MSN, ID));
        let cancel = both.app.changing("cancel", ID, Value::Null, "1");
        both.call(Cancel, ID, cancel).await.clean();
        assert_eq!(read(&both, Details).await, Filtered("approved-unseen"));
    }
}

#[tokio::test]
async fn what_was_not_mirrored_has_no_twin() {
    for values in [&ALL_ECOM[..], &[]] {
        let both = Shadowed::start(values, "5s").await;
        both.app.initiate(ID, 10_000).await.ok();
        assert_eq!(read(&both, Details).await, Filtered("no-twin"));
        assert_eq!(capture(&both, "1").await, Filtered("no-twin"));
        let other = "order-0002";
        let ask = both.app.initiating(&express(other, 10_000));
        assert_eq!(
            both.call(Initiate, other, ask).await.outcome,
            Filtered("express")
        );
        assert!(both.shadow.world().requests().is_empty());
        // One call that was left out, and the twin is out of step.
        let both = created(values, "5s").await;
        drop(both.mirror.turn(Details, &order_of(ID)));
        assert_eq!(read(&both, Details).await, ShadowOutcome::Clean);
        drop(both.mirror.turn(Capture, &order_of(ID)));
        assert_eq!(read(&both, Details).await, Filtered("twin-lost"));
    }
}

#[tokio::test]
async fn a_work_that_is_dropped_in_its_middle_loses_the_twin() {
    let both = created(&[], "5s").await;
    assert!(both.app.world().approve(MSN, ID));
    assert_eq!(read(&both, Status).await, ShadowOutcome::Clean);
    let hang = Action::Hang { processed: false };
    both.shadow
        .world()
        .add_fault(Fault::always("/capture", hang));
    let ask = both.app.changing("capture", ID, 1_000, "1");
    let (_, offer) = both.offer(Capture, ID, ask, |_| {}).await;
    let rules = Rules::default();
    let turn = both.mirror.turn(Capture, &order_of(ID));
    let work = both.mirror.mirror(turn, &offer, &rules);
    let short = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(short, work).await.is_err());
    assert_eq!(read(&both, Status).await, Filtered("twin-lost"));
}

#[tokio::test]
async fn one_side_refuses_what_the_other_does_and_that_is_told_once() {
    for values in [&ALL_ECOM[..], &[]] {
        let both = created(values, "5s").await;
        assert!(both.app.world().approve(MSN, ID));
        assert_eq!(read(&both, Status).await, ShadowOutcome::Clean);
        let twin = both.twin();
        assert!(both.shadow.world().fail_next(&twin.msn, &twin.reference));
        assert_eq!(capture(&both, "1").await, Differing);
        assert_eq!(capture(&both, "2").await, Filtered("twin-lost"));
    }
}

#[tokio::test]
async fn a_token_that_ends_is_fetched_again_and_a_wrong_one_is_told() {
    for values in [&ALL_ECOM[..], &[]] {
        let both = created(values, "5s").await;
        both.shadow.world().expire_tokens();
        assert_eq!(read(&both, Details).await, ShadowOutcome::Clean);
        let unauthorized = Action::Status {
            status: 401,
            body: None,
            headers: vec![],
            processed: false,
        };
        both.shadow
            .world()
            .add_fault(Fault::always("/payments/", unauthorized));
        assert_eq!(read(&both, Details).await, Failed("unauthorized"));
        both.shadow.world().clear_faults();
        // The merchant's own token is its own matter.
        let path = format!("/ecomm/v2/payments/{ID}/details");
        let ask = both
            .app
            .ask("GET", &path)
            .header("Authorization", "Bearer x");
        assert_eq!(
            both.call(Details, ID, ask).await.outcome,
            Filtered("no-access")
        );
        assert_eq!(read(&both, Details).await, ShadowOutcome::Clean);
    }
}
