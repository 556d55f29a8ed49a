//! The shop: a small client in the style of legacy integrations. Raw token, its own X-Request-Ids, no sales unit header.
//!
//! Must not: know that there is a bridge. All that changed for it is its base URL.

use std::time::Duration;

use bytes::Bytes;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

/// The sales unit.
pub(super) const MSN: &str = "123456";

/// Another one of the same keys, which captures directly.
pub(super) const OTHER_MSN: &str = "234567";

/// Its keys, which only the simulator knows.
pub(super) const CLIENT_ID: &str = "demo-client";
pub(super) const CLIENT_SECRET: &str = "demo-secret";
pub(super) const SUBSCRIPTION_KEY: &str = "demo-subscription-key";

/// What eCom shows when it calls back.
pub(super) const AUTH_TOKEN: &str = "demo-callback-token";

/// No call of the day takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// One call as the shop makes it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: reqwest::Method,
    pub(super) path: String,
    pub(super) request_id: Option<String>,
    pub(super) body: Option<Value>,
    pub(super) auth: Auth,
    /// Sent as `Merchant-Serial-Number`; many clients leave it out.
    pub(super) msn: Option<&'static str>,
}

/// How the shop shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    /// `client_id` and `client_secret`.
    Keys,
    /// The token alone, as many legacy clients do.
    Raw,
    /// With `Bearer`.
    Bearer,
    /// A token that nobody issued.
    Wrong,
}

impl Call {
    pub(super) fn new(method: reqwest::Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            request_id: None,
            body: None,
            auth: Auth::Raw,
            msn: None,
        }
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(reqwest::Method::POST, path)
    }

    pub(super) fn put(path: impl Into<String>) -> Self {
        Self::new(reqwest::Method::PUT, path)
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(reqwest::Method::GET, path)
    }

    pub(super) fn id(mut self, id: &str) -> Self {
        self.request_id = Some(id.to_owned());
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) const fn of_unit(mut self, msn: &'static str) -> Self {
        self.msn = Some(msn);
        self
    }

    pub(super) const fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// 0 where no answer came.
    pub(super) status: u16,
    /// `bridge-route`; empty where there is none.
    pub(super) route: String,
    pub(super) body: Bytes,
    /// `null` where it is none.
    pub(super) json: Value,
    /// Why no answer came.
    pub(super) failure: Option<String>,
}

impl Heard {
    /// A number in the JSON.
    pub(super) fn number(&self, pointer: &str) -> Option<i64> {
        self.json.pointer(pointer).and_then(Value::as_i64)
    }

    /// A text in the JSON.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.json.pointer(pointer).and_then(Value::as_str)
    }

    /// Whether this is eCom's error of this code.
    pub(super) fn is_error(&self, status: u16, code: &str) -> bool {
        self.status == status && self.text("/0/errorCode") == Some(code)
    }
}

/// The client.
pub(super) struct Shop {
    http: reqwest::Client,
    token: String,
}

impl Shop {
    /// A shop without a token yet.
    pub(super) fn new() -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            http,
            token: String::new(),
        })
    }

    /// Keeps the token of an answer.
    pub(super) fn keep_token(&mut self, heard: &Heard) {
        self.token = heard.text("/access_token").unwrap_or_default().to_owned();
    }

    /// Makes a call.
    pub(super) async fn call(&self, base: &str, call: &Call) -> Heard {
        match self.send(base, call).await {
            Ok(heard) => heard,
            Err(error) => Heard {
                failure: Some(error.without_url().to_string()),
                ..Heard::default()
            },
        }
    }

    async fn send(&self, base: &str, call: &Call) -> reqwest::Result<Heard> {
        let mut request = self
            .http
            .request(call.method.clone(), format!("{base}{}", call.path))
            .header("Ocp-Apim-Subscription-Key", SUBSCRIPTION_KEY);
        request = match call.auth {
            Auth::Keys => request
                .header("client_id", CLIENT_ID)
                .header("client_secret", CLIENT_SECRET),
            Auth::Raw => request.header("Authorization", &self.token),
            Auth::Bearer => request.header("Authorization", format!("Bearer {}", self.token)),
            Auth::Wrong => request.header("Authorization", "Bearer yesterday"),
        };
        if let Some(id) = &call.request_id {
            request = request.header("X-Request-Id", id);
        }
        if let Some(msn) = call.msn {
            request = request.header("Merchant-Serial-Number", msn);
        }
        if let Some(body) = &call.body {
            request = request
                .header("Content-Type", "application/json; charset=utf-8")
                .body(text_of(body));
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let route = response.headers().get("bridge-route");
        let route = route.and_then(|r| r.to_str().ok()).unwrap_or_default();
        let route = route.to_owned();
        let body = response.bytes().await?;
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Heard {
            status,
            route,
            body,
            json,
            failure: None,
        })
    }
}

/// The bytes that go out: not the tightest JSON, so that "byte for byte" can be told from "the same JSON".
pub(super) fn text_of(body: &Value) -> String {
    serde_json::to_string_pretty(body).unwrap_or_default()
}

/// The body of an initiate.
pub(super) fn new_order(order: &str, amount: i64, callback: &str) -> Value {
    json!({
        "merchantInfo": {
            "merchantSerialNumber": MSN,
            "callbackPrefix": callback,
            "fallBack": format!("https://shop.example/done/{order}"),
            "authToken": AUTH_TOKEN,
        },
        "customerInfo": {"mobileNumber": "91234567"},
        "transaction": {
            "orderId": order,
            "amount": amount,
            "transactionText": "One order of tea",
            "timeStamp": "2026-01-05T09:00:00Z",
        },
    })
}

/// The body of a capture, refund or cancel.
pub(super) fn change(amount: Option<i64>, text: &str) -> Value {
    let mut transaction = json!({"transactionText": text});
    if let (Some(amount), Some(members)) = (amount, transaction.as_object_mut()) {
        members.insert("amount".to_owned(), json!(amount));
    }
    json!({"merchantInfo": {"merchantSerialNumber": MSN}, "transaction": transaction})
}
