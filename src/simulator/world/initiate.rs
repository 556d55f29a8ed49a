//! eCom's initiate, regular and Express: what it demands of a request, and what it creates.
//!
//! Source: `InitiatePaymentCommand` and the guide's rules; the tolerances are those that real clients rely on. A used
//! orderId is error 34, whatever the X-Request-Id. One refusal names every wrong member.

use serde_json::{Value, json};

use super::check::known_scope;
use super::payment::{Api, EcomSide, Event, Origin, Payment, Sums};
use super::rules::CaptureType;
use super::{Id, World};
use crate::ecom::error::{Code, Failure};
use crate::ecom::lenient::{Field, StrictText};
use crate::ecom::request::{InitiatePayment, InitiateTransaction, MerchantInfo};
use crate::epayment::event::EventName;
use crate::epayment::model::State;
use crate::types::{Amount, CountryCode, Currency, Moment, Msisdn, Msn, OrderId};

const EXPRESS: &str = "eComm Express Payment";

/// A request that fits.
struct Order {
    order: String,
    amount: Amount,
    text: String,
    phone: Option<String>,
    scope: Option<String>,
    express: bool,
    skip: bool,
    app: bool,
    side: EcomSide,
}

/// Wrong members: name and what is wrong.
type Wrong = Vec<(String, String)>;

fn note(wrong: &mut Wrong, name: &str, what: &str) {
    wrong.push((name.to_owned(), what.to_owned()));
}

/// A text member of `merchantInfo`, at most 255 characters; `fits` judges it.
fn link(
    wrong: &mut Wrong,
    name: &str,
    field: &Field<StrictText>,
    required: bool,
    fits: fn(&str) -> bool,
) -> Option<String> {
    let path = format!("merchantInfo.{name}");
    match field {
        Field::Is(text) if text.0.chars().count() <= 255 && fits(&text.0) => {
            return Some(text.0.clone());
        }
        Field::Absent | Field::Null if !required => {}
        Field::Absent | Field::Null => note(wrong, &path, "is required"),
        Field::Is(_) | Field::Wrong => note(wrong, &path, "is no URL of at most 255 characters"),
    }
    None
}

fn is_https(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let local = ["http://127.", "http://localhost", "http://[::1]"];
    lower.starts_with("https://") && lower.len() > 8 || local.iter().any(|l| lower.starts_with(l))
}

fn is_fallback(text: &str) -> bool {
    is_https(text)
        || text == "INTENT"
        || text
            .split_once("://")
            .is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.eq_ignore_ascii_case("http"))
}

impl World {
    /// `POST /ecomm/v2/payments`.
    ///
    /// # Errors
    /// eCom's refusal.
    pub fn ecom_initiate(
        &mut self,
        msn: &Msn,
        request_id: Option<&str>,
        body: &Value,
        now: Moment,
    ) -> Result<Value, Failure> {
        self.tick(now);
        let asked: InitiatePayment = serde_json::from_value(body.clone())
            .map_err(|_| Failure::field("body", "is no initiate request"))?;
        let order = self.read_order(msn, &asked, body)?;
        self.permit_order(msn, &order)?;
        let id: Id = (msn.as_str().to_owned(), order.order.clone());
        if self.payments.contains_key(&id) {
            return Err(Failure::code(Code::Merchant34));
        }
        let token = self.uuid();
        let url = if order.app {
            format!("vipps://?token={token}")
        } else {
            format!("{}{token}", self.landing)
        };
        let text = order.text.clone();
        let payment = Payment {
            msn: id.0.clone(),
            reference: id.1.clone(),
            origin: if order.express {
                Origin::Express
            } else {
                Origin::Ecom
            },
            amount: order.amount,
            currency: Currency::Nok,
            state: State::Created,
            sums: Sums::default(),
            events: Vec::new(),
            psp: self.uuid(),
            first_number: self.number(),
            token,
            redirect_url: Some(url.clone()),
            expires: self.lifetime(now),
            authorized_at: None,
            scope: order.scope,
            phone: order.phone,
            metadata: None,
            method: "WALLET".to_owned(),
            user: None,
            locked: false,
            fail_next: false,
            ecom: Some(order.side),
        };
        self.insert(&id, payment);
        let event = Event {
            name: EventName::Created,
            amount: order.amount,
            at: now,
            number: self.number(),
            key: None,
            request_id: request_id.map(str::to_owned),
            text: Some(text),
            success: true,
            by: Api::Ecom,
        };
        self.note(&id, event);
        Ok(json!({"orderId": id.1, "url": url}))
    }

    fn read_order(
        &self,
        msn: &Msn,
        asked: &InitiatePayment,
        body: &Value,
    ) -> Result<Order, Failure> {
        let mut wrong = Wrong::new();
        let empty = MerchantInfo::default();
        let info = match &asked.merchant_info {
            Field::Is(info) => &info.0,
            Field::Absent | Field::Null | Field::Wrong => &empty,
        };
        let nothing = InitiateTransaction::default();
        let transaction = match &asked.transaction {
            Field::Is(transaction) => &transaction.0,
            Field::Absent | Field::Null | Field::Wrong => &nothing,
        };
        let side = self.read_side(msn, info, body, &mut wrong);
        let (order, amount, text) = self.read_transaction(transaction, &mut wrong);
        let skip = flag(
            &mut wrong,
            "transaction.skipLandingPage",
            &transaction.skip_landing_page,
        );
        let app = flag(&mut wrong, "merchantInfo.isApp", &info.is_app);
        let scope = transaction
            .scope
            .get()
            .map(|s| s.0.clone())
            .filter(|s| !s.trim().is_empty());
        if transaction.scope.is_wrong() || scope.as_deref().is_some_and(|s| !known_scope(s)) {
            note(&mut wrong, "transaction.scope", "is no list of scopes");
        }
        let express = match &info.payment_type {
            Field::Is(kind) if kind.0.trim().eq_ignore_ascii_case(EXPRESS) => true,
            Field::Is(kind) if kind.0.trim().eq_ignore_ascii_case("eComm Regular Payment") => false,
            Field::Absent | Field::Null => false,
            Field::Is(_) | Field::Wrong => {
                note(&mut wrong, "merchantInfo.paymentType", "is not known");
                false
            }
        };
        if express {
            express_rules(info, body, scope.is_some(), &mut wrong);
        }
        let number = match &asked.customer_info {
            Field::Is(customer) => customer.0.mobile_number.get().map(|n| n.0.clone()),
            Field::Absent | Field::Null | Field::Wrong => None,
        };
        if asked.customer_info.is_wrong() {
            note(&mut wrong, "customerInfo", "must be an object");
        }
        if !wrong.is_empty() {
            return Err(Failure::fields(wrong));
        }
        let phone = Msisdn::read(&number.unwrap_or_default(), &CountryCode::default())
            .map_err(|_| Failure::code(Code::User81))?
            .map(|n| n.as_str().to_owned());
        if skip && phone.is_none() {
            return Err(Failure::field(
                "customerInfo.mobileNumber",
                "is required to skip the landing page",
            ));
        }
        let mut side = side;
        side.skip_landing_page = skip;
        if !express {
            side.shipping = None;
        }
        Ok(Order {
            order,
            amount,
            text,
            phone,
            scope,
            express,
            skip,
            app,
            side,
        })
    }

    fn read_side(
        &self,
        msn: &Msn,
        info: &MerchantInfo,
        body: &Value,
        wrong: &mut Wrong,
    ) -> EcomSide {
        let prefix = link(
            wrong,
            "callbackPrefix",
            &info.callback_prefix,
            true,
            is_https,
        );
        link(wrong, "fallBack", &info.fall_back, true, is_fallback);
        link(
            wrong,
            "consentRemovalPrefix",
            &info.consent_removal_prefix,
            false,
            is_https,
        );
        link(
            wrong,
            "shippingDetailsPrefix",
            &info.shipping_details_prefix,
            false,
            is_https,
        );
        let auth_token = link(wrong, "authToken", &info.auth_token, false, |_| true);
        let options = body
            .pointer("/merchantInfo/staticShippingDetails")
            .and_then(Value::as_array);
        let default = options.and_then(|all| {
            all.iter()
                .find(|o| o.get("isDefault").and_then(Value::as_str) == Some("Y"))
                .or_else(|| all.first())
        });
        EcomSide {
            callback_prefix: prefix.unwrap_or_default(),
            auth_token: auth_token.filter(|t| !t.is_empty()),
            skip_landing_page: false,
            shipping: Some(default.cloned().unwrap_or_else(|| json!({}))),
            direct: self
                .unit(msn.as_str())
                .is_some_and(|u| u.capture_type == CaptureType::Direct),
        }
    }

    fn read_transaction(
        &self,
        asked: &InitiateTransaction,
        wrong: &mut Wrong,
    ) -> (String, Amount, String) {
        let amount = asked
            .amount
            .get()
            .copied()
            .filter(|a| *a >= 100)
            .and_then(Amount::new);
        if amount.is_none() {
            note(
                wrong,
                "transaction.amount",
                "must be a whole number of at least 100",
            );
        }
        let order = asked.order_id.get().map(|o| o.0.clone());
        let fits = order.as_deref().is_some_and(|o| {
            OrderId::parse(o).is_some()
                || self.rules.any_order_id
                    && (1..=50).contains(&o.chars().count())
                    && !o.contains('/')
        });
        if !fits {
            note(
                wrong,
                "transaction.orderId",
                "must be 1 to 50 of [a-zA-Z0-9-]",
            );
        }
        let text = asked.transaction_text.get().map(|t| t.0.clone());
        if asked.transaction_text.is_wrong()
            || text.as_ref().is_some_and(|t| t.chars().count() > 100)
        {
            note(
                wrong,
                "transaction.transactionText",
                "must be at most 100 characters",
            );
        }
        (
            order.unwrap_or_default(),
            amount.unwrap_or_default(),
            text.unwrap_or_default(),
        )
    }

    fn permit_order(&self, msn: &Msn, order: &Order) -> Result<(), Failure> {
        let Some(unit) = self.unit(msn.as_str()) else {
            return Err(Failure::code(Code::Merchant37));
        };
        if unit.blocked {
            return Err(Failure::code(Code::Merchant37));
        }
        if order.skip && !unit.push_allowed {
            return Err(Failure::code(Code::Merchant38));
        }
        if let Some(scope) = &order.scope {
            let nin = scope.split_whitespace().any(|w| w == "nin");
            if !unit.scope_allowed || nin && !unit.nin_allowed {
                return Err(Failure::code(Code::Merchant51));
            }
        }
        if unit.limit.is_some_and(|limit| order.amount > limit) {
            return Err(Failure::code(Code::Merchant33));
        }
        match &order.phone {
            Some(phone) if self.rules.unknown_numbers.contains(phone) => {
                Err(Failure::code(Code::User81))
            }
            Some(phone) if self.rules.numbers_without_card.contains(phone) => {
                Err(Failure::code(Code::Payment41))
            }
            _ => Ok(()),
        }
    }
}

fn flag(wrong: &mut Wrong, name: &str, field: &Field<bool>) -> bool {
    if field.is_wrong() {
        note(wrong, name, "must be true or false");
    }
    field.get().copied().unwrap_or(false)
}

fn express_rules(info: &MerchantInfo, body: &Value, scope: bool, wrong: &mut Wrong) {
    if info.consent_removal_prefix.get().is_none() {
        note(
            wrong,
            "merchantInfo.consentRemovalPrefix",
            "is required for Express",
        );
    }
    let fixed = body
        .pointer("/merchantInfo/staticShippingDetails")
        .is_some_and(Value::is_array);
    if !fixed && info.shipping_details_prefix.get().is_none() {
        note(
            wrong,
            "merchantInfo.shippingDetailsPrefix",
            "Express needs static or dynamic shipping",
        );
    }
    if scope {
        note(
            wrong,
            "transaction.scope",
            "does not go together with Express",
        );
    }
}
