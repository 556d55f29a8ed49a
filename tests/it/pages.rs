//! The operator's pages over real sockets, without a browser: what they show, what they hide, and what their forms do.

use ecom_bridge::simulator::merchant::Manner;
use serde_json::{Value, json};

use crate::support::app::{KEY, MSN, TestApp};
use crate::support::callbacks::Shop;
use crate::support::eventually;
use crate::support::shop::{AUTH_TOKEN, PHONE, order};
use crate::support::visitor::{TOKEN, WHO, hidden, visitor};

const HOSTILE: &str = "\"><script>alert(1)</script>";
pub(crate) const PAGES: [&str; 10] = [
    "/",
    "/merchants",
    "/merchants/all",
    "/merchants/123456",
    "/payments",
    "/callbacks",
    "/webhooks",
    "/shadow",
    "/changes",
    "/configuration",
];

/// A bridge that has had a call, so that there is a log to look through.
async fn used() -> TestApp {
    let app = TestApp::start().await;
    app.initiating(&order("used-order-1", 100))
        .send()
        .await
        .ok();
    app
}

/// A shop one of whose callbacks was given up; its number.
async fn dead(shop: &Shop, id: &str) -> i64 {
    shop.merchant.answer(Manner::status(500));
    shop.order(id).await;
    shop.approve(id);
    eventually(async || shop.counts().await.dead == 1).await;
    shop.listed().await[0].id.0
}

async fn dying(values: &[(&str, &str)]) -> Shop {
    let mut all = vec![("callbacks.schedule", "[\"0s\"]")];
    all.extend(values);
    Shop::with(&all).await
}

/// A page is whole, can be used with a keyboard and a screen reader, and asks nothing of another place.
fn well_made(path: &str, html: &str) {
    assert_eq!(html.matches("<h1>").count(), 1, "{path}");
    assert!(
        html.contains("<html lang=\"en\">") && html.contains("class=\"skip\""),
        "{path}"
    );
    assert!(
        html.contains("<main id=\"main\"") && html.contains("<nav aria-label="),
        "{path}"
    );
    assert!(html.contains("name=\"viewport\""), "{path}");
    for bad in [
        "style=\"", "<style", "onclick", "http://", "https://", "{{", "{%",
    ] {
        let own = bad.starts_with("http") && matches!(path, "/webhooks" | "/configuration");
        assert!(own || !html.contains(bad), "{path}: {bad}");
    }
    for (at, _) in html
        .match_indices("<input")
        .chain(html.match_indices("<select"))
    {
        let rest = &html[at..at + html[at..].find('>').unwrap()];
        let labelled = html[..at].rfind("<label") > html[..at].rfind("</label>");
        assert!(
            rest.contains("type=\"hidden\"") || labelled,
            "{path}: {rest}"
        );
    }
    for (at, _) in html.match_indices("<th") {
        let rest = &html[at..at + html[at..].find('>').unwrap()];
        assert!(
            rest.starts_with("<thead") || rest.contains("scope="),
            "{path}: {rest}"
        );
    }
}

#[tokio::test]
async fn every_page_is_well_made_and_shows_no_secret() {
    let merchant = format!(
        "msn = \"{MSN}\"\nsubscription_key = \"canary-key\"\nclient_id = \"id\"\nclient_secret = \"canary-secret\"\n\
         webhook_secret = \"canary-hook\""
    );
    let shop = dying(&[
        ("admin.token", &format!("\"{TOKEN}\"")),
        (
            "store.encryption_key",
            "\"Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=\"",
        ),
        ("merchant", &merchant),
    ])
    .await;
    let id = dead(&shop, "secret-order-1").await;
    let mut visitor = visitor(&shop.app);
    assert_eq!(visitor.sign_in(TOKEN).await.status, 303);
    let one = format!("/callbacks/{id}");
    let dead = [
        "/callbacks?state=dead",
        "/payments?order=secret-order-1",
        &one,
    ];
    for path in PAGES.into_iter().chain(dead) {
        let html = visitor.page(path).await;
        well_made(path.split('?').next().unwrap(), &html);
        for secret in [
            "canary",
            "Y2FuYXJ5",
            AUTH_TOKEN,
            PHONE,
            KEY,
            &shop.app.token,
        ] {
            assert!(!html.contains(secret), "{path} shows {secret}");
        }
        let named = path.starts_with("/payments?");
        assert_eq!(html.contains("secret-order-1"), named, "{path}");
    }
    let way = visitor.get(&format!("{one}/payment")).await;
    assert_eq!(
        way.header("location"),
        Some("/payments?order=secret%2Dorder%2D1&msn=123456")
    );
    let overview = visitor.page("/").await;
    for shown in ["to ePayment", "May the next step be taken?"] {
        assert!(overview.contains(shown), "{shown}: {overview}");
    }
    assert!(!overview.contains("not measured by this release"));
    let configuration = visitor.page("/configuration").await;
    assert!(configuration.contains("&#34;(set)&#34;"));
}

#[tokio::test]
async fn an_override_is_made_seen_acts_and_is_undone() {
    let app = TestApp::start().await;
    let visitor = visitor(&app);
    let (page, make) = ("/merchants/123456", "/merchants/123456/override");
    let why = format!("{HOSTILE} & why");
    let fields = [
        ("key", "initiate"),
        ("value", "ecom"),
        ("for", "2h"),
        ("who", HOSTILE),
        ("why", &why),
    ];
    let html = visitor.done(page, make, &fields).await;
    assert!(
        html.contains("initiate of sales unit 123456 now goes: eCom."),
        "{html}"
    );
    assert!(html.contains("override for this sales unit") && !html.contains("<script>alert"));
    assert!(html.contains("&#60;script&#62;alert(1)&#60;/script&#62; &#38; why"));
    assert_eq!(
        app.initiating(&order("by-hand-0001", 100))
            .send()
            .await
            .route(),
        "ecom"
    );
    let changes = visitor.page("/changes").await;
    assert!(changes.contains("&#60;script&#62;") && !changes.contains("<script>alert"));
    let id = hidden(&visitor.page(page).await, "id");
    let undo = "/merchants/123456/undo";
    let fields = [("id", id.as_str()), WHO[0], WHO[1]];
    let html = visitor.done(page, undo, &fields).await;
    assert!(html.contains("initiate of sales unit 123456 is as configured again."));
    assert_eq!(
        app.initiating(&order("by-hand-0002", 100))
            .send()
            .await
            .route(),
        "epayment"
    );
    // Another page that shows it still.
    let html = visitor.page(page).await;
    let (csrf, once) = (hidden(&html, "csrf"), hidden(&html, "once"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("once", &once),
        ("id", &id),
        WHO[0],
        WHO[1],
    ];
    let answer = visitor.post(undo, &fields).await;
    let html = visitor.page(answer.header("location").unwrap()).await;
    assert!(html.contains("was not in force any more"));
    for (key, value, percent, who) in [
        ("initiate", "percent", "", "ann"),
        ("initiate", "percent", "101", "ann"),
        ("capture", "percent", "5", "ann"),
        ("kill_switch", "ecom", "", "ann"),
        ("initiate", "", "", "ann"),
        ("initiate", "ecom", "", " "),
    ] {
        let fields = [
            ("key", key),
            ("value", value),
            ("percent", percent),
            ("who", who),
            ("why", "x"),
        ];
        let answer = visitor.fill(page, make, &fields).await;
        assert_eq!(answer.status, 400, "{key} {value} {percent}");
    }
    let fields = [
        ("key", "initiate"),
        ("value", "percent"),
        ("percent", "25"),
        WHO[0],
        WHO[1],
    ];
    let html = visitor
        .done("/merchants/all", "/merchants/all/override", &fields)
        .await;
    assert!(html.contains("25 % to ePayment") && html.contains("override for all"));
}

#[tokio::test]
async fn the_kill_switch_is_turned_by_forms_and_a_second_click_does_nothing() {
    let app = TestApp::start().await;
    let visitor = visitor(&app);
    let html = visitor.page("/").await;
    let (csrf, once) = (hidden(&html, "csrf"), hidden(&html, "once"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("once", &once),
        ("state", "on"),
        ("msn", "all"),
        ("back", "overview"),
        WHO[0],
        WHO[1],
    ];
    let first = visitor.post("/kill-switch", &fields).await;
    let told = first.header("location").unwrap();
    let html = visitor.page(told).await;
    assert!(
        html.contains("The kill switch is on for all sales units.")
            && html.contains("Kill switch on")
    );
    assert!(
        !visitor
            .page(told)
            .await
            .contains("The kill switch is on for"),
        "told once"
    );
    assert_eq!(
        app.initiating(&order("killed-0001", 100))
            .send()
            .await
            .route(),
        "ecom"
    );
    let second = visitor.post("/kill-switch", &fields).await;
    let html = visitor.page(second.header("location").unwrap()).await;
    assert!(html.contains("This form was sent twice. It was done once."));
    let changes = visitor.get("/api/changes").await.json();
    assert_eq!(changes["changes"].as_array().unwrap().len(), 1);
    let off = [
        ("state", "off"),
        ("msn", "all"),
        ("back", "overview"),
        WHO[0],
        WHO[1],
    ];
    let html = visitor.done("/", "/kill-switch", &off).await;
    assert!(html.contains("The kill switch is off for all sales units."));
    let html = visitor.done("/", "/kill-switch", &off).await;
    assert!(html.contains("The kill switch was not on for all sales units."));
    let unit = [
        ("state", "on"),
        ("msn", MSN),
        ("back", "merchant"),
        WHO[0],
        WHO[1],
    ];
    let html = visitor
        .done("/merchants/123456", "/kill-switch", &unit)
        .await;
    assert!(html.contains("kill switch of this sales unit"));
    let forged = visitor
        .page("/?told=%3Cscript%3Ealert(1)%3C/script%3E")
        .await;
    assert!(!forged.contains("alert(1)") && !forged.contains("class=\"told"));
}

#[tokio::test]
async fn a_dead_callback_is_replayed_once_and_another_one_dropped() {
    let shop = dying(&[]).await;
    let id = dead(&shop, "dead-order-1").await;
    let visitor = visitor(&shop.app);
    let list = visitor.page("/callbacks?state=dead&msn=123456").await;
    let (page, replay) = (
        format!("/callbacks/{id}"),
        format!("/callbacks/{id}/replay"),
    );
    assert!(list.contains(&format!("href=\"{page}\"")) && list.contains("answered 500"));
    let stale = visitor.page(&page).await;
    shop.merchant.answer(Manner::status(200));
    let html = visitor.done(&page, &replay, &WHO).await;
    assert!(html.contains(&format!("Callback {id} is queued again.")));
    shop.told(2).await;
    assert!(visitor.page(&page).await.contains("the shop has taken it"));
    // From a page that was loaded before.
    let (csrf, once) = (hidden(&stale, "csrf"), hidden(&stale, "once"));
    let fields = [("csrf", csrf.as_str()), ("once", &once), WHO[0], WHO[1]];
    let answer = visitor.post(&replay, &fields).await;
    let html = visitor.page(answer.header("location").unwrap()).await;
    assert!(html.contains("Nothing was changed: it has been delivered or dropped."));
    assert!(visitor.page("/changes").await.contains("a drill"));
}

#[tokio::test]
async fn a_callback_is_dropped_with_a_reason_that_stands_as_it_was_written() {
    let shop = dying(&[]).await;
    let id = dead(&shop, "dead-order-2").await;
    let visitor = visitor(&shop.app);
    let (page, drop) = (format!("/callbacks/{id}"), format!("/callbacks/{id}/drop"));
    let without = visitor
        .fill(&page, &drop, &[("who", "ann"), ("why", " ")])
        .await;
    assert_eq!(without.status, 400);
    assert!(
        without
            .text()
            .contains("Nothing was changed: say who you are and why.")
    );
    let html = visitor
        .done(&page, &drop, &[("who", "ann"), ("why", HOSTILE)])
        .await;
    assert!(
        html.contains("dropped by ann: &#34;&#62;&#60;script&#62;"),
        "{html}"
    );
    assert!(!html.contains("<script>alert") && !html.contains("/replay"));
}

#[tokio::test]
async fn hostile_searches_are_shown_as_text() {
    let app = used().await;
    let visitor = visitor(&app);
    let html = visitor
        .page("/payments?order=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        .await;
    assert!(html.contains("&#60;script&#62;alert(1)") && !html.contains("<script>alert"));
    for path in [
        "/payments?order=x&msn=%3Cscript%3E",
        "/callbacks?state=%3Cscript%3E",
        "/merchants?msn=%3Cscript%3E",
        "/merchants/%3Cscript%3E",
        "/callbacks?before=%3Cscript%3Ealert(1)",
        "/%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let answer = visitor.get(path).await;
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {}",
            answer.status
        );
        assert!(
            !answer.text().contains("<script>"),
            "{path}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn a_registration_is_made_again_by_its_form() {
    let shop = Shop::start().await;
    shop.order("hooked-order-1").await;
    let visitor = visitor(&shop.app);
    assert!(visitor.page("/webhooks").await.contains("in order"));
    let path = format!("/webhooks/{MSN}/register");
    let html = visitor.done("/webhooks", &path, &WHO).await;
    assert!(html.contains("The registration of sales unit 123456 is in order."));
    assert!(visitor.page("/changes").await.contains("register"));
    let reload = visitor.page("/webhooks").await;
    let (csrf, once) = (hidden(&reload, "csrf"), hidden(&reload, "once"));
    let fields = [("csrf", csrf.as_str()), ("once", &once), WHO[0], WHO[1]];
    let answer = visitor.post("/configuration/reload", &fields).await;
    assert_eq!(
        answer.status, 409,
        "this release reads its configuration at the start"
    );
    // The API's own way, with and without a reason.
    let api = format!("/api/webhooks/{MSN}/register");
    assert_eq!(shop.operate("POST", &api, &Value::Null).await.status, 200);
    let because = json!({"who": "ann", "why": "x"});
    assert_eq!(shop.operate("POST", &api, &because).await.status, 200);
}
