//! F4: the machine's clock jumps by an hour, either way. Nothing is done twice or lost; what is planned may come later by
//! as much as the clock went back.

use std::time::Duration;

use ecom_bridge::simulator::merchant::Manner;
use ecom_bridge::simulator::{Action, Fault};

use crate::support::app::TestApp;
use crate::support::callbacks::Shop;
use crate::support::until;

const HOUR: Duration = Duration::from_secs(3_600);

/// In the middle of a capture whose answer is lost; it lands late, after the jump.
#[tokio::test]
async fn f4_a_jump_in_the_middle_of_a_money_call_does_nothing_twice() {
    for forward in [true, false] {
        let shop = Shop::start().await;
        let app = &shop.app;
        shop.order("order-0001").await;
        shop.approve("order-0001");
        shop.quiet().await;
        let hang = Action::Hang { processed: false };
        app.world().add_fault(Fault::always("/capture", hang));
        let ask = app.changing("capture", "order-0001", 400, "x");
        let mut client = ask.begin().await;
        until(|| {
            let all = app.world().requests();
            all.iter().any(|r| r.path().ends_with("/capture"))
        })
        .await;
        match forward {
            true => app.clock.jump_forward(HOUR),
            false => app.clock.jump_back(HOUR),
        }
        let first = client.read(false).await.unwrap();
        assert!(first.is_unknown(), "{}", first.text());
        app.world().clear_faults();
        app.land("/capture").await;
        let again = ask.send().await;
        assert_eq!(again.ok()["transactionInfo"]["amount"], 400);
        // Back to where it was: the rest can be captured.
        match forward {
            true => app.clock.jump_back(HOUR),
            false => app.clock.jump_forward(HOUR),
        }
        app.capture("order-0001", 600, "y").await.ok();
        assert_eq!(app.sums("order-0001"), (1_000, 0, 0), "{forward}");
    }
}

/// Between the jump and the landing another request comes: by the clock's word, the first one would have been given up.
#[tokio::test]
async fn f4_after_a_jump_forward_absence_is_no_proof_until_the_time_has_truly_passed() {
    let app = TestApp::start().await;
    let settle = Duration::from_secs(1);
    for (order, lands) in [("order-0001", true), ("order-0002", false)] {
        app.reserved(order, 1_000).await;
        let hang = Action::Hang { processed: false };
        app.world().add_fault(Fault::always("/capture", hang));
        let first = app.capture(order, 400, "x").await;
        assert!(first.is_unknown(), "{}", first.text());
        app.world().clear_faults();
        app.clock.jump_forward(HOUR);
        let posted = || {
            let all = app.world().requests();
            all.iter().filter(|seen| seen.method == "POST").count()
        };
        let before = posted();
        let other = app.changing("capture", order, 400, "y").send().await;
        assert_eq!(other.error(), (423, "94".into()));
        assert_eq!(posted(), before, "nothing is sent beside it");
        if lands {
            app.land("/capture").await;
            app.capture(order, 400, "x").await.ok();
        } else {
            app.clock.advance(settle);
            app.capture(order, 500, "y").await.ok();
        }
        assert_eq!(app.sums(order).0, if lands { 400 } else { 500 }, "{order}");
    }
}

#[tokio::test]
async fn f4_callbacks_are_told_once_whichever_way_the_clock_jumps() {
    let shop = Shop::start().await;
    for (n, forward) in [(1, true), (2, false)] {
        let id = format!("order-{n:04}");
        shop.order(&id).await;
        shop.merchant.answer_next(Manner::status(500));
        let heard = shop.merchant.callbacks().len();
        shop.approve(&id);
        until(|| shop.merchant.callbacks().len() == heard + 1).await;
        shop.heard().await;
        match forward {
            true => shop.app.clock.jump_forward(HOUR),
            false => shop.app.clock.jump_back(HOUR),
        }
        // A new one is told at once, whatever the time is now.
        let other = format!("order-{n:04}-new");
        shop.order(&other).await;
        shop.approve(&other);
        until(|| shop.statuses(&other) == ["RESERVED"]).await;
        // The one that waits comes by its schedule, later at most by the jump.
        shop.pass(HOUR + Duration::from_secs(30)).await;
        until(|| shop.statuses(&id).len() == 2).await;
        shop.quiet().await;
        assert_eq!(shop.statuses(&id), ["RESERVED", "RESERVED"]);
    }
}
