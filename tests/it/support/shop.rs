//! A legacy shop: what it sends to eCom, byte by byte, and how it reads the answers.

use serde_json::{Value, json};

use super::app::{KEY, MSN, TestApp};
use super::check::DIRECT;
use super::client::{Answer, Client};

pub(crate) const AUTH_TOKEN: &str = "canary-auth-token";
pub(crate) const PHONE: &str = "91234567";
pub(crate) const PREFIX: &str = "https://shop.example.com/vipps/";
pub(crate) const FALL_BACK: &str = "https://shop.example.com/back?order=1";

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Ask {
    addr: std::net::SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    /// In the place of the header that is there.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Beside the header that is there.
    pub(crate) fn another(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// `X-Request-Id`; none where empty.
    pub(crate) fn id(self, id: &str) -> Self {
        if id.is_empty() {
            return self.without("X-Request-Id");
        }
        self.header("X-Request-Id", id)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    pub(crate) fn text(self, body: &str) -> Self {
        self.raw(body.as_bytes())
    }

    /// Bytes that need be no text, said to be JSON.
    pub(crate) fn raw(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        if self.headers.iter().any(|(n, _)| n == "Content-Type") {
            return self;
        }
        self.header("Content-Type", "application/json")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: bridge\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it and reads the answer.
    pub(crate) async fn send(&self) -> Answer {
        Client::to(self.addr).await.ask(self.bytes()).await
    }

    /// Sends it and leaves the answer unread.
    pub(crate) async fn begin(&self) -> Client {
        let mut client = Client::to(self.addr).await;
        client.send(self.bytes()).await;
        client
    }

    /// Headers and body, as a server reads them.
    pub(crate) fn parts(&self) -> (http::HeaderMap, bytes::Bytes) {
        let pair =
            |(name, value): &(String, String)| (name.parse().unwrap(), value.parse().unwrap());
        let headers = self
            .headers
            .iter()
            .map(pair as fn(&(String, String)) -> (http::HeaderName, http::HeaderValue));
        (headers.collect(), self.body.clone().into())
    }

    /// The same request to another address.
    pub(crate) fn to(mut self, addr: std::net::SocketAddr) -> Self {
        self.addr = addr;
        self
    }
}

/// The body of a regular initiate.
pub(crate) fn order(order: &str, amount: i64) -> Value {
    json!({
        "customerInfo": {"mobileNumber": PHONE},
        "merchantInfo": {
            "merchantSerialNumber": MSN,
            "callbackPrefix": PREFIX,
            "fallBack": FALL_BACK,
            "authToken": AUTH_TOKEN,
            "isApp": false,
            "paymentType": "eComm Regular Payment",
        },
        "transaction": {
            "orderId": order,
            "amount": amount,
            "transactionText": format!("Order {order}"),
            "timeStamp": "2020-01-01T00:00:00+0000",
        },
    })
}

/// The body of an Express initiate.
pub(crate) fn express(id: &str, amount: i64) -> Value {
    let mut body = order(id, amount);
    let info = body["merchantInfo"].as_object_mut().unwrap();
    info.insert("paymentType".into(), json!("eComm Express Payment"));
    info.insert("consentRemovalPrefix".into(), json!(PREFIX));
    info.insert(
        "staticShippingDetails".into(),
        json!([{"isDefault": "Y", "priority": 0, "shippingCost": 30.0, "shippingMethod": "Post",
            "shippingMethodId": "post-1"}]),
    );
    body
}

/// The body of capture, cancel or refund; `amount` null for all that remains.
pub(crate) fn change(amount: impl Into<Value>, text: &str) -> Value {
    json!({
        "merchantInfo": {"merchantSerialNumber": MSN},
        "transaction": {"amount": amount.into(), "transactionText": text},
    })
}

impl TestApp {
    /// A request with the headers that most shops send.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        let headers = [
            ("Authorization", format!("Bearer {}", self.token)),
            ("Ocp-Apim-Subscription-Key", KEY.to_owned()),
            ("Merchant-Serial-Number", MSN.to_owned()),
        ];
        Ask {
            addr: self.addr_or_upstream(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: headers.map(|(n, v)| (n.to_owned(), v)).to_vec(),
            body: Vec::new(),
        }
    }

    /// A request to upstream itself, past the bridge.
    pub(crate) fn past(&self, method: &str, path: &str) -> Ask {
        self.ask(method, path)
            .to(self.simulator.addr())
            .header(DIRECT, "1")
    }

    /// The first request to `path_end` lands late: upstream carries out what nobody waits for any more.
    pub(crate) async fn land(&self, path_end: &str) {
        let all = self.world().requests();
        let seen = all.iter().find(|r| r.path().ends_with(path_end)).unwrap();
        let ask = self.past(&seen.method, &seen.target);
        let ask = ask.header("Idempotency-Key", seen.header("idempotency-key").unwrap());
        let answer = match std::str::from_utf8(&seen.body).unwrap() {
            "" => ask.send().await,
            body => ask.text(body).send().await,
        };
        answer.ok_status();
    }

    pub(crate) fn initiating(&self, body: &Value) -> Ask {
        self.ask("POST", "/ecomm/v2/payments").json(body)
    }

    pub(crate) fn changing(
        &self,
        op: &str,
        order: &str,
        amount: impl Into<Value>,
        id: &str,
    ) -> Ask {
        let method = if op == "cancel" { "PUT" } else { "POST" };
        self.ask(method, &format!("/ecomm/v2/payments/{order}/{op}"))
            .id(id)
            .json(&change(amount, &format!("{op} {order}")))
    }

    /// Creates a regular payment.
    pub(crate) async fn initiate(&self, id: &str, amount: i64) -> Answer {
        self.initiating(&order(id, amount)).send().await
    }

    /// Creates one, and the user approves.
    pub(crate) async fn reserved(&self, id: &str, amount: i64) {
        let answer = self.initiate(id, amount).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(self.world().approve(MSN, &reference(id)));
    }

    /// Creates one in eCom past the bridge, and the user approves.
    pub(crate) async fn reserved_in_ecom(&self, id: &str, amount: i64) {
        let asked = self.past("POST", "/ecomm/v2/payments");
        let answer = asked.json(&order(id, amount)).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(self.world().approve(MSN, id));
    }

    pub(crate) async fn capture(&self, order: &str, amount: impl Into<Value>, id: &str) -> Answer {
        self.changing("capture", order, amount, id).send().await
    }

    pub(crate) async fn refund(&self, order: &str, amount: impl Into<Value>, id: &str) -> Answer {
        self.changing("refund", order, amount, id).send().await
    }

    pub(crate) async fn cancel(&self, order: &str, id: &str) -> Answer {
        self.changing("cancel", order, Value::Null, id).send().await
    }

    /// Cancel with `shouldReleaseRemainingFunds`.
    pub(crate) fn releasing(&self, order: &str, id: &str) -> Ask {
        let mut body = change(Value::Null, "released");
        body["shouldReleaseRemainingFunds"] = json!(true);
        self.ask("PUT", &format!("/ecomm/v2/payments/{order}/cancel"))
            .id(id)
            .json(&body)
    }

    pub(crate) async fn read(&self, order: &str, what: &str) -> Answer {
        self.ask("GET", &format!("/ecomm/v2/payments/{order}/{what}"))
            .send()
            .await
    }

    pub(crate) async fn details(&self, order: &str) -> Answer {
        self.read(order, "details").await
    }
}

/// The name of an order in ePayment.
pub(crate) fn reference(order: &str) -> String {
    if order.len() < 8 {
        format!("ecom-id-{order}")
    } else {
        order.to_owned()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }

    /// Which way it went, as it says.
    pub(crate) fn route(&self) -> &str {
        self.header("bridge-route").unwrap_or_default()
    }

    /// Status and code of an error in eCom's shape; the codes of several, with commas between.
    pub(crate) fn error(&self) -> (u16, String) {
        let json = self.json();
        let entries = json
            .as_array()
            .unwrap_or_else(|| panic!("an error array: {}", self.text()));
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(!entries.is_empty(), "{}", self.text());
        for entry in entries {
            for member in ["errorGroup", "errorCode", "errorMessage", "contextId"] {
                assert!(entry[member].is_string(), "{}", self.text());
            }
        }
        let codes: Vec<_> = entries
            .iter()
            .filter_map(|e| e["errorCode"].as_str())
            .collect();
        (self.status, codes.join(","))
    }

    /// It went well: its JSON.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// It went well, whatever it says.
    pub(crate) fn ok_status(&self) {
        assert!(self.status < 300, "{}", self.text());
    }

    /// "Nobody knows yet."
    pub(crate) fn is_unknown(&self) -> bool {
        self.status == 502 && self.json()[0]["errorCode"] == "94"
    }
}
