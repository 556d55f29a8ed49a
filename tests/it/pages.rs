//! The operator's pages over real sockets, without a browser: what they show, what they hide, and what their forms do.

use std::time::Duration;

use ecom_bridge::simulator::merchant::Manner;
use serde_json::{Value, json};

use crate::support::app::{KEY, MSN, TestApp, with};
use crate::support::callbacks::Shop;
use crate::support::eventually;
use crate::support::shop::{AUTH_TOKEN, PHONE, order};
use crate::support::visitor::{Visitor, hidden};

const TOKEN: &str = "canary-admin-token";
const HOSTILE: &str = "\"><script>alert(1)</script>";
const PAGES: [&str; 10] = [
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
const WHO: [(&str, &str); 2] = [("who", "ann"), ("why", "a drill")];

fn visitor(app: &TestApp) -> Visitor {
    Visitor::to(app.admin_addr())
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
    assert!(overview.contains("not measured by this release"));
    let configuration = visitor.page("/configuration").await;
    assert!(
        configuration.contains("&#34;(set)&#34;") && configuration.contains("environment") == false
    );
}

#[tokio::test]
async fn answers_have_headers_that_keep_others_out() {
    let app = TestApp::start().await;
    let visitor = visitor(&app);
    for path in ["/", "/nowhere", "/assets/style.css", "/api/toggles"] {
        let answer = visitor.get(path).await;
        let csp = answer.header("content-security-policy").unwrap();
        assert!(
            csp.starts_with("default-src 'none'; ") && !csp.contains("unsafe"),
            "{path}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    for (method, path, want) in [
        ("HEAD", "/", 200),
        ("HEAD", "/callbacks", 200),
        ("HEAD", "/assets/refresh.js", 200),
        ("GET", "/assets/other.js", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/callbacks/1", 404),
        ("GET", "/callbacks/x", 400),
        ("GET", "/merchants/x", 404),
        ("GET", "/callbacks?state=odd", 400),
        ("GET", "/callbacks?before=x", 400),
        ("DELETE", "/", 405),
        ("GET", "/kill-switch", 405),
        ("POST", "/callbacks", 405),
    ] {
        let answer = visitor.send(method, path, None).await;
        assert_eq!(answer.status, want, "{method} {path}");
        if want >= 400 {
            assert_eq!(
                answer.header("content-type"),
                Some("text/html; charset=utf-8"),
                "{path}"
            );
            assert_eq!(answer.header("allow").is_some(), want == 405, "{path}");
        }
    }
}

#[tokio::test]
async fn f9_a_session_begins_with_the_token_and_guesses_are_limited() {
    let app = with(&[("admin.token", &format!("\"{TOKEN}\""))])
        .start()
        .await;
    let mut stranger = visitor(&app);
    let sent_on = stranger.get("/callbacks").await;
    assert_eq!(sent_on.status, 303);
    assert_eq!(
        sent_on.header("location"),
        Some("/sign-in?next=%2Fcallbacks")
    );
    assert_eq!(stranger.get("/api/toggles").await.status, 401);
    assert!(
        stranger
            .page("/sign-in")
            .await
            .contains("type=\"password\"")
    );
    let wrong = stranger.sign_in("canary-admin-tokem").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    let mut operator = visitor(&app);
    let right = operator.sign_in(&format!(" {TOKEN} ")).await;
    assert_eq!(
        (right.status, right.header("location")),
        (303, Some("/callbacks"))
    );
    let cookie = right.header("set-cookie").unwrap();
    for flag in [
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
        "; Max-Age=28800",
    ] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(
        !cookie.contains("Secure"),
        "plain HTTP: the browser would not send it"
    );
    operator.headers = vec![("Origin".to_owned(), "https://localhost".to_owned())];
    let secure = operator.sign_in(TOKEN).await;
    assert!(secure.header("set-cookie").unwrap().ends_with("; Secure"));
    operator.headers.clear();
    operator.page("/").await;
    // Its session reads the API, and changes nothing there.
    assert_eq!(operator.get("/api/toggles").await.status, 200);
    assert_eq!(operator.post("/api/kill-switch", &[]).await.status, 401);
    let mut forger = visitor(&app);
    forger.cookie = Some(format!("bridge-session={}", "0".repeat(64)));
    assert_eq!(forger.get("/").await.status, 303);

    for _ in 0..9 {
        assert_eq!(stranger.sign_in("x").await.status, 401);
    }
    let limited = stranger.sign_in(TOKEN).await;
    assert_eq!(
        (limited.status, limited.header("retry-after")),
        (429, Some("6"))
    );
    stranger.headers = vec![("Authorization".to_owned(), format!("Bearer {TOKEN}"))];
    let limited = stranger.get("/api/toggles").await;
    assert_eq!(
        (limited.status, limited.header("retry-after")),
        (429, Some("6"))
    );
    assert_eq!(
        limited.header("content-type"),
        Some("application/problem+json")
    );
    // Who is signed in goes on.
    operator.page("/").await;
    app.clock.advance(Duration::from_secs(6));
    assert_eq!(stranger.get("/api/toggles").await.status, 200);

    let out = operator.fill("/", "/sign-out", &[]).await;
    assert_eq!(out.header("location"), Some("/sign-in?out=1"));
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(
        operator.get("/").await.status,
        303,
        "the session is over, not only the cookie"
    );
    operator.sign_in(TOKEN).await;
    operator.page("/").await;
    app.clock.advance(Duration::from_secs(8 * 3_600));
    assert_eq!(operator.get("/").await.status, 303);
    assert!(!app.log.text().contains("canary-admin"));
}

#[tokio::test]
async fn a_form_of_another_session_or_another_site_changes_nothing() {
    let app = with(&[("admin.token", &format!("\"{TOKEN}\""))])
        .start()
        .await;
    let (mut ann, mut bob) = (visitor(&app), visitor(&app));
    ann.sign_in(TOKEN).await;
    bob.sign_in(TOKEN).await;
    let html = ann.page("/").await;
    let (csrf, once) = (hidden(&html, "csrf"), hidden(&html, "once"));
    let form = |csrf: &str| {
        let on = [("state", "on"), ("msn", "all"), ("once", once.as_str())];
        let fields = on.iter().chain(&WHO).copied();
        let all = fields.chain([("csrf", csrf)]);
        all.map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect::<Vec<_>>()
    };
    let send = async |visitor: &Visitor, csrf: &str| {
        let form = form(csrf);
        let fields: Vec<_> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        visitor.post("/kill-switch", &fields).await.status
    };
    assert_eq!(send(&bob, &csrf).await, 403, "another session's");
    assert_eq!(send(&ann, "").await, 403);
    assert_eq!(send(&ann, &"0".repeat(64)).await, 403);
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
    ] {
        ann.headers = vec![(name.to_owned(), value.to_owned())];
        assert_eq!(send(&ann, &csrf).await, 403, "{name}: {value}");
    }
    assert!(!ann.page("/").await.contains("Kill switch on"));
    ann.headers = vec![("Sec-Fetch-Site".to_owned(), "same-origin".to_owned())];
    assert_eq!(send(&ann, &csrf).await, 303);
    assert!(ann.page("/").await.contains("Kill switch on"));
}

#[tokio::test]
async fn without_a_token_a_rebound_name_is_refused() {
    let app = TestApp::start().await;
    let text = "GET / HTTP/1.1\r\nHost: rebound.example\r\nAccept: text/html\r\n\r\n";
    let answer = crate::support::client::ask(app.admin_addr(), text).await;
    assert_eq!(answer.status, 403);
    let cross = "POST /api/callbacks/1/replay HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n\r\n";
    let answer = crate::support::client::ask(app.admin_addr(), cross).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
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
    let changes: Value = serde_json::from_str(&visitor.get("/api/changes").await.text()).unwrap();
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
    assert!(without.text().contains("say who you are and why"));
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
    let app = TestApp::start().await;
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
