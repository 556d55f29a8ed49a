//! The breaker of each API: it opens, sends nothing, tries, closes; what it keeps back is a 502, never another way and
//! never a doubt. And how much is repeated when everything fails.

use std::time::{Duration, Instant};

use ecom_bridge::simulator::{Action, Fault};
use futures_util::future::join_all;

use crate::support::app::{TestApp, Wanted, with};
use crate::support::client::Answer;
use crate::support::eventually;
use crate::support::shop::express;

/// Long enough that it does not end within a test.
const LONG: (&str, &str) = ("upstream.breaker_open", "\"10m\"");
const SHORT: (&str, &str) = ("upstream.breaker_open", "\"100ms\"");

fn after(failures: &str, open: (&str, &str)) -> Wanted {
    with(&[("upstream.breaker_failures", failures), open])
}

fn status(status: u16) -> Action {
    Action::Status {
        status,
        body: None,
        headers: vec![],
        processed: false,
    }
}

async fn state(app: &TestApp, api: &str) -> f64 {
    app.metric(&format!("bridge_upstream_breaker_state{{api=\"{api}\"}}"))
        .await
}

async fn kept_back(app: &TestApp, api: &str) -> f64 {
    let name = format!("bridge_upstream_errors_total{{api=\"{api}\",kind=\"breaker_open\"}}");
    app.counted(&name).await.unwrap_or_default()
}

/// 502 at once, the way it would have gone.
fn is_kept_back(answer: &Answer, route: &str) {
    assert_eq!(answer.error(), (502, "99".into()));
    assert_eq!(answer.route(), route);
}

#[tokio::test]
async fn an_open_breaker_answers_502_sends_nothing_and_changes_no_route() {
    let app = after("4", LONG).start().await;
    app.reserved("order-0001", 1_000).await;
    app.world()
        .add_fault(Fault::always("/epayment/", status(503)));
    for _ in 0..2 {
        assert_eq!(app.details("order-0001").await.status, 502);
    }
    assert_eq!(state(&app, "epayment").await, 2.0);
    app.took();

    is_kept_back(&app.details("order-0001").await, "epayment");
    is_kept_back(&app.read("order-0001", "status").await, "epayment");
    is_kept_back(&app.initiate("order-0003", 1_000).await, "epayment");
    for op in ["capture", "cancel", "refund"] {
        let answer = app.changing(op, "order-0001", 400, op).send().await;
        is_kept_back(&answer, "epayment");
        assert!(answer.text().contains("nothing was done"), "{op}");
    }
    assert_eq!(app.took(), [] as [&str; 0]);
    assert!(kept_back(&app, "epayment").await >= 2.0);
    assert_eq!(app.metric("bridge_ambiguous_open").await, 0.0, "no doubt");

    // eCom and everything else go on.
    assert_eq!(state(&app, "ecom").await, 0.0);
    let answer = app.initiating(&express("express-1", 1_000)).send().await;
    answer.ok();
    assert_eq!(answer.route(), "ecom");
    let token = app.ask("POST", "/accesstoken/get").send().await;
    assert_eq!(token.route(), "pass");
    assert_eq!(app.took().len(), 2);

    // What was not sent is free: the same again, with the same id.
    app.world().clear_faults();
    let mut app = app;
    app.restart().await;
    app.capture("order-0001", 400, "capture").await.ok();
    app.initiate("order-0003", 1_000).await.ok();
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
}

#[tokio::test]
async fn ecom_s_own_trouble_is_ecom_s_alone() {
    let app = after("3", LONG).start().await;
    app.world().add_fault(Fault::always("/ecomm/", status(504)));
    for n in 0..3 {
        let answer = app.initiating(&express(&format!("express-{n}"), 1_000));
        assert_eq!(answer.send().await.status, 504, "as it came");
    }
    assert_eq!(state(&app, "ecom").await, 2.0);
    app.took();
    let body = express("express-9", 1_000);
    is_kept_back(&app.initiating(&body).send().await, "ecom");
    assert_eq!(app.took(), [] as [&str; 0]);
    assert_eq!(kept_back(&app, "ecom").await, 1.0);

    app.reserved("order-0001", 1_000).await;
    app.capture("order-0001", 1_000, "x").await.ok();
    assert_eq!(state(&app, "epayment").await, 0.0);
    let token = app.ask("POST", "/accesstoken/get").send().await;
    assert_eq!(token.route(), "pass");
    assert!(
        app.took()
            .iter()
            .any(|one| one.contains("/accesstoken/get"))
    );
}

#[tokio::test]
async fn it_tries_one_call_at_a_time_and_closes_with_the_first_answer() {
    let app = after("2", SHORT).start().await;
    app.reserved("order-0001", 1_000).await;
    app.world()
        .add_fault(Fault::always("/epayment/", status(502)));
    let opened = "bridge_upstream_breaker_opened_total{api=\"epayment\"}";
    eventually(async || {
        assert_eq!(app.details("order-0001").await.status, 502);
        app.metric(opened).await >= 3.0
    })
    .await;
    // Two opened it; each time after that, one failed.
    let sent = app.took();
    let sent = sent.iter().filter(|one| one.contains("order-0001"));
    let sent = u32::try_from(sent.count()).unwrap();
    assert!(f64::from(sent) <= 4.0 + app.metric(opened).await, "{sent}");
    app.world().clear_faults();
    eventually(async || app.details("order-0001").await.status == 200).await;
    assert_eq!(state(&app, "epayment").await, 0.0);
    app.capture("order-0001", 400, "x").await.ok();
}

/// Not a failure: it answers.
#[tokio::test]
async fn refusals_and_429_never_open_it() {
    let app = after("2", LONG).start().await;
    app.reserved("order-0001", 1_000).await;
    for refused in [400, 401, 403, 404, 409, 422, 429, 501] {
        app.world().clear_faults();
        app.world()
            .add_fault(Fault::always("/epayment/", status(refused)));
        for _ in 0..4 {
            app.details("order-0001").await;
        }
        assert_eq!(state(&app, "epayment").await, 0.0, "{refused}");
    }
    app.world().clear_faults();
    app.details("order-0001").await.ok();
}

#[tokio::test]
async fn what_is_in_doubt_stays_unknown_and_is_found_out_when_it_closes() {
    let app = after("1", SHORT).start().await;
    app.reserved("order-0001", 1_000).await;
    app.world().add_fault(Fault::always(
        "/epayment/",
        Action::Hang { processed: true },
    ));
    let answer = app.capture("order-0001", 400, "x").await;
    assert!(answer.is_unknown(), "{}", answer.text());
    // Whether the breaker lets a look go or not: nobody knows yet.
    for _ in 0..3 {
        let answer = app.capture("order-0001", 400, "x").await;
        assert!(answer.is_unknown(), "{}", answer.text());
    }
    assert_eq!(app.metric("bridge_ambiguous_open").await, 1.0);
    app.world().clear_faults();
    eventually(async || app.metric("bridge_ambiguous_open").await == 0.0).await;
    app.capture("order-0001", 400, "x").await.ok();
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
    let sent = app.world().requests();
    let mut keys: Vec<_> = sent
        .iter()
        .filter(|one| one.path().ends_with("/capture"))
        .map(|one| one.header("idempotency-key"))
        .collect();
    keys.dedup();
    assert_eq!(keys.len(), 1, "one key");
}

/// While nobody can be asked the poller claims nothing: what is due is read as soon as it closes.
#[tokio::test]
async fn background_reads_wait_and_lose_nothing() {
    let app = with(&[
        ("upstream.breaker_failures", "1"),
        ("upstream.breaker_open", "\"2s\""),
        ("callbacks.allow_private_addresses", "true"),
    ])
    .start()
    .await;
    app.reserved("order-0001", 1_000).await;
    app.world()
        .add_fault(Fault::once("/epayment/", status(503)));
    assert_eq!(app.details("order-0001").await.status, 502);
    assert_eq!(state(&app, "epayment").await, 2.0);
    app.took();
    // Due; had the open breaker spent the look, the next would be a minute away.
    app.clock.advance(Duration::from_secs(600));
    eventually(async || app.took().iter().any(|one| one.ends_with("/events"))).await;
}

#[tokio::test]
async fn a_storm_is_a_fifth_more_and_the_reserve() {
    const CALLS: usize = 100;
    let app = after("0", LONG).start().await;
    app.world()
        .add_fault(Fault::always("/epayment/", status(500)));
    let began = Instant::now();
    let all = (0..CALLS).map(|n| {
        let app = &app;
        async move { app.initiate(&format!("order-{n:05}"), 1_000).await }
    });
    for answer in join_all(all).await {
        assert!(answer.is_unknown(), "{}", answer.text());
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let sent = app.took();
    let posts = sent.iter().filter(|one| one.starts_with("POST ")).count();
    assert!(posts <= CALLS + CALLS / 5 + 50 + seconds, "{posts}");
    let refused = "bridge_upstream_retries_refused_total{api=\"epayment\"}";
    assert!(app.metric(refused).await > 0.0);
    app.world().clear_faults();
}

#[tokio::test]
async fn it_is_turned_off_while_it_is_open_and_the_bridge_runs() {
    let app = after("2", LONG)
        .looks(Duration::from_millis(10))
        .start()
        .await;
    app.reserved("order-0001", 1_000).await;
    app.world()
        .add_fault(Fault::always("/epayment/", status(503)));
    assert_eq!(app.details("order-0001").await.status, 502);
    assert_eq!(state(&app, "epayment").await, 2.0);
    app.world().clear_faults();
    let text = app.configuration().0;
    app.write(&text.replace("breaker_failures = 2", "breaker_failures = 0"));
    eventually(async || state(&app, "epayment").await == 0.0).await;
    app.details("order-0001").await.ok();
}
