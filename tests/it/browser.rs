//! The pages in a real browser: an operator signs in, moves a toggle and sees it act, replays a dead callback, turns the
//! kill switch; and every page, light and dark, wide and narrow, without an error of its own.
//!
//! `PAGES_SHOTS=FOLDER` keeps pictures of them all, to be looked at.

use std::path::PathBuf;

use ecom_bridge::simulator::merchant::Manner;

use crate::shadow_report::found;
use crate::support::app::{MSN, TestApp};
use crate::support::callbacks::Shop;
use crate::support::eventually;
use crate::support::shop::order;
use crate::support::webdriver::Browser;

const TOKEN: &str = "canary-admin-token";

async fn write_because(browser: &Browser, form: &str, why: &str) {
    browser
        .write(&format!("{form}//input[@name='who']"), "ann")
        .await;
    browser
        .write(&format!("{form}//input[@name='why']"), why)
        .await;
}

async fn goes(app: &TestApp, id: &str) -> String {
    app.initiating(&order(id, 100))
        .send()
        .await
        .route()
        .to_owned()
}

/// Everything is inside the page's width, and nothing was refused by the content security policy.
async fn is_sound(browser: &Browser, path: &str) {
    let wide = browser
        .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        .await;
    assert_eq!(wide, 0, "{path} is wider than its window");
    let styled = browser
        .run("return getComputedStyle(document.body).margin + document.styleSheets.length")
        .await;
    assert_eq!(styled, "0px1", "{path} has its style sheet");
}

async fn pictures(browser: &Browser, base: &str, paths: &[(&str, String)]) {
    let folder = std::env::var_os("PAGES_SHOTS").map(PathBuf::from);
    for (name, path) in paths {
        for (scheme, width, height) in [
            ("light", 1_280, 900),
            ("dark", 1_280, 900),
            ("light", 390, 844),
            ("dark", 390, 844),
        ] {
            browser.look(scheme, width, height).await;
            browser.open(&format!("{base}{path}")).await;
            is_sound(browser, path).await;
            if let Some(folder) = &folder {
                let file = folder.join(format!("{name}-{scheme}-{width}.png"));
                std::fs::write(file, browser.picture().await).unwrap();
            }
        }
    }
    browser.look("light", 1_280, 900).await;
}

/// The browser at a bridge that wants a token, with its shop.
struct Desk {
    browser: Browser,
    shop: Shop,
    base: String,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn start() -> Option<Self> {
        let browser = Browser::start().await?;
        let merchant =
            format!("msn = \"{MSN}\"\nclient_id = \"id\"\nclient_secret = \"canary-secret-value\"");
        let (shop, folder) = found(&[
            ("admin.token", &format!("\"{TOKEN}\"")),
            ("callbacks.schedule", "[\"0s\"]"),
            ("merchant", &merchant),
        ])
        .await;
        let base = format!("http://{}", shop.app.admin_addr());
        Some(Self {
            browser,
            shop,
            base,
            _folder: folder,
        })
    }
}

/// With a wrong token, then with the right one.
async fn sign_in(desk: &Desk) {
    let Desk { browser, base, .. } = desk;
    browser.open(&format!("{base}/merchants")).await;
    browser
        .write("//input[@name='token']", "wrong\u{e007}")
        .await;
    browser.says("This is not the token.").await;
    browser.write("//input[@name='token']", TOKEN).await;
    browser.click("//button[.='Sign in']").await;
    browser.says("All sales units").await;
    assert_eq!(browser.url().await, format!("{base}/merchants"));
    assert_eq!(
        browser.run("return document.cookie").await,
        "",
        "no script sees it"
    );
}

/// A toggle, with a reason: it acts on a call of the shop, until it is undone.
async fn move_a_toggle(desk: &Desk) {
    let Desk {
        browser,
        shop,
        base,
        ..
    } = desk;
    let app = &shop.app;
    assert_eq!(goes(app, "browser-0001").await, "epayment");
    browser.open(&format!("{base}/merchants/{MSN}")).await;
    let form = format!("//form[@action='/merchants/{MSN}/override']");
    browser
        .click(&format!("{form}//option[@value='ecom']"))
        .await;
    write_because(browser, &form, "the shop asked for it").await;
    browser.click(&format!("{form}//button")).await;
    browser
        .says("initiate of sales unit 123456 now goes: eCom.")
        .await;
    assert_eq!(goes(app, "browser-0002").await, "ecom");
    browser.click("//summary[.='Undo initiate']").await;
    let form = format!("//form[@action='/merchants/{MSN}/undo']");
    write_because(browser, &form, "done with it").await;
    browser.click(&format!("{form}//button")).await;
    browser.says("is as configured again.").await;
    assert_eq!(goes(app, "browser-0003").await, "epayment");
}

/// A callback that was given up is found from the overview, and replayed.
async fn replay_a_callback(desk: &Desk) {
    let Desk {
        browser,
        shop,
        base,
        ..
    } = desk;
    shop.merchant.answer(Manner::status(500));
    shop.order("browser-0004").await;
    shop.approve("browser-0004");
    eventually(async || shop.counts().await.dead == 1).await;
    browser.open(&format!("{base}/")).await;
    browser
        .click("//dt[.='Callbacks given up']/following-sibling::dd/a")
        .await;
    browser.says("answered 500").await;
    let one = format!("/callbacks/{}", shop.listed().await[0].id.0);
    pictures(browser, base, &[("dead", one)]).await;
    browser.open(&format!("{base}/callbacks?state=dead")).await;
    browser.click("//tbody/tr/th/a").await;
    shop.merchant.answer(Manner::status(200));
    let form = "//form[contains(@action, '/replay')]";
    write_because(browser, form, "the shop is up again").await;
    let address = browser.url().await;
    browser.click(&format!("{form}//button")).await;
    browser.says("is queued again.").await;
    shop.told(2).await;
    browser.open(&address).await;
    browser.says("the shop has taken it").await;
}

/// Every page.
async fn all_pages(shop: &Shop) -> Vec<(&'static str, String)> {
    let id = shop.listed().await[0].id.0;
    vec![
        ("overview", "/".to_owned()),
        ("merchants", "/merchants".to_owned()),
        ("merchant", format!("/merchants/{MSN}")),
        ("payments", "/payments?order=browser-0004".to_owned()),
        ("callbacks", "/callbacks".to_owned()),
        ("callback", format!("/callbacks/{id}")),
        ("webhooks", "/webhooks".to_owned()),
        ("shadow", "/shadow".to_owned()),
        ("changes", "/changes".to_owned()),
        ("configuration", "/configuration".to_owned()),
        ("nowhere", "/nowhere".to_owned()),
    ]
}

/// The kill switch, by keys alone from its button on.
async fn turn_the_kill_switch(desk: &Desk) {
    let Desk {
        browser,
        shop,
        base,
        ..
    } = desk;
    let app = &shop.app;
    browser.open(&format!("{base}/")).await;
    let form = "//form[@action='/kill-switch'][.//input[@value='on']]";
    write_because(browser, form, "something smells").await;
    browser.write(&format!("{form}//button"), "\u{e007}").await;
    browser
        .says("The kill switch is on for all sales units.")
        .await;
    assert_eq!(goes(app, "browser-0005").await, "ecom");
    pictures(browser, base, &all_pages(shop).await).await;
    let form = "//form[@action='/kill-switch'][.//input[@value='off']]";
    browser.open(&format!("{base}/")).await;
    write_because(browser, form, "all is well").await;
    browser.click(&format!("{form}//button")).await;
    browser
        .says("The kill switch is off for all sales units.")
        .await;
    assert_eq!(goes(app, "browser-0006").await, "epayment");
    browser.open(&format!("{base}/changes")).await;
    for why in [
        "all is well",
        "something smells",
        "the shop is up again",
        "the shop asked for it",
    ] {
        browser.says(why).await;
    }
    pictures(browser, base, &[("calm", "/".to_owned())]).await;
}

/// Looks at a difference, says that it may be, and begins a new count.
async fn judge_a_difference(desk: &Desk) {
    let Desk { browser, base, .. } = desk;
    let field = "/transactionSummary/capturedAmount";
    browser.open(&format!("{base}/shadow")).await;
    browser
        .click(&format!("//summary[.='Samples of {field}']"))
        .await;
    browser.says("1000").await;
    browser
        .click(&format!("//summary[.='Judge {field}']"))
        .await;
    let form = format!("//form[@action='/shadow/judge'][.//input[@value='{field}']]");
    write_because(browser, &form, "a known rounding").await;
    browser.click(&format!("{form}//button")).await;
    browser.says("is judged: accepted.").await;
    browser.says("ann: a known rounding").await;
    let counting = "return document.querySelector('td[data-label=\"That count\"]').textContent";
    assert_eq!(browser.run(counting).await, "0");
    pictures(browser, base, &[("judged", "/shadow".to_owned())]).await;
    browser.open(&format!("{base}/shadow")).await;
    let form = "//form[@action='/shadow/reset']";
    write_because(browser, form, "a new release").await;
    browser.click(&format!("{form}//button")).await;
    browser.says("152 calls were counted before").await;
    browser.says("No call was offered.").await;
    browser.open(&format!("{base}/")).await;
}

/// What the script refreshes is there; then the session ends.
async fn sign_out(desk: &Desk) {
    let Desk { browser, base, .. } = desk;
    let parts = browser
        .run("return document.querySelectorAll('[data-refresh][id]').length")
        .await;
    assert_eq!(parts, 3);
    browser.click("//button[.='Sign out']").await;
    browser.says("You are signed out.").await;
    pictures(browser, base, &[("sign-in", "/sign-in".to_owned())]).await;
}

#[tokio::test]
async fn an_operator_steers_by_the_pages_in_a_real_browser() {
    let Some(desk) = Desk::start().await else {
        return;
    };
    sign_in(&desk).await;
    move_a_toggle(&desk).await;
    replay_a_callback(&desk).await;
    turn_the_kill_switch(&desk).await;
    judge_a_difference(&desk).await;
    sign_out(&desk).await;
}
