//! Initiate: eCom's rules checked, then eCom's command to ePayment's create request, and the answer back.
//!
//! Source: `InitiatePaymentCommand`, eCom API guide "Initiate", `CreatePaymentRequest`. Tolerances are those that real
//! clients rely on. Express requests never come here: eCom judges them. Must not: correct an amount.

mod urls;

use std::collections::BTreeMap;

use secrecy::SecretString;

pub(crate) use self::urls::is_http_to_private_host;
use self::urls::{URL_MAX, fall_back_of, limited, urls};
use super::loss::{Loss, Untranslatable};
use super::{Faults, agreed_msn, text_of};
use crate::ecom::error::{Code, Failure};
use crate::ecom::lenient::{Field, Object, StrictText, Text};
use crate::ecom::request::{AdditionalData, InitiatePayment, InitiateTransaction, MerchantInfo};
use crate::ecom::response::Initiated;
use crate::epayment::model::{
    AirlineData, CreatePayment, Created, Customer, CustomerInteraction, IndustryData, Money,
    PaymentMethod, ProfileRequest, UserFlow,
};
use crate::types::{Amount, CountryCode, Currency, Msisdn, Msn, OrderText, Reference};

/// eCom's smallest amount, in minor units (`TransactionInfoInitiate.amount`).
pub const AMOUNT_MIN: i64 = 100;

/// What `paymentType` says. Compared without regard to case and surrounding blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentType {
    /// Regular, or not said.
    Regular,
    /// Express: to eCom as it came.
    Express,
    /// Something else: to eCom as it came, and counted.
    Other,
}

/// Reads `paymentType` before anything else is judged.
#[must_use]
pub fn payment_type(body: &InitiatePayment) -> PaymentType {
    let Some(Object(merchant)) = body.merchant_info.get() else {
        return PaymentType::Regular;
    };
    match &merchant.payment_type {
        Field::Absent | Field::Null => PaymentType::Regular,
        Field::Wrong => PaymentType::Other,
        Field::Is(StrictText(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "" | "ecomm regular payment" => PaymentType::Regular,
            "ecomm express payment" => PaymentType::Express,
            _ => PaymentType::Other,
        },
    }
}

/// The order id and the MSN of a body that eCom will judge, as far as they can be read.
#[must_use]
pub fn identity(
    body: &InitiatePayment,
    header_msn: Option<&str>,
) -> (Option<Msn>, Option<OrderText>) {
    let text = |field: &Field<Text>| field.get().map(|t| t.0.clone());
    let msn = body
        .merchant_info
        .get()
        .and_then(|m| text(&m.0.merchant_serial_number));
    let order = body.transaction.get().and_then(|t| text(&t.0.order_id));
    (
        msn.as_deref()
            .or(header_msn)
            .and_then(|text| Msn::parse(text.trim())),
        order.as_deref().and_then(OrderText::parse),
    )
}

/// What the merchant's configuration adds to the rules.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Put before 8-digit numbers.
    pub country: CountryCode,
    /// Whether http callback URLs to private and loopback hosts are taken.
    pub allow_http_callbacks: bool,
}

/// A regular initiate that keeps eCom's rules.
#[derive(Clone, Debug)]
pub struct Initiate {
    /// Who is paid.
    pub msn: Msn,
    /// As the merchant wrote it.
    pub order: OrderText,
    /// Minor units, at least 100.
    pub amount: Amount,
    /// At most 100 characters.
    pub text: String,
    /// How the user comes to the app.
    pub user_flow: UserFlow,
    /// https, a custom scheme, or `INTENT`.
    pub fall_back: String,
    /// The customer, where known.
    pub phone: Option<Msisdn>,
    /// User data asked for.
    pub scope: Option<String>,
    /// Airline ticket.
    pub airline: Option<AirlineData>,
    /// Where callbacks go.
    pub callback_prefix: String,
    /// Sent back with callbacks.
    pub auth_token: Option<SecretString>,
    /// What does not come through unchanged.
    pub losses: Vec<Loss>,
}

/// Checks eCom's rules. Everything that is wrong is named in one answer.
///
/// # Errors
/// `InvalidRequest` with each member's name, or User 81 for a phone number.
pub fn check(
    body: &InitiatePayment,
    header_msn: Option<&str>,
    rules: &Rules,
) -> Result<Initiate, Failure> {
    let mut faults = Faults::default();
    let customer = required(&body.customer_info, "customerInfo", &mut faults);
    let merchant = required(&body.merchant_info, "merchantInfo", &mut faults);
    let transaction = required(&body.transaction, "transaction", &mut faults);
    let paid = merchant.map(|merchant| paid_of(merchant, header_msn, rules, &mut faults));
    let ordered = transaction.map(|transaction| ordered_of(transaction, &mut faults));
    let skip = transaction.is_some_and(|t| t.skip_landing_page.get() == Some(&true));
    let phone = customer.map_or(Ok(None), |customer| {
        phone_of(&customer.mobile_number, skip, rules, &mut faults)
    });
    let phone = match phone {
        Err(code) if faults.0.is_empty() => return Err(Failure::code(code)),
        Err(_) => None,
        Ok(phone) => phone,
    };
    let read = (|| {
        let (merchant, transaction) = (merchant?, transaction?);
        let (paid, ordered) = (paid?, ordered?);
        let (user_flow, losses) = flow_of(merchant, transaction, skip);
        Some(Initiate {
            msn: paid.msn?,
            order: ordered.order?,
            amount: ordered.amount?,
            text: ordered.text,
            user_flow,
            fall_back: paid.fall_back?,
            phone,
            scope: ordered.scope,
            airline: ordered.airline,
            callback_prefix: paid.callback_prefix?,
            auth_token: paid.auth_token,
            losses,
        })
    })();
    faults.into_result(read)
}

/// What `merchantInfo` says.
struct Paid {
    msn: Option<Msn>,
    callback_prefix: Option<String>,
    fall_back: Option<String>,
    auth_token: Option<SecretString>,
}

fn paid_of(
    merchant: &MerchantInfo,
    header_msn: Option<&str>,
    rules: &Rules,
    faults: &mut Faults,
) -> Paid {
    let before = faults.0.len();
    let msn = agreed_msn(&merchant.merchant_serial_number, header_msn, faults);
    // The body says who is paid: here the header does not stand in for it.
    if !merchant.merchant_serial_number.is_there() && faults.0.len() == before {
        faults.add("merchantInfo.merchantSerialNumber", "is required");
    }
    let callback_prefix = urls(merchant, rules, faults);
    let fall_back = fall_back_of(&merchant.fall_back, faults);
    let auth_token = limited(
        &merchant.auth_token,
        "merchantInfo.authToken",
        URL_MAX,
        faults,
    );
    faults.wrong(&merchant.is_app, "merchantInfo.isApp", "true or false");
    Paid {
        msn,
        callback_prefix,
        fall_back,
        auth_token: auth_token.filter(|t| !t.is_empty()).map(SecretString::from),
    }
}

/// What `transaction` says.
struct Ordered {
    order: Option<OrderText>,
    amount: Option<Amount>,
    text: String,
    scope: Option<String>,
    airline: Option<AirlineData>,
}

fn ordered_of(transaction: &InitiateTransaction, faults: &mut Faults) -> Ordered {
    let ordered = Ordered {
        order: order_of(&transaction.order_id, faults),
        amount: amount_of(&transaction.amount, faults),
        text: text_of(&transaction.transaction_text, faults),
        scope: limited(&transaction.scope, "transaction.scope", 1000, faults)
            .filter(|s| !s.trim().is_empty()),
        airline: airline_of(&transaction.additional_data, faults),
    };
    faults.wrong(
        &transaction.skip_landing_page,
        "transaction.skipLandingPage",
        "true or false",
    );
    ordered
}

/// The customer's number; required for a push message.
fn phone_of(
    field: &Field<Text>,
    skip: bool,
    rules: &Rules,
    faults: &mut Faults,
) -> Result<Option<Msisdn>, Code> {
    const NAME: &str = "customerInfo.mobileNumber";
    faults.wrong(field, NAME, "a phone number of 8 digits");
    let phone = match field.get() {
        Some(text) => Msisdn::read(&text.0, &rules.country).map_err(|_| Code::User81)?,
        None => None,
    };
    if skip && phone.is_none() && !field.is_wrong() {
        faults.add(NAME, "is required when skipLandingPage is true");
    }
    Ok(phone)
}

fn flow_of(
    merchant: &MerchantInfo,
    transaction: &InitiateTransaction,
    skip: bool,
) -> (UserFlow, Vec<Loss>) {
    let mut losses = dropped(merchant, transaction);
    let user_flow = match (skip, merchant.is_app.get() == Some(&true)) {
        (true, is_app) => {
            losses.extend(is_app.then_some(Loss::IsAppOverruled));
            losses.push(Loss::PushUrlMadeUp);
            UserFlow::PushMessage
        }
        (false, true) => UserFlow::NativeRedirect,
        (false, false) => UserFlow::WebRedirect,
    };
    (user_flow, losses)
}

fn required<'a, T>(field: &'a Field<Object<T>>, name: &str, faults: &mut Faults) -> Option<&'a T> {
    match field {
        Field::Absent | Field::Null => faults.add(name, "is required"),
        Field::Wrong => faults.add(name, "must be an object"),
        Field::Is(Object(value)) => return Some(value),
    }
    None
}

/// `transaction.orderId`, or the one in the path.
fn order_of(field: &Field<Text>, faults: &mut Faults) -> Option<OrderText> {
    let order = field.get().and_then(|text| OrderText::parse(&text.0));
    if order.is_none() {
        faults.add(
            "transaction.orderId",
            "is required: 1 to 50 letters, digits and hyphens",
        );
    }
    order
}

fn amount_of(field: &Field<i64>, faults: &mut Faults) -> Option<Amount> {
    const NAME: &str = "transaction.amount";
    match field {
        Field::Is(value) if *value >= AMOUNT_MIN => return Amount::new(*value),
        Field::Absent | Field::Null => faults.add(NAME, "is required"),
        Field::Is(_) | Field::Wrong => {
            faults.add(NAME, "must be an integer of at least 100 (minor units)")
        }
    }
    None
}

fn airline_of(field: &Field<Object<AdditionalData>>, faults: &mut Faults) -> Option<AirlineData> {
    faults.wrong(field, "transaction.additionalData", "an object");
    let Object(data) = field.get()?;
    let name = |member: &str| format!("transaction.additionalData.{member}");
    let mut part = |value: Option<&str>,
                    wrong: bool,
                    member: &str,
                    (min, max): (usize, usize),
                    needed: bool| {
        let length = value.map(|v| v.chars().count());
        let bad =
            wrong || length.is_some_and(|n| n < min || n > max) || (needed && length.is_none());
        if bad {
            faults.add(
                &name(member),
                &format!("must be text of {min} to {max} characters"),
            );
        }
        value.unwrap_or_default().to_owned()
    };
    fn strict(field: &Field<StrictText>) -> (Option<&str>, bool) {
        (field.get().map(|t| t.0.as_str()), field.is_wrong())
    }
    fn loose(field: &Field<Text>) -> (Option<&str>, bool) {
        (field.get().map(|t| t.0.as_str()), field.is_wrong())
    }
    let (passenger, airline) = (strict(&data.passenger_name), loose(&data.airline_code));
    let (designator, ticket) = (
        strict(&data.airline_designator_code),
        loose(&data.ticket_number),
    );
    let invoice = loose(&data.agency_invoice_number);
    let ticket_number = part(ticket.0, ticket.1, "ticketNumber", (1, 150), false);
    Some(AirlineData {
        passenger_name: part(passenger.0, passenger.1, "passengerName", (1, 49), true),
        airline_code: part(airline.0, airline.1, "airlineCode", (3, 3), true),
        airline_designator_code: part(
            designator.0,
            designator.1,
            "airlineDesignatorCode",
            (2, 2),
            true,
        ),
        agency_invoice_number: part(invoice.0, invoice.1, "agencyInvoiceNumber", (1, 6), true),
        ticket_number: ticket.0.is_some().then_some(ticket_number),
    })
}

fn dropped(merchant: &MerchantInfo, transaction: &InitiateTransaction) -> Vec<Loss> {
    let express = merchant.static_shipping_details.is_there()
        || merchant.shipping_details_prefix.is_there()
        || merchant.consent_removal_prefix.is_there();
    [
        (
            transaction.use_explicit_checkout_flow.is_there(),
            Loss::ExplicitFlowDropped,
        ),
        (transaction.ref_order_id.is_there(), Loss::RefOrderIdDropped),
        (transaction.time_stamp.is_there(), Loss::TimeStampDropped),
        (express, Loss::ExpressMembersDropped),
        (true, Loss::FallbackStatusGone),
    ]
    .into_iter()
    .filter_map(|(there, loss)| there.then_some(loss))
    .collect()
}

impl Initiate {
    /// Why this can't be translated, if it can't.
    #[must_use]
    pub fn untranslatable(&self) -> Option<Untranslatable> {
        Untranslatable::of_order(&self.order)
            .or_else(|| (self.fall_back == "INTENT").then_some(Untranslatable::FallbackIntent))
            .or_else(|| {
                let bare = self
                    .fall_back
                    .split_once(':')
                    .is_some_and(|(_, rest)| rest.trim_matches('/').is_empty());
                bare.then_some(Untranslatable::FallbackBare)
            })
    }
}

/// What a create request takes from the configuration.
#[derive(Clone, Debug)]
pub struct CreateContext {
    /// Of the sales unit.
    pub currency: Currency,
    /// Of the sales unit.
    pub interaction: CustomerInteraction,
    /// The recovery data, where it is on.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// The create request, and what does not come through unchanged.
#[must_use]
pub fn to_create(
    command: &Initiate,
    reference: Reference,
    context: CreateContext,
) -> (CreatePayment, Vec<Loss>) {
    let mut losses = command.losses.clone();
    if reference.as_str() != command.order.as_str() {
        losses.push(Loss::OrderPrefixed);
    }
    let payment_description = description(&command.text, &command.order, &mut losses);
    let create = CreatePayment {
        amount: Money {
            currency: context.currency,
            value: command.amount,
        },
        customer: command.phone.as_ref().map(|phone| Customer {
            phone_number: Some(phone.as_str().to_owned()),
        }),
        customer_interaction: Some(context.interaction),
        industry_data: command
            .airline
            .clone()
            .map(|airline_data| IndustryData { airline_data }),
        metadata: context.metadata,
        payment_description,
        payment_method: PaymentMethod::wallet(),
        profile: command.scope.clone().map(|scope| ProfileRequest { scope }),
        reference,
        return_url: Some(command.fall_back.clone()),
        user_flow: command.user_flow,
    };
    (create, losses)
}

/// `transactionText` to `paymentDescription`: 3 to 100 characters, or none.
fn description(text: &str, order: &OrderText, losses: &mut Vec<Loss>) -> Option<String> {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if clean != text {
        losses.push(Loss::TextCleaned);
    }
    match clean.chars().count() {
        0 => {
            losses.push(Loss::TextLeftOut);
            None
        }
        1 | 2 => {
            losses.push(Loss::TextPadded);
            Some(format!("{clean} {order}"))
        }
        _ => Some(clean),
    }
}

/// The answer: ePayment's URL, or the fallback where a push message has none.
#[must_use]
pub fn to_answer(order: &OrderText, created: &Created, fall_back: &str) -> Initiated {
    Initiated {
        order_id: order.as_str().to_owned(),
        url: created
            .redirect_url
            .clone()
            .unwrap_or_else(|| fall_back.to_owned()),
    }
}

#[cfg(test)]
mod tests;
