//! The shop: a small client in the style of legacy integrations. Raw token, its own X-Request-Ids, no sales unit header.
//!
//! Must not: know that there is a bridge. All that changed for it is its base URL.

use std::time::Duration;

use bytes::Bytes;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

/// The sales unit.
pub(in crate::cli) const MSN: &str = "123456";

/// Another one of the same keys, which captures directly.
pub(in crate::cli) const OTHER_MSN: &str = "234567";

/// Its keys, which only the simulator knows.
pub(in crate::cli) const CLIENT_ID: &str = "demo-client";
pub(in crate::cli) const CLIENT_SECRET: &str = "demo-secret";
pub(in crate::cli) const SUBSCRIPTION_KEY: &str = "demo-subscription-key";

/// What eCom shows when it calls back.
pub(in crate::cli) const AUTH_TOKEN: &str = "demo-callback-token";

/// No call of the day takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// One call as the shop makes it.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Call {
    pub(in crate::cli) method: reqwest::Method,
    pub(in crate::cli) path: String,
    pub(in crate::cli) request_id: Option<String>,
    pub(in crate::cli) body: Option<Value>,
    /// In place of the body: bytes that may be no JSON.
    pub(in crate::cli) text: Option<String>,
    pub(in crate::cli) headers: Vec<(&'static str, &'static str)>,
    pub(in crate::cli) auth: Auth,
    /// Sent as `Merchant-Serial-Number`; many clients leave it out.
    pub(in crate::cli) msn: Option<String>,
}

/// How the shop shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Auth {
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
    pub(in crate::cli) fn new(method: reqwest::Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            request_id: None,
            body: None,
            text: None,
            headers: Vec::new(),
            auth: Auth::Raw,
            msn: None,
        }
    }

    pub(in crate::cli) fn post(path: impl Into<String>) -> Self {
        Self::new(reqwest::Method::POST, path)
    }

    pub(in crate::cli) fn put(path: impl Into<String>) -> Self {
        Self::new(reqwest::Method::PUT, path)
    }

    pub(in crate::cli) fn get(path: impl Into<String>) -> Self {
        Self::new(reqwest::Method::GET, path)
    }

    pub(in crate::cli) fn id(mut self, id: &str) -> Self {
        self.request_id = Some(id.to_owned());
        self
    }

    pub(in crate::cli) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(in crate::cli) fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    pub(in crate::cli) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(in crate::cli) fn of_unit(mut self, msn: &str) -> Self {
        self.msn = Some(msn.to_owned());
        self
    }

    pub(in crate::cli) const fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Heard {
    /// 0 where no answer came.
    pub(in crate::cli) status: u16,
    /// `bridge-route`; empty where there is none.
    pub(in crate::cli) route: String,
    /// `Retry-After`.
    pub(in crate::cli) retry_after: Option<String>,
    pub(in crate::cli) body: Bytes,
    /// `null` where it is none.
    pub(in crate::cli) json: Value,
    /// Why no answer came.
    pub(in crate::cli) failure: Option<String>,
}

impl Heard {
    /// A number in the JSON.
    pub(in crate::cli) fn number(&self, pointer: &str) -> Option<i64> {
        self.json.pointer(pointer).and_then(Value::as_i64)
    }

    /// A text in the JSON.
    pub(in crate::cli) fn text(&self, pointer: &str) -> Option<&str> {
        self.json.pointer(pointer).and_then(Value::as_str)
    }

    /// Whether this is eCom's error of this code.
    pub(in crate::cli) fn is_error(&self, status: u16, code: &str) -> bool {
        self.status == status && self.text("/0/errorCode") == Some(code)
    }
}

/// What a shop shows who it is with.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Keys {
    pub(in crate::cli) client_id: &'static str,
    pub(in crate::cli) client_secret: &'static str,
    pub(in crate::cli) subscription_key: &'static str,
}

/// The keys of the shop.
pub(in crate::cli) const OWN: Keys = Keys {
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    subscription_key: SUBSCRIPTION_KEY,
};

/// The client.
pub(in crate::cli) struct Shop {
    http: reqwest::Client,
    token: String,
    keys: Keys,
}

impl Shop {
    /// A shop without a token yet.
    pub(in crate::cli) fn new(keys: Keys) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            http,
            token: String::new(),
            keys,
        })
    }

    /// Keeps the token of an answer.
    pub(in crate::cli) fn keep_token(&mut self, heard: &Heard) {
        self.token = heard.text("/access_token").unwrap_or_default().to_owned();
    }

    /// Makes a call.
    pub(in crate::cli) async fn call(&self, base: &str, call: &Call) -> Heard {
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
            .header("Ocp-Apim-Subscription-Key", self.keys.subscription_key);
        request = match call.auth {
            Auth::Keys => request
                .header("client_id", self.keys.client_id)
                .header("client_secret", self.keys.client_secret),
            Auth::Raw => request.header("Authorization", &self.token),
            Auth::Bearer => request.header("Authorization", format!("Bearer {}", self.token)),
            Auth::Wrong => request.header("Authorization", "Bearer yesterday"),
        };
        if let Some(id) = &call.request_id {
            request = request.header("X-Request-Id", id);
        }
        if let Some(msn) = &call.msn {
            request = request.header("Merchant-Serial-Number", msn);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, *value);
        }
        let text = call.text.clone();
        if let Some(text) = text.or_else(|| call.body.as_ref().map(text_of)) {
            request = request
                .header("Content-Type", "application/json; charset=utf-8")
                .body(text);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let route = response.headers().get("bridge-route");
        let route = route.and_then(|r| r.to_str().ok()).unwrap_or_default();
        let route = route.to_owned();
        let wait = response.headers().get("retry-after");
        let retry_after = wait.and_then(|w| w.to_str().ok()).map(str::to_owned);
        let body = response.bytes().await?;
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Heard {
            status,
            route,
            retry_after,
            body,
            json,
            failure: None,
        })
    }
}

/// The bytes that go out: not the tightest JSON, so that "byte for byte" can be told from "the same JSON".
pub(in crate::cli) fn text_of(body: &Value) -> String {
    serde_json::to_string_pretty(body).unwrap_or_default()
}

/// The body of an initiate.
pub(in crate::cli) fn new_order(order: &str, amount: i64, callback: &str) -> Value {
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
pub(in crate::cli) fn change(amount: Option<i64>, text: &str) -> Value {
    let mut transaction = json!({"transactionText": text});
    if let (Some(amount), Some(members)) = (amount, transaction.as_object_mut()) {
        members.insert("amount".to_owned(), json!(amount));
    }
    json!({"merchantInfo": {"merchantSerialNumber": MSN}, "transaction": transaction})
}

/// Minor units in the currency's own.
pub(in crate::cli) fn kr(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, (minor % 100).abs())
}
