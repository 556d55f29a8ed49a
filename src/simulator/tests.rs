//! The simulator over real sockets: one day of each API, the gateway, webhooks, callbacks, and faults on the wire.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::merchant::{Manner, Merchant};
use super::*;
use crate::epayment::signature::{SignatureHeaders, Signed, verify};

const PATIENCE: Duration = Duration::from_secs(5);

struct Shop {
    simulator: Simulator,
    token: String,
}

impl Shop {
    async fn new() -> Self {
        let simulator = Simulator::local().await.unwrap();
        let token = simulator
            .world()
            .issue_token("demo-subscription-key")
            .unwrap();
        Self { simulator, token }
    }

    fn headers(&self) -> Vec<(String, String)> {
        [
            ("host", "127.0.0.1"),
            ("authorization", &format!("Bearer {}", self.token)),
            ("ocp-apim-subscription-key", "demo-subscription-key"),
            ("merchant-serial-number", "123456"),
            ("content-type", "application/json"),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .to_vec()
    }

    async fn call(&self, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let mut headers = self.headers();
        headers.push(("idempotency-key".to_owned(), key.to_owned()));
        headers.push(("x-request-id".to_owned(), key.to_owned()));
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = send(&self.simulator, method, path, &headers, body.into())
            .await
            .unwrap();
        (
            answer.0,
            serde_json::from_slice(&answer.2).unwrap_or_default(),
        )
    }

    async fn create(&self, reference: &str) -> (u16, Value) {
        let body = json!({
            "amount": {"value": 1000, "currency": "NOK"},
            "paymentMethod": {"type": "WALLET"},
            "reference": reference,
            "userFlow": "WEB_REDIRECT",
            "returnUrl": "https://shop.example/back",
        });
        let key = format!("create-{reference}");
        self.call("POST", "/epayment/v1/payments", &key, &body)
            .await
    }
}

type Got = (u16, http::HeaderMap, Bytes);

async fn send(
    simulator: &Simulator,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<Got, hyper::Error> {
    let stream = TcpStream::connect(simulator.addr()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = hyper::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = sender
        .send_request(request.body(Full::new(body)).unwrap())
        .await?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((parts.status.as_u16(), parts.headers, body))
}

#[tokio::test]
async fn a_payment_goes_through_its_day_in_epayment() {
    let shop = Shop::new().await;
    let (status, made) = shop.create("order-0001").await;
    assert_eq!(status, 201);
    assert!(made["redirectUrl"].as_str().unwrap().contains("token="));
    assert!(shop.simulator.world().approve("123456", "order-0001"));
    let path = "/epayment/v1/payments/order-0001";
    let body = json!({"modificationAmount": {"value": 400, "currency": "NOK"}});
    let (status, captured) = shop
        .call("POST", &format!("{path}/capture"), "c", &body)
        .await;
    assert_eq!(status, 200);
    assert_eq!(captured["aggregate"]["capturedAmount"]["value"], 400);
    let (_, payment) = shop.call("GET", path, "", &Value::Null).await;
    assert_eq!(payment["state"], "AUTHORIZED");
    let view = shop
        .simulator
        .world()
        .payment("123456", "order-0001")
        .unwrap();
    assert_eq!(view.captured.minor_units(), 400);
    let seen = shop.simulator.world().requests();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1].json(), body);
    assert_eq!(seen[1].status, Some(200));
}

#[tokio::test]
async fn a_modification_answers_with_the_media_type_of_the_specification() {
    let shop = Shop::new().await;
    shop.create("order-0001").await;
    let mut headers = shop.headers();
    headers.push(("idempotency-key".to_owned(), "k".to_owned()));
    let path = "/epayment/v1/payments/order-0001/cancel";
    let got = send(&shop.simulator, "POST", path, &headers, Bytes::new())
        .await
        .unwrap();
    assert_eq!(got.0, 200);
    assert_eq!(got.1["content-type"], "application/problem+json");
}

#[tokio::test]
async fn the_gateway_asks_for_keys_and_tokens() {
    let shop = Shop::new().await;
    let get = "/epayment/v1/payments/order-0001";
    let without = |name: &str| {
        let mut headers = shop.headers();
        headers.retain(|(n, _)| n != name);
        headers
    };
    let no_key = without("ocp-apim-subscription-key");
    let got = send(&shop.simulator, "GET", get, &no_key, Bytes::new())
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&got.2).unwrap();
    assert_eq!((got.0, &body["statusCode"]), (401, &json!(401)));
    let mut raw = without("authorization");
    raw.push(("authorization".to_owned(), shop.token.clone()));
    let got = send(&shop.simulator, "GET", get, &raw, Bytes::new())
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&got.2).unwrap();
    assert_eq!(body["responseInfo"]["responseCode"], 401);
    let details = "/ecomm/v2/payments/order-0001/details";
    let got = send(&shop.simulator, "GET", details, &raw, Bytes::new())
        .await
        .unwrap();
    assert_eq!(got.0, 404, "eCom takes a token without a scheme");
    let mut foreign = without("merchant-serial-number");
    foreign.push(("merchant-serial-number".to_owned(), "654321".to_owned()));
    let got = send(&shop.simulator, "GET", get, &foreign, Bytes::new())
        .await
        .unwrap();
    assert_eq!(got.0, 403);
    shop.simulator.world().expire_tokens();
    assert_eq!(shop.call("GET", get, "", &Value::Null).await.0, 401);
}

#[tokio::test]
async fn a_token_is_seven_texts_in_any_letter_case_of_the_path() {
    let shop = Shop::new().await;
    let headers = [
        ("host", "x"),
        ("client_id", "demo-client"),
        ("client_secret", "demo-secret"),
        ("Ocp-Apim-Subscription-Key", "demo-subscription-key"),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()));
    for path in ["/accesstoken/get", "/accessToken/get"] {
        let got = send(&shop.simulator, "POST", path, &headers, Bytes::new())
            .await
            .unwrap();
        let body: Value = serde_json::from_slice(&got.2).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 7);
        assert!(body.as_object().unwrap().values().all(Value::is_string));
    }
}

#[tokio::test]
async fn ecom_calls_back_and_webhooks_are_signed_and_repeated() {
    let shop = Shop::new().await;
    let world = shop.simulator.world();
    world.change_rules(|r| r.webhook_backoff_ms = 1);
    let merchant = Merchant::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let body = json!({
        "merchantInfo": {
            "merchantSerialNumber": "123456",
            "callbackPrefix": format!("{}/cb?x=", merchant.base_url()),
            "fallBack": "https://shop.example/back",
            "authToken": "of-the-shop",
        },
        "transaction": {"amount": 1000, "orderId": "e1", "transactionText": "Socks"},
    });
    let (status, _) = shop.call("POST", "/Ecomm/v2/payments/", "1", &body).await;
    assert_eq!(status, 200);
    world.approve("123456", "e1");
    assert!(merchant.wait_for(1, PATIENCE).await);
    let callback = &merchant.callbacks()[0];
    assert_eq!(callback.target, "/cb?x=/v2/payments/e1");
    assert_eq!(callback.header("authorization"), Some("of-the-shop"));
    assert_eq!(callback.json()["transactionInfo"]["status"], "RESERVED");
    merchant.clear();

    merchant.answer_next(Manner::status(500));
    let url = format!("{}/hook/123456?a=b", merchant.base_url());
    let body = json!({"url": url, "events": [
        "epayments.payment.authorized.v1", "epayments.payment.aborted.v1"
    ]});
    let (status, made) = shop.call("POST", "/webhooks/v1/webhooks", "", &body).await;
    assert_eq!(status, 201);
    shop.create("order-0001").await;
    world.approve("123456", "order-0001");
    assert!(merchant.wait_for(2, PATIENCE).await);
    for hook in merchant.callbacks() {
        let text = |name: &str| hook.header(name).unwrap().to_owned();
        let signed = Signed {
            path_and_query: "/hook/123456?a=b",
            host: &merchant.addr().to_string(),
            date: &text("x-ms-date"),
            body: &hook.body,
        };
        let headers = SignatureHeaders {
            content_sha256: text("x-ms-content-sha256"),
            authorization: text("authorization"),
        };
        assert!(verify(&signed, &headers, made["secret"].as_str().unwrap()));
        assert_eq!(hook.json()["name"], "AUTHORIZED");
    }
    let (_, list) = shop
        .call("GET", "/webhooks/v1/webhooks", "", &Value::Null)
        .await;
    assert!(list["webhooks"][0].get("secret").is_none());
}

#[tokio::test]
async fn faults_are_real_on_the_wire() {
    let shop = Shop::new().await;
    let world = shop.simulator.world();
    shop.create("order-0001").await;
    world.approve("123456", "order-0001");
    let path = "/epayment/v1/payments/order-0001/capture";
    let body = json!({"modificationAmount": {"value": 100, "currency": "NOK"}});
    let captured = || {
        let view = world.payment("123456", "order-0001").unwrap();
        view.captured.minor_units()
    };
    for (at, (action, adds)) in [
        (Action::ResetBefore, 0),
        (Action::ResetAfter, 100),
        (Action::CloseBefore, 0),
        (Action::CloseAfter, 100),
        (
            Action::Truncate {
                bytes: 5,
                head: false,
                reset: false,
            },
            100,
        ),
        (
            Action::Truncate {
                bytes: 9,
                head: true,
                reset: true,
            },
            100,
        ),
        (Action::BadChunk, 100),
    ]
    .into_iter()
    .enumerate()
    {
        let before = captured();
        world.add_fault(Fault::once("*/capture", action.clone()).on("POST"));
        let mut headers = shop.headers();
        headers.push(("idempotency-key".to_owned(), format!("k{at}")));
        let bytes = Bytes::from(body.to_string());
        let got = send(&shop.simulator, "POST", path, &headers, bytes.clone()).await;
        assert!(got.is_err(), "{action:?}");
        assert_eq!(captured() - before, adds, "{action:?}");
        let again = send(&shop.simulator, "POST", path, &headers, bytes).await;
        assert_eq!(again.unwrap().0, 200, "{action:?}");
        assert_eq!(captured() - before, 100, "one key, one effect: {action:?}");
    }
    let seen = world.requests();
    assert!(
        seen.iter()
            .any(|r| r.fault.as_deref() == Some("reset_after"))
    );
}

#[tokio::test]
async fn the_controls_speak_json() {
    let shop = Shop::new().await;
    shop.create("order-0001").await;
    let fault = json!({
        "method": "GET", "path": "/epayment/*",
        "action": {"kind": "status", "status": 429, "headers": [["Retry-After", "2"]]},
    });
    let (status, _) = shop.call("POST", "/_simulator/faults", "", &fault).await;
    assert_eq!(status, 200);
    let get = "/epayment/v1/payments/order-0001";
    let got = send(&shop.simulator, "GET", get, &shop.headers(), Bytes::new())
        .await
        .unwrap();
    assert_eq!((got.0, &got.1["retry-after"]), (429, &"2".parse().unwrap()));
    assert_eq!(shop.call("GET", get, "", &Value::Null).await.0, 200);
    let (_, acted) = shop
        .call(
            "POST",
            "/_simulator/payments/123456/order-0001/approve",
            "",
            &Value::Null,
        )
        .await;
    assert_eq!(acted["payment"]["state"], "AUTHORIZED");
    let settings = json!({"rules": {"lifetime_s": 5}, "unit": {"msn": "123456", "blocked": true}});
    let (_, set) = shop
        .call("POST", "/_simulator/settings", "", &settings)
        .await;
    assert_eq!(set["rules"]["lifetime_s"], 5);
    assert_eq!(shop.create("order-0002").await.0, 403);
    let wrong = json!({"rules": {"no_such_rule": 1}});
    assert_eq!(
        shop.call("POST", "/_simulator/settings", "", &wrong)
            .await
            .0,
        400
    );
    let (_, seen) = shop
        .call("GET", "/_simulator/requests", "", &Value::Null)
        .await;
    assert_eq!(seen.as_array().unwrap().len(), 4);
    shop.simulator.stop().await;
}

#[tokio::test]
async fn the_echo_streams_what_it_is_sent_and_asked_for() {
    let shop = Shop::new().await;
    let headers = vec![("host".to_owned(), "x".to_owned())];
    let body = Bytes::from(vec![b'x'; 100_000]);
    let got = send(&shop.simulator, "PATCH", "/_echo/a%2Fb?c", &headers, body)
        .await
        .unwrap();
    let told: Value = serde_json::from_slice(&got.2).unwrap();
    assert_eq!(told["target"], "/_echo/a%2Fb?c");
    assert_eq!(told["body_length"], 100_000);
    let got = send(
        &shop.simulator,
        "GET",
        "/_echo/bytes/50000",
        &headers,
        Bytes::new(),
    )
    .await
    .unwrap();
    assert_eq!(got.2.len(), 50_000);
    assert_eq!(got.2[40_000], byte_at(40_000));
    let got = send(
        &shop.simulator,
        "GET",
        "/_echo/status/418",
        &headers,
        Bytes::new(),
    )
    .await
    .unwrap();
    assert_eq!(got.0, 418);
}

#[tokio::test]
async fn a_dripped_answer_arrives_whole_and_a_reset_is_one() {
    let shop = Shop::new().await;
    let world = shop.simulator.world();
    let drip = Action::SlowDrip {
        bytes: 40,
        interval_ms: 1,
    };
    world.add_fault(Fault::once("/_echo/", drip));
    let headers = vec![("host".to_owned(), "x".to_owned())];
    let got = send(&shop.simulator, "GET", "/_echo/x", &headers, Bytes::new()).await;
    assert_eq!(got.unwrap().0, 200);
    world.add_fault(Fault::once("/_echo/", Action::ResetBefore));
    let mut stream = TcpStream::connect(shop.simulator.addr()).await.unwrap();
    stream
        .write_all(b"GET /_echo/x HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let error = stream.read(&mut [0; 64]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn it_goes_off_the_network_and_comes_back_knowing_everything() {
    let shop = Shop::new().await;
    shop.create("order-0001").await;
    let world = shop.simulator.world();
    world.set_down(true).await;
    let error = TcpStream::connect(shop.simulator.addr()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    world.set_down(false).await;
    let get = "/epayment/v1/payments/order-0001";
    assert_eq!(shop.call("GET", get, "", &Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_hanging_answer_may_have_been_carried_out() {
    let shop = Shop::new().await;
    let world = shop.simulator.world();
    for processed in [false, true] {
        let reference = format!("order-{processed}");
        world.add_fault(Fault::once("/epayment/", Action::Hang { processed }));
        let call = shop.create(&reference);
        let in_time = tokio::time::timeout(Duration::from_millis(200), call).await;
        assert!(in_time.is_err());
        assert_eq!(world.payment("123456", &reference).is_some(), processed);
    }
    assert_eq!(shop.create("order-false").await.0, 201);
}

#[tokio::test]
async fn webhooks_can_be_held_doubled_reversed_repeated_and_forged() {
    let shop = Shop::new().await;
    let world = shop.simulator.world();
    let merchant = Merchant::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let body = json!({"url": merchant.base_url(), "events": [
        "epayments.payment.authorized.v1", "epayments.payment.created.v1"
    ]});
    shop.call("POST", "/webhooks/v1/webhooks", "", &body).await;
    world.pause_webhooks();
    shop.create("order-0001").await;
    world.approve("123456", "order-0001");
    world.reverse_webhooks();
    world.duplicate_webhooks();
    assert_eq!(world.webhooks()[0].waiting, 4);
    assert!(merchant.callbacks().is_empty());
    world.resume_webhooks();
    assert!(merchant.wait_for(4, PATIENCE).await);
    let names = |merchant: &Merchant| -> Vec<String> {
        let all = merchant.callbacks();
        all.iter()
            .map(|c| c.json()["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let want = ["AUTHORIZED", "AUTHORIZED", "CREATED", "CREATED"];
    assert_eq!(names(&merchant), want);
    merchant.clear();
    let event = json!({"name": "AUTHORIZED", "reference": "unknown-order"});
    assert_eq!(
        world.send_webhook("123456", &event, Some(Forgery::Missing)),
        1
    );
    assert!(merchant.wait_for(1, PATIENCE).await);
    assert_eq!(merchant.callbacks()[0].header("authorization"), None);
}
