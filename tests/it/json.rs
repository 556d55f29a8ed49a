//! E6, E7: bodies that two readers could read in two ways, each a row that says what comes of it.
//!
//! A body is refused, and then nothing was sent; or it is read, and then what upstream gets says the same: Express and
//! what may be Express arrive at eCom byte for byte, a regular payment arrives at ePayment with the very amount.

mod rows;

use ecom_bridge::simulator::{SeenRequest, Surface};
use serde_json::{Value, json};

use crate::support::app::{MSN, TestApp, with};
use crate::support::shop::{Ask, change, express, order};

use self::rows::{BODY, ROWS};

/// What comes of a body.
#[derive(Clone, Copy, Debug)]
enum Read {
    /// An error in eCom's shape with this status and these codes.
    Refused(u16, &'static str),
    /// A regular payment over so much, in ePayment.
    Regular(i64),
    /// To eCom as it came, whatever eCom says to it.
    AsItCame,
}

use Read::{AsItCame, Refused, Regular};

/// What was asked for since the last look, but for what the bridge reads by itself.
fn seen(app: &TestApp) -> Vec<SeenRequest> {
    let mut seen = app.world().requests();
    app.world().clear_requests();
    seen.retain(|seen| seen.method != "GET");
    seen
}

/// Sends a body: what is wrong with what came of it, or nothing.
async fn wrong(app: &TestApp, name: &str, body: &[u8], read: Read) -> Option<String> {
    let answer = app.ask("POST", "/ecomm/v2/payments").raw(body).send().await;
    let seen = seen(app);
    let fits = match read {
        Refused(status, codes) => seen.is_empty() && answer.error() == (status, codes.to_owned()),
        Regular(amount) => {
            let create = seen
                .first()
                .map(|create| serde_json::from_slice::<Value>(&create.body));
            let said = create
                .and_then(Result::ok)
                .map(|create| create["amount"].clone());
            (answer.status, answer.route()) == (200, "epayment")
                && seen.iter().all(|seen| seen.surface != Surface::Ecom)
                && said == Some(json!({"currency": "NOK", "value": amount}))
        }
        AsItCame => {
            answer.route() == "ecom"
                && seen.len() == 1
                && seen[0].surface == Surface::Ecom
                && seen[0].body == body
        }
    };
    let shown = String::from_utf8_lossy(&body[..body.len().min(300)]);
    let told = format!(
        "{name}: {}, not {read:?}; upstream saw {}\n{shown}",
        answer.text(),
        seen.len()
    );
    (!fits).then_some(told)
}

fn none(wrong: Vec<Option<String>>) {
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn regular(id: &str) -> String {
    order(id, 20_000).to_string()
}

#[tokio::test]
async fn e6_every_body_is_refused_or_has_one_reading() {
    let app = TestApp::start().await;
    let mut all = Vec::new();
    for (n, (name, at, with, read)) in ROWS.iter().enumerate() {
        let body = regular(&format!("order-{n:04}"));
        assert!(body.contains(at), "{name}: {body}");
        let body = body.replacen(at, with, 1);
        all.push(wrong(&app, name, body.as_bytes(), *read).await);
    }
    none(all);
}

#[tokio::test]
async fn e6_bytes_that_are_no_object_in_utf_8_are_refused() {
    let app = TestApp::start().await;
    let good = regular("order-0001");
    let utf16 =
        |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { good.encode_utf16().flat_map(bytes).collect() };
    let marked = |mark: &[u8], bytes: Vec<u8>| [mark, &bytes].concat();
    let broken = |bytes: &[u8]| {
        good.replacen("Order", "\u{1}", 1)
            .into_bytes()
            .splice_at(1, bytes)
    };
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("blanks", b" \r\n\t".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"1".to_vec()),
        ("a text", b"\"{}\"".to_vec()),
        ("a form", b"orderId=1&amount=20000".to_vec()),
        ("cut", good.as_bytes()[..good.len() - 1].to_vec()),
        ("something behind", marked(good.as_bytes(), b"x".to_vec())),
        ("NUL behind", marked(good.as_bytes(), b"\0".to_vec())),
        ("twice", good.repeat(2).into_bytes()),
        ("two lines", format!("{good}\n{good}").into_bytes()),
        ("UTF-16, little end first", utf16(u16::to_le_bytes)),
        ("UTF-16, big end first", utf16(u16::to_be_bytes)),
        (
            "UTF-16 with a mark",
            marked(b"\xff\xfe", utf16(u16::to_le_bytes)),
        ),
        (
            "UTF-16 with the other mark",
            marked(b"\xfe\xff", utf16(u16::to_be_bytes)),
        ),
        (
            "UTF-32",
            good.chars()
                .flat_map(|c| u32::from(c).to_le_bytes())
                .collect(),
        ),
        (
            "UTF-8 with a mark",
            marked(b"\xef\xbb\xbf", good.clone().into_bytes()),
        ),
        ("Latin-1", broken(b"\xe6")),
        ("a slash too long", broken(b"\xc0\xaf")),
        ("a surrogate as UTF-8", broken(b"\xed\xa0\xbd")),
        ("above Unicode", broken(b"\xf4\x90\x80\x80")),
        (
            "gzip",
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0".to_vec(),
        ),
    ];
    let mut all = Vec::new();
    for (name, body) in rows {
        all.push(wrong(&app, name, &body, BODY).await);
    }
    none(all);
}

/// Puts bytes in the place of the marker byte `1`.
trait SpliceAt {
    fn splice_at(self, marker: u8, bytes: &[u8]) -> Vec<u8>;
}

impl SpliceAt for Vec<u8> {
    fn splice_at(self, marker: u8, bytes: &[u8]) -> Vec<u8> {
        let at = self.iter().position(|byte| *byte == marker).unwrap();
        [&self[..at], bytes, &self[at + 1..]].concat()
    }
}

/// What is very deep, long or much, before everything else in a regular and in an Express body. What stands in a member
/// that nobody knows is passed over without a stack, however deep.
#[tokio::test]
async fn e6_depth_and_size_do_not_end_in_the_stack() {
    let patient = [
        ("proxy.max_body", "\"24MiB\""),
        ("proxy.request_timeout", "\"60s\""),
        ("upstream.timeout", "\"50s\""),
    ];
    let app = with(&patient).start().await;
    let deep = |open: &str, close: &str| {
        let (open, close) = (open.repeat(100_000), close.repeat(100_000));
        format!("\"x\":{open}1{close},")
    };
    let many: String = (0..1_000_000).map(|n| format!("\"k{n}\":0,")).collect();
    let long = "\u{e6}".repeat(500_000);
    let rows = [
        ("deep lists", deep("[", "]"), None),
        ("deep objects", deep("{\"a\":", "}"), None),
        (
            "deep and open",
            format!("\"x\":{}", "[".repeat(1_000_000)),
            Some("x"),
        ),
        (
            "deep in a known member",
            deep("[", "]").replacen('x', "customerInfo", 1),
            Some("customerInfo"),
        ),
        ("10^6 members", many, None),
        (
            "a known member 10^6 times",
            "\"customerInfo\":{},".repeat(1_000_000),
            Some("customerInfo"),
        ),
        ("a long value", format!("\"x\":\"{long}\","), None),
        ("a long name", format!("\"{long}\":1,"), None),
        (
            "a long number",
            format!("\"x\":{},", "9".repeat(100_000)),
            None,
        ),
    ];
    let mut all = Vec::new();
    for (n, (name, members, refused)) in rows.iter().enumerate() {
        for (body, read) in [
            (order(&format!("regular-{n}"), 20_000), Regular(20_000)),
            (express(&format!("express-{n}"), 20_000), AsItCame),
        ] {
            // Express is not read differently; once is enough of what takes long.
            if members.len() > 8_000_000 && matches!(read, AsItCame) {
                continue;
            }
            let read = refused.map_or(read, |code| Refused(400, code));
            let body = body.to_string().replacen('{', &format!("{{{members}"), 1);
            all.push(wrong(&app, name, body.as_bytes(), read).await);
        }
    }
    for (name, at, code) in [
        ("a long text", "Order", "transaction.transactionText"),
        ("a long order", "order-9999", "transaction.orderId"),
    ] {
        let body = regular("order-9999").replacen(at, &long, 1);
        all.push(wrong(&app, name, body.as_bytes(), Refused(400, code)).await);
    }
    none(all);
}

/// A sum in a capture or refund: the very one, all that remains where none is named, or refused.
#[tokio::test]
async fn e6_a_named_sum_is_never_read_as_another_or_as_all_that_remains() {
    let app = TestApp::start().await;
    let all = Some(50_000);
    for (n, (amount, want)) in [
        (r#""amount":12300"#, Some(12_300)),
        (r#""amount":12300.0"#, Some(12_300)),
        (r#""AMOUNT":12300"#, Some(12_300)),
        (r#""\u0041mount":1.23e4"#, Some(12_300)),
        (r#""amount":0"#, all),
        (r#""amount":null"#, all),
        (r#""x":12300"#, all),
        (r#""amount":1e-400"#, None),
        (r#""amount":0.4"#, None),
        (r#""amount":-0.4"#, None),
        (r#""amount":"12300""#, None),
        (r#""amount":"0""#, None),
        (r#""amount":"""#, None),
        (r#""amount":false"#, None),
        (r#""amount":[]"#, None),
        (r#""amount":{}"#, None),
        (r#""amount":1"#, None),
        (r#""amount":18446744073709551616"#, None),
        (r#""amount":9223372036854788107"#, None),
        (r#""amount":0,"Amount":12300"#, None),
        (r#""Amount":12300,"amount":null"#, None),
    ]
    .iter()
    .enumerate()
    {
        let id = format!("order-{n:04}");
        app.reserved(&id, 50_000).await;
        app.world().clear_requests();
        let body = change(0, "all or a part").to_string();
        let body = body.replacen(r#""amount":0"#, amount, 1);
        let answer = app
            .changing("capture", &id, 0, "1")
            .text(&body)
            .send()
            .await;
        let changes: Vec<_> = seen(&app)
            .into_iter()
            .filter(|r| r.method == "POST")
            .collect();
        let Some(want) = want else {
            assert_eq!(answer.status, 400, "{amount}: {}", answer.text());
            assert!(changes.is_empty(), "{amount}");
            assert_eq!(app.sums(&id), (0, 0, 0), "{amount}");
            continue;
        };
        answer.ok();
        assert_eq!(changes.len(), 1, "{amount}");
        assert_eq!(app.sums(&id), (*want, 0, 0), "{amount}");
    }
}

/// E1: what a call is read by stands in its head once: of two, eCom could read the other one.
#[tokio::test]
async fn e1_a_call_with_two_merchants_keys_or_ids_is_refused() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 50_000).await;
    app.world().clear_requests();
    let calls = || -> Vec<Ask> {
        vec![
            app.initiating(&order("order-0002", 20_000)),
            app.initiating(&express("order-0003", 20_000)),
            app.changing("capture", "order-0001", 100, "1"),
            app.changing("cancel", "order-0001", 0, "1"),
            app.ask("GET", "/ecomm/v2/payments/order-0001/details"),
        ]
    };
    for (name, value) in [
        ("Merchant-Serial-Number", MSN),
        ("Merchant-Serial-Number", "234567"),
        ("merchant-serial-number", ""),
        ("Ocp-Apim-Subscription-Key", "other"),
        ("Authorization", "Bearer other"),
        ("X-Request-Id", "2"),
    ] {
        for (n, call) in calls().into_iter().enumerate() {
            let call = match name {
                "X-Request-Id" => call.id("1"),
                _ => call,
            };
            let answer = call.another(name, value).send().await;
            let (status, code) = answer.error();
            assert_eq!(status, 400, "{name}: {value}, call {n}");
            assert!(code.eq_ignore_ascii_case(name), "{code}");
            assert!(seen(&app).is_empty(), "{name}: {value}, call {n}");
        }
    }
    for call in calls() {
        let answer = call
            .header("Merchant-Serial-Number", "12345\u{e6}")
            .send()
            .await;
        assert_eq!(answer.error(), (400, "Merchant-Serial-Number".to_owned()));
        assert!(seen(&app).is_empty());
    }
    assert_eq!(app.sums("order-0001"), (0, 0, 0));
}
