//! Every personal or secret field that a client sends, an answer has or the record keeps, with something to be found in it.

use http::header::CONTENT_TYPE;

use super::*;
use crate::ecom::route::Operation;
use crate::payments::Look;
use crate::shadow::record::testing::{call, known};
use crate::translate::testing::keyed;
use crate::types::{CallerHash, Moment, OrderText, Origin, Reference, RequestId, Scope};

/// What must not be in the file, in any letter case.
const CANARIES: [&str; 13] = [
    "91234567",
    "4791234567",
    "kanari",
    "canary-key",
    "canary-token",
    "canary-secret",
    "storgata",
    "nordmann",
    "karianne",
    "1980-01-31",
    "31018012345",
    "canary-sub",
    "2345678",
];

fn request() -> serde_json::Value {
    json!({
        "customerInfo": {"mobileNumber": "+47 91234567", "kanari": "Karianne Nordmann"},
        "merchantInfo": {
            "merchantSerialNumber": "2345678", "callbackPrefix": "https://kanari.no/cb?tk=canary-token",
            "consentRemovalPrefix": "https://kanari.no/consent", "shippingDetailsPrefix": "https://kanari.no/ship",
            "fallBack": "https://kanari.no/thanks?key=canary-key", "authToken": "Basic canary-token", "isApp": false,
            "paymentType": "eComm Regular Payment",
            "staticShippingDetails": [{"shippingMethod": "Karianne's bike", "shippingMethodId": "kanari-1"}]
        },
        "transaction": {
            "amount": 20_000, "orderId": "karianne-91234567", "transactionText": "To Karianne Nordmann, Storgata 17",
            "refOrderId": "kanari-2", "timeStamp": "1980-01-31", "scope": "name kanari",
            "additionalData": {
                "passengerName": "Karianne Nordmann", "airlineCode": "815", "airlineDesignatorCode": "KN",
                "ticketNumber": "kanari-3", "agencyInvoiceNumber": "kanari"
            },
            "unheard": {"karianne@kanari.no": ["Storgata 17", 91_234_567]}
        }
    })
}

fn answer() -> serde_json::Value {
    json!({
        "orderId": "karianne-91234567",
        "url": "https://landing.no/?token=canary-token",
        "userDetails": {
            "firstName": "Karianne", "lastName": "Nordmann", "email": "karianne@kanari.no", "mobileNumber": "91234567",
            "userId": "canary-sub", "dateOfBirth": "1980-01-31", "ssn": "31018012345", "bankIdVerified": "kanari"
        },
        "shippingDetails": {
            "address": {"addressLine1": "Storgata 17", "city": "Kanari", "postCode": "kanari", "country": "Karianne"},
            "shippingMethod": "Karianne's bike", "shippingCost": 10.5
        },
        "sub": "canary-sub",
        "transactionLogHistory": [{
            "amount": 20_000, "operation": "RESERVE", "operationSuccess": true, "requestId": "kanari-91234567",
            "timeStamp": "2026-03-01T10:00:00.000Z", "transactionId": "4791234567", "transactionText": "Karianne Nordmann"
        }]
    })
}

fn look() -> Look {
    let mut payment = payment(State::Authorized, [20_000, 0, 0, 0]);
    payment.reference = Reference::parse("karianne-91234567").expect("a reference");
    payment.psp_reference = "kanari-psp".to_owned();
    payment.redirect_url = Some("https://landing.no/?token=canary-token".to_owned());
    payment.profile.sub = Some("canary-sub".to_owned());
    payment.payment_method.card_bin = Some("kanari".to_owned());
    payment.metadata = Some([("kanari".to_owned(), "Karianne Nordmann".to_owned())].into());
    payment.user_details = Some(user("91234567"));
    let mut event = keyed(
        event(EventName::Captured, 100, "10:00:00", "4791234567"),
        "canary-key",
    );
    event.reference = payment.reference.clone();
    Look {
        payment,
        events: vec![event],
    }
}

fn user(number: &str) -> UserDetails {
    UserDetails {
        first_name: Some("Karianne".to_owned()),
        last_name: Some("Nordmann".to_owned()),
        email: Some("karianne@kanari.no".to_owned()),
        mobile_number: Some(number.to_owned()),
    }
}

fn with_everything(operation: Operation) -> Case {
    let mut case = Case::new(operation, "karianne-91234567", &request());
    for (name, value) in [
        ("authorization", "Bearer canary-token"),
        ("ocp-apim-subscription-key", "canary-key"),
        ("client_id", "canary-key"),
        ("client_secret", "canary-secret"),
        ("cookie", "kanari=canary-secret"),
        ("user-agent", "kanari"),
        ("vipps-system-name", "kanari"),
        ("merchant-serial-number", "2345678"),
        ("x-request-id", "kanari-91234567"),
        ("idempotency-key", "canary-key"),
        ("content-type", "application/json; kanari=1"),
    ] {
        case = case.header(name, value);
    }
    case = case.answered(200, &answer());
    let header = HeaderValue::from_static("application/json; kanari=1");
    case.answer_headers.insert(CONTENT_TYPE, header);
    let header = HeaderValue::from_static("kanari");
    case.answer_headers.insert("set-cookie", header);
    case.answer_headers
        .insert("retry-after", HeaderValue::from_static("kanari"));
    case.unit.scope = Scope::parse("2345678").expect("an MSN");
    let mut known = known("karianne-91234567", Origin::Epayment, Some("name kanari"));
    if let Some(payment) = &mut known.payment {
        payment.scope = case.unit.scope.clone();
        payment.order = OrderText::parse("karianne-91234567").expect("an order id");
        payment.facts.text = Some("To Karianne Nordmann".to_owned());
        payment.facts.fall_back = Some("https://kanari.no".to_owned());
        payment.facts.request_id = RequestId::parse("kanari-91234567");
        payment.created_at = Moment::default();
    }
    case.known = Some(known);
    case.calls = vec![call(
        MoneyOp::Capture,
        "kanari-91234567",
        "Karianne Nordmann, Storgata 17",
    )];
    if matches!(operation, Operation::Details | Operation::Status) {
        case.look = Some(look());
        case.user = Some(user("4791234567"));
    }
    case
}

#[tokio::test]
async fn nothing_personal_or_secret_is_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cases: Vec<Case> = Operation::ALL.into_iter().map(with_everything).collect();
    let mut failed = with_everything(Operation::Capture).answered(
        400,
        &json!([{
            "errorGroup": "Payment", "errorCode": "kanari", "errorMessage": "Karianne Nordmann has nothing",
            "contextId": "kanari-91234567"
        }]),
    );
    failed.unit.scope = Scope::Caller(CallerHash::from_bytes(&[8; 16]).expect("a hash"));
    cases.push(failed);
    let (text, figures) = recorded(&dir.path().join("calls"), &cases).await;
    assert_eq!(figures.written, cases.len() as u64);
    let all = [text, format!("{figures:?}")].concat().to_lowercase();
    for canary in CANARIES {
        assert!(!all.contains(canary), "{canary} is in the file");
    }
    // The canaries are in what was recorded.
    for case in &cases {
        let plain = serde_json::to_string(&case.taken().plain())
            .expect("JSON")
            .to_lowercase();
        assert!(
            ["91234567", "nordmann", "kanari"]
                .iter()
                .all(|canary| plain.contains(canary))
        );
    }
}
