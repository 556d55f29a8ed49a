//! Chapters of an ordinary day: token, one order from start to end, a cancel, a no, a silence, a short orderId.
//!
//! Each chapter checks what it shows. Must not: sleep.

use serde_json::{Value, json};

use super::day::{Day, changes, one_epayment_change, operations};
use super::told::Wanted;
use crate::cli::scene::brief::Detail;
use crate::cli::scene::shop::{self, Auth, Call, Heard, kr};
use crate::simulator::{Act, SeenRequest};

/// What a capture or refund answers, and what reached upstream because of it.
pub(super) type Told = (Heard, Vec<SeenRequest>);

impl Day<'_> {
    /// Starts a regular payment and checks that it was made in ePayment.
    pub(super) async fn initiate(&mut self, order: &str, amount: i64) {
        self.initiate_with(shop::new_order(order, amount, &self.callback_prefix()))
            .await;
    }

    /// The same with a body of one's own.
    pub(super) async fn initiate_with(&mut self, body: Value) {
        let order = body.pointer("/transaction/orderId").cloned();
        // Many plugins write it like this.
        let call = Call::post("/Ecomm/v2/payments/").body(body);
        let (heard, seen) = self.call(call).await;
        let good = heard.status == 200
            && heard.json.get("orderId") == order.as_ref()
            && heard.text("/url").is_some_and(|url| !url.is_empty())
            && one_epayment_change(&seen);
        self.check(
            good,
            "created in ePayment; the shop got its orderId and url",
        );
    }

    pub(super) async fn change(
        &mut self,
        order: &str,
        op: &str,
        id: &str,
        amount: Option<i64>,
    ) -> Told {
        let text = if op == "refund" {
            "Returned goods"
        } else {
            "Parcel sent"
        };
        let call = Call::post(format!("/ecomm/v2/payments/{order}/{op}"))
            .id(id)
            .body(shop::change(amount, text));
        self.call(call).await
    }

    pub(super) async fn cancel(&mut self, order: &str, release: bool) -> Told {
        let mut body = shop::change(None, "Order cancelled");
        if let (true, Some(members)) = (release, body.as_object_mut()) {
            members.insert("shouldReleaseRemainingFunds".to_owned(), json!(true));
        }
        let path = format!("/ecomm/v2/payments/{order}/cancel");
        self.call(Call::put(path).body(body)).await
    }

    pub(super) async fn details(&mut self, order: &str) -> Told {
        let call = Call::get(format!("/ecomm/v2/payments/{order}/details"));
        self.call(call).await
    }

    /// Details, and whether the log is this, newest first.
    pub(super) async fn details_are(&mut self, order: &str, want: &[&str]) -> Told {
        let (heard, seen) = self.details(order).await;
        let log = operations(&heard);
        let what = format!("the log, newest first: {}", log.join(", "));
        let good = heard.status == 200 && log == want;
        self.check(good, &what);
        (heard, seen)
    }
}

pub(super) async fn token(day: &mut Day<'_>) {
    day.chapter(
        "The access token",
        "The shop changed one thing: its base URL. The call for a token passes through the bridge as \
         it is; the same keys and the same token work for both APIs.",
    );
    let call = Call::post("/accessToken/get").auth(Auth::Keys);
    let (heard, seen) = day.call(call).await;
    day.shop.keep_token(&heard);
    let passed = matches!(&seen[..], [only] if only.target == "/accessToken/get");
    let good = heard.status == 200 && heard.route == "pass" && passed;
    day.check(good, "passed through, and answered by the upstream itself");
}

pub(super) async fn order(day: &mut Day<'_>) {
    let order = "woo-shop-1001";
    day.chapter(
        "An order from start to end",
        "An eCom payment of 499.00 becomes an ePayment payment. The shop sends the order in two parcels, \
         takes something back and lets go of the rest. Its X-Request-Ids are as careless as real ones: the \
         first capture and the refund share one.",
    );
    day.initiate(order, 49_900).await;
    day.registration().await;
    day.approve(order).await;
    day.note("The shop may read details while it is called back: the new state is there first.");
    let (heard, _) = day.details_are(order, &["RESERVE", "INITIATE"]).await;
    let left = heard.number("/transactionSummary/remainingAmountToCapture");
    day.check(left == Some(49_900), "all of it can be captured");
    let (heard, seen) = day.change(order, "capture", "1", Some(20_000)).await;
    let told = heard.number("/transactionSummary/capturedAmount") == Some(20_000);
    day.check(told && one_epayment_change(&seen), "first parcel captured");
    let key = key_of(&seen);
    let (heard, seen) = day.change(order, "capture", "2", Some(10_000)).await;
    let told = heard.number("/transactionSummary/capturedAmount") == Some(30_000);
    let good = told && one_epayment_change(&seen);
    day.check(good, "second parcel captured; the sums count both");
    day.happens("The shop missed that answer and repeats the call: the same X-Request-Id.");
    let first = heard
        .text("/transactionInfo/transactionId")
        .map(str::to_owned);
    let (heard, seen) = day.change(order, "capture", "2", Some(10_000)).await;
    let same = heard.text("/transactionInfo/transactionId") == first.as_deref();
    let good = heard.status == 200 && same && changes(&seen).is_empty();
    day.check(good, "the same answer again, and nothing was sent twice");
    let (heard, seen) = day.change(order, "refund", "1", Some(5_000)).await;
    let good = heard.text("/transaction/status") == Some("Refund") && key_of(&seen) != key;
    day.check(
        good,
        "refunded; X-Request-Id 1 became another key than the capture's",
    );
    day.sums(order, 30_000, 5_000, 0);
    released(day, order).await;
}

/// The cancel that the flag guards.
async fn released(day: &mut Day<'_>, order: &str) {
    day.happens(
        "The shop cancels. eCom refuses that once anything is captured; ePayment would not.",
    );
    let (heard, seen) = day.cancel(order, false).await;
    let good = heard.is_error(402, "51") && changes(&seen).is_empty();
    day.check(good, "refused with 51 by the bridge; no money was let go");
    day.sums(order, 30_000, 5_000, 0);
    day.happens("It cancels again, and says that it means the rest.");
    let (heard, seen) = day.cancel(order, true).await;
    let left = heard.number("/transactionSummary/remainingAmountToCapture");
    let good = heard.text("/transactionInfo/status") == Some("Cancelled")
        && left == Some(0)
        && one_epayment_change(&seen);
    day.check(
        good,
        &format!("{} released, nothing left to capture", kr(19_900)),
    );
    day.sums(order, 30_000, 5_000, 19_900);
    let log = [
        "VOID", "REFUND", "CAPTURE", "CAPTURE", "RESERVE", "INITIATE",
    ];
    day.details_are(order, &log).await;
    day.recorded_only(order, &["CAPTURED", "CAPTURED", "REFUNDED", "CANCELLED"])
        .await;
}

/// The Idempotency-Key of the one change.
fn key_of(seen: &[SeenRequest]) -> Option<String> {
    let all = changes(seen);
    all.first()?.header("idempotency-key").map(str::to_owned)
}

pub(super) async fn cancelled(day: &mut Day<'_>) {
    let order = "woo-shop-1002";
    day.chapter(
        "A plain cancel",
        "Nothing was captured, so a cancel gives the whole reservation back.",
    );
    day.initiate(order, 15_000).await;
    day.approve(order).await;
    let (heard, seen) = day.cancel(order, false).await;
    let good = heard.status == 200
        && heard.text("/transactionInfo/status") == Some("Cancelled")
        && one_epayment_change(&seen);
    day.check(good, "looked first, then cancelled");
    day.sums(order, 0, 0, 15_000);
    day.details_are(order, &["VOID", "RESERVE", "INITIATE"])
        .await;
}

pub(super) async fn rejected(day: &mut Day<'_>) {
    let order = "woo-shop-1003";
    day.chapter(
        "The user says no",
        "ePayment calls it ABORTED; the shop hears and sees what eCom always told.",
    );
    day.initiate(order, 12_000).await;
    day.happens("The user rejects the payment in the app.");
    let wanted = Wanted {
        act: Act::Reject,
        event: "ABORTED",
        status: "CANCELLED",
        answers: &[200],
    };
    day.hears(order, wanted).await;
    day.details_are(order, &["CANCEL", "INITIATE"]).await;
    day.sums(order, 0, 0, 12_000);
}

pub(super) async fn expired(day: &mut Day<'_>) {
    let order = "woo-shop-1004";
    day.chapter(
        "Nobody acts",
        "The user closes the browser and the payment expires. The deprecated status call works, too.",
    );
    day.initiate(order, 9_900).await;
    day.happens("Time passes, and the payment expires.");
    let wanted = Wanted {
        act: Act::Expire,
        event: "EXPIRED",
        status: "REJECTED",
        answers: &[200],
    };
    day.hears(order, wanted).await;
    let call = Call::get(format!("/ecomm/v2/payments/{order}/status"));
    let (heard, _) = day.call(call).await;
    let status = heard.text("/transactionInfo/status");
    let what = format!("eCom's word for it is {}", status.unwrap_or("missing"));
    day.check(heard.status == 200 && status == Some("REJECTED"), &what);
    let (heard, _) = day.change(order, "capture", "1", Some(9_900)).await;
    let good = heard.is_error(400, "91");
    day.check(good, "a capture now is refused with 91");
    day.sums(order, 0, 0, 9_900);
}

pub(super) async fn short(day: &mut Day<'_>) {
    let order = "Woo17";
    day.chapter(
        "An orderId that is too short for ePayment",
        "ePayment wants 8 characters or more. The bridge sends a longer, reversible form; the shop sees only its own.",
    );
    day.initiate(order, 7_500).await;
    let reference = "ecom-id-Woo17";
    day.approve(order).await;
    let (heard, _) = day.change(order, "capture", "1", None).await;
    let good = heard.text("/orderId") == Some(order)
        && heard.number("/transactionInfo/amount") == Some(7_500);
    day.check(
        good,
        "no amount means all that remains; the orderId is the shop's",
    );
    day.sums(reference, 7_500, 0, 0);
}

pub(super) async fn force_approved(day: &mut Day<'_>) {
    let order = "woo-shop-1013";
    day.chapter(
        "Force approve, for the shop's own tests",
        "Test suites approve without a phone. The answer is {}, because some clients fail on an empty one.",
    );
    day.initiate(order, 30_000).await;
    let token = day.payment(order).map(|payment| payment.token);
    let body = json!({"customerPhoneNumber": "91234567", "token": token});
    let path = format!("/ecomm/v2/integration-test/payments/{order}/approve");
    day.detail = Detail::Full;
    let (heard, seen) = day.call(Call::post(path).body(body)).await;
    day.detail = Detail::Terse;
    let phone = seen.first().map(SeenRequest::json).unwrap_or_default();
    let phone = phone
        .pointer("/customer/phoneNumber")
        .and_then(Value::as_str);
    let good = heard.status == 200 && heard.json == json!({}) && phone == Some("4791234567");
    day.check(good, "approved; the number went out with its country code");
    day.heard_of(order, "RESERVED").await;
    day.details_are(order, &["RESERVE", "INITIATE"]).await;
}

pub(super) async fn outside(day: &mut Day<'_>) {
    day.chapter(
        "Something outside /ecomm/",
        "Whatever else the shop calls on that host goes through untouched: here the Webhooks API, as it would be Order \
         Management, Userinfo or Checkout.",
    );
    let target = "/webhooks/v1/webhooks?from=shop%2Fbackend";
    let call = Call::get(target).auth(Auth::Bearer);
    let (heard, seen) = day.call(call.clone()).await;
    let direct = day.compare(&call).await;
    let untouched = matches!(&seen[..], [only] if only.target == target);
    let same = heard.status == 200 && heard.body == direct.body;
    let good = untouched && same && heard.route == "pass";
    day.check(
        good,
        "the same request went out and the same bytes came back",
    );
}
