//! A bridge with its upstream, and a mirror of its calls on a second upstream that knows nothing of the first one's keys.
//!
//! The bridge itself does not shadow here: each call's offer is made by hand from what the shop sent and got.

use std::sync::Arc;
use std::time::Instant;

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::payments::{Caller, Order, Terms};
use ecom_bridge::settings::{Live, Snapshot, from_text};
use ecom_bridge::shadow::compare::{Compared, Rules};
use ecom_bridge::shadow::mirror::Mirror;
use ecom_bridge::shadow::offer::{Offer, Seen};
use ecom_bridge::simulator::{Client, Options, PaymentView, SeenRequest, Simulator};
use ecom_bridge::store::ShadowOutcome;
use ecom_bridge::telemetry::Route;
use ecom_bridge::types::{CallerHash, CountryCode, Currency, Msn, OrderText, Scope, SystemClock};
use ecom_bridge::upstream::{Budget, Credentials, Spent};

use super::LIMIT;
use super::app::{KEY, MSN, TestApp, Wanted, with};
use super::client::Answer;
use super::shop::Ask;

/// The shadow's unit, key and test user at the second upstream.
pub(crate) const SHADOW_MSN: &str = "345678";
pub(crate) const SHADOW_KEY: &str = "shadow-subscription-key";
pub(crate) const SHADOW_PHONE: &str = "4790000001";

/// What a mirror made of a call.
pub(crate) struct Mirrored {
    pub(crate) answer: Answer,
    pub(crate) outcome: ShadowOutcome,
    pub(crate) compared: Compared,
}

impl Mirrored {
    /// Nothing differs.
    pub(crate) fn clean(self) -> Answer {
        let Self {
            answer,
            outcome,
            compared,
        } = self;
        assert_eq!(outcome, ShadowOutcome::Clean, "{compared:?} {answer:?}");
        answer
    }

    /// Field and kind of each difference.
    pub(crate) fn fields(&self) -> Vec<String> {
        let told = |one: &ecom_bridge::store::Difference| {
            format!("{} {}", one.field.as_str(), one.kind.word())
        };
        self.compared.differences.iter().map(told).collect()
    }
}

/// Bridge, upstream, shadow upstream and mirror.
pub(crate) struct Shadowed {
    pub(crate) app: TestApp,
    pub(crate) shadow: Simulator,
    pub(crate) mirror: Mirror,
    /// Whether the sales unit is marked so.
    pub(crate) direct_capture: bool,
    snapshot: Arc<Snapshot>,
}

/// Every call goes to eCom.
pub(crate) const ALL_ECOM: [(&str, &str); 6] = [
    ("routing.initiate", "\"ecom\""),
    ("routing.capture", "\"ecom\""),
    ("routing.cancel", "\"ecom\""),
    ("routing.refund", "\"ecom\""),
    ("routing.details", "\"ecom\""),
    ("routing.status", "\"ecom\""),
];

impl Shadowed {
    /// `timeout` is that of a mirrored call.
    pub(crate) async fn start(values: &[(&str, &str)], timeout: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options {
            clients: vec![Client::new(
                "shadow-client",
                "shadow-secret",
                SHADOW_KEY,
                &[SHADOW_MSN],
            )],
            seed: 7,
            ..Options::default()
        };
        let shadow = Simulator::start(listener, options).unwrap();
        let mut wanted: Wanted = with(values);
        wanted.merchant(&format!(
            "msn = \"{MSN}\"\nshadow = {{ msn = \"{SHADOW_MSN}\", subscription_key = \"{SHADOW_KEY}\", \
             client_id = \"shadow-client\", client_secret = \"shadow-secret\", phone_number = \"{SHADOW_PHONE}\" }}"
        ));
        let app = wanted.start().await;
        let text = format!(
            "{}\n[shadow]\nmode = \"write\"\nupstream_base_url = \"{}\"\ntimeout = \"{timeout}\"\n",
            app.configuration().0,
            shadow.base_url(),
        );
        let settings = Arc::new(from_text(&text).expect("a good configuration"));
        let mirror = Mirror::new(&settings, Arc::new(SystemClock)).expect("a mirror");
        Self {
            app,
            shadow,
            mirror,
            direct_capture: false,
            snapshot: Live::new(settings).snapshot(),
        }
    }

    /// The shop calls, and what it sent and got is mirrored.
    pub(crate) async fn call(&self, operation: Operation, order: &str, ask: Ask) -> Mirrored {
        self.told(operation, order, ask, |_| {}).await
    }

    /// The same, with another answer than the shop's shown to the mirror.
    pub(crate) async fn told(
        &self,
        operation: Operation,
        order: &str,
        ask: Ask,
        change: impl FnOnce(&mut Seen),
    ) -> Mirrored {
        let (answer, offer) = self.offer(operation, order, ask, change).await;
        let turn = self.mirror.turn(operation, &order_of(order));
        let (outcome, compared) = self.mirror.mirror(turn, &offer, &Rules::default()).await;
        Mirrored {
            answer,
            outcome,
            compared,
        }
    }

    /// The offer of a call that the shop makes now.
    pub(crate) async fn offer(
        &self,
        operation: Operation,
        order: &str,
        ask: Ask,
        change: impl FnOnce(&mut Seen),
    ) -> (Answer, Offer) {
        let payments = self.app.payments();
        let hash = CallerHash::of(KEY.as_bytes(), payments.store.secret());
        let subject = Order {
            direct_capture: self.direct_capture,
            ..order_of(order)
        };
        let known = payments
            .store
            .payment(&subject.scope, &subject.order, hash)
            .await
            .unwrap();
        let (request_headers, request_body) = ask.parts();
        let answer = ask.send().await;
        let mut seen = Seen {
            status: answer.status,
            headers: headers(&answer),
            body: answer.body.clone().into(),
        };
        change(&mut seen);
        let now = Instant::now();
        let caller = Caller {
            credentials: Credentials::of(&request_headers, Msn::parse(MSN)),
            hash,
            budget: Budget {
                deadline: now + LIMIT,
                per_call: LIMIT,
            },
            terms: Terms::new(0, LIMIT, true),
            spent: Arc::new(Spent::default()),
            early: Arc::default(),
        };
        let route = [Route::Ecom, Route::Epayment, Route::Refused, Route::Pass]
            .into_iter()
            .find(|route| route.word() == answer.route());
        let offer = Offer {
            operation,
            route: route.expect("a route"),
            snapshot: Arc::clone(&self.snapshot),
            subject: Some((subject, known)),
            caller,
            target: "/".parse().unwrap(),
            request_headers,
            request_body,
            answer: seen,
            answered_at: now,
        };
        (answer, offer)
    }

    /// The only payment at the shadow upstream.
    pub(crate) fn twin(&self) -> PaymentView {
        let all = self.shadow.world().payments();
        assert_eq!(all.len(), 1, "{all:?}");
        all.into_iter().next().unwrap()
    }

    /// What was sent to the shadow upstream, all of it as text.
    pub(crate) fn sent_to_shadow(&self) -> String {
        let all = self.shadow.world().requests();
        all.iter().map(text_of).collect()
    }

    /// What was sent to the upstream, all of it as text.
    pub(crate) fn sent_to_primary(&self) -> String {
        let all = self.app.world().requests();
        all.iter().map(text_of).collect()
    }
}

/// An order of an app: the simulator's landing page for it is not plain http, which would count as a difference.
pub(crate) fn app_order(order: &str, amount: i64) -> serde_json::Value {
    let mut body = super::shop::order(order, amount);
    body["merchantInfo"]["isApp"] = true.into();
    body
}

pub(crate) fn order_of(order: &str) -> Order {
    Order {
        scope: Scope::Unit(Msn::parse(MSN).unwrap()),
        order: OrderText::parse(order).unwrap(),
        currency: Currency::Nok,
        country: CountryCode::default(),
        direct_capture: false,
    }
}

fn headers(answer: &Answer) -> http::HeaderMap {
    let pairs = answer.head.lines().skip(1);
    pairs
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        })
        .collect()
}

fn text_of(request: &SeenRequest) -> String {
    format!(
        "{} {}\n{:?}\n{}\n",
        request.method,
        request.target,
        request.headers,
        String::from_utf8_lossy(&request.body)
    )
}
