//! The table of field rules: each member and header of an eCom request, where it must come to in ePayment's, and how.
//!
//! Data, one line per field, from eCom API 2.0.3 and its guide, ePayment API 1.4.1, and what `docs/limitations.md`
//! promises; not from the translation, which it is held against. A member without a line is one that eCom does not know:
//! it is dropped, and told. Must not: call the translation.

use crate::ecom::route::Operation;
use crate::translate::loss::Loss;

use self::How::{
    Bearer, Description, Dropped, EmptyDropped, Exactly, Flow, Guard, Kept, Minor, MinorOrRest,
    Own, Path, Phone, Reference, Remembered, ReturnUrl, Same, SystemName, Text, TextUnlessBlank,
    TextUnlessEmpty, Unit,
};
use super::place::{METHOD, ORDER, PATH};

/// How a field comes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The same text; a number by its digits.
    Text,
    /// The same text; a blank one is left out.
    TextUnlessBlank,
    /// The same text; an empty one is left out.
    TextUnlessEmpty,
    /// The same minor units, a whole number.
    Minor,
    /// The same minor units; absent or 0 is all that remains, which only the payment can say.
    MinorOrRest,
    /// Digits with the country code; none where it is empty or 0.
    Phone,
    /// The same; with `ecom-id-` before it where it is shorter than 8.
    Reference,
    /// One line of 3 to 100 characters: a shorter one gets the order id, an empty one is left out.
    Description,
    /// The same text. The `status` that eCom adds to it does not come back.
    ReturnUrl,
    /// `PUSH_MESSAGE` for skipLandingPage, else `NATIVE_REDIRECT` for isApp, else `WEB_REDIRECT`.
    Flow,
    /// The sales unit: of the body, else of the header, else the one that was found out.
    Unit,
    /// Not sent: its work is done when the call is read.
    Kept,
    /// Not sent: the bridge remembers it. What does not fit into metadata is told as lost.
    Remembered,
    /// Lost, and told.
    Dropped(Loss),
    /// Lost, and told; an empty text says nothing and is not.
    EmptyDropped(Loss),
    /// Without it a cancel is sent only if nothing was captured.
    Guard,
    /// A header as it came.
    Same,
    /// A header as it came; where neither name nor version of its pair came, the bridge's own.
    SystemName,
    /// A token with the scheme Bearer.
    Bearer,
    /// A key made of the X-Request-Id, or of the bridge's own.
    Key,
    /// Always this.
    Exactly(&'static str),
    /// The path, with the reference for `{}`.
    Path(&'static str),
    /// From the configuration.
    Own(Setting),
}

/// What eCom's request does not say and the bridge is configured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// `currency`
    Currency,
    /// `customer_interaction`
    Interaction,
    /// `store.recovery_metadata`
    Metadata,
}

/// From where, to where (empty: nowhere), how.
pub(super) type Line = (&'static str, &'static str, How);

/// The lines of an operation.
pub(super) fn lines(operation: Operation) -> impl Iterator<Item = &'static Line> {
    let (credentials, own): (&[&[Line]], &[Line]) = match operation {
        Operation::Initiate => (&[CREDENTIALS, KEYED, WRITTEN], INITIATE),
        Operation::Capture => (&[CREDENTIALS, KEYED, WRITTEN, ADJUST], CAPTURE),
        Operation::Refund => (&[CREDENTIALS, KEYED, WRITTEN, ADJUST], REFUND),
        Operation::Cancel => (&[CREDENTIALS, KEYED], CANCEL),
        Operation::Details | Operation::Status => (&[CREDENTIALS], READ),
        Operation::Approve => (&[CREDENTIALS, WRITTEN], APPROVE),
    };
    credentials.iter().copied().flatten().chain(own)
}

const NOWHERE: &str = "";
const MSN: &str = "(header merchant-serial-number)";

/// `components.parameters` of both specifications. A header that did not come is not missed.
const CREDENTIALS: &[Line] = &[
    ("(header authorization)", "(header authorization)", Bearer),
    (
        "(header ocp-apim-subscription-key)",
        "(header ocp-apim-subscription-key)",
        Same,
    ),
    (
        "(header vipps-system-name)",
        "(header vipps-system-name)",
        SystemName,
    ),
    (
        "(header vipps-system-version)",
        "(header vipps-system-version)",
        SystemName,
    ),
    (
        "(header vipps-system-plugin-name)",
        "(header vipps-system-plugin-name)",
        SystemName,
    ),
    (
        "(header vipps-system-plugin-version)",
        "(header vipps-system-plugin-version)",
        SystemName,
    ),
];

/// Of a call that creates or moves money.
const KEYED: &[Line] = &[(
    "(header x-request-id)",
    "(header idempotency-key)",
    How::Key,
)];

/// Of a call with a body.
const WRITTEN: &[Line] = &[(
    "(header content-type)",
    "(header content-type)",
    Exactly("application/json"),
)];

/// `InitiatePaymentCommand` to `CreatePaymentRequest`.
const INITIATE: &[Line] = &[
    (METHOD, METHOD, Exactly("POST")),
    (PATH, PATH, Path("/epayment/v1/payments")),
    ("/customerInfo/mobileNumber", "/customer/phoneNumber", Phone),
    ("/merchantInfo/merchantSerialNumber", MSN, Unit),
    ("/merchantInfo/callbackPrefix", NOWHERE, Remembered),
    ("/merchantInfo/authToken", NOWHERE, Remembered),
    ("/merchantInfo/fallBack", "/returnUrl", ReturnUrl),
    ("/merchantInfo/isApp", "/userFlow", Flow),
    ("/merchantInfo/paymentType", NOWHERE, Kept),
    (
        "/merchantInfo/consentRemovalPrefix",
        NOWHERE,
        Dropped(Loss::ExpressMembersDropped),
    ),
    (
        "/merchantInfo/shippingDetailsPrefix",
        NOWHERE,
        Dropped(Loss::ExpressMembersDropped),
    ),
    (
        "/merchantInfo/staticShippingDetails",
        NOWHERE,
        Dropped(Loss::ExpressMembersDropped),
    ),
    ("/transaction/amount", "/amount/value", Minor),
    ("/transaction/orderId", "/reference", Reference),
    (
        "/transaction/transactionText",
        "/paymentDescription",
        Description,
    ),
    ("/transaction/skipLandingPage", "/userFlow", Flow),
    ("/transaction/scope", "/profile/scope", TextUnlessBlank),
    (
        "/transaction/additionalData/passengerName",
        "/industryData/airlineData/passengerName",
        Text,
    ),
    (
        "/transaction/additionalData/airlineCode",
        "/industryData/airlineData/airlineCode",
        Text,
    ),
    (
        "/transaction/additionalData/airlineDesignatorCode",
        "/industryData/airlineData/airlineDesignatorCode",
        Text,
    ),
    (
        "/transaction/additionalData/ticketNumber",
        "/industryData/airlineData/ticketNumber",
        Text,
    ),
    (
        "/transaction/additionalData/agencyInvoiceNumber",
        "/industryData/airlineData/agencyInvoiceNumber",
        Text,
    ),
    (
        "/transaction/useExplicitCheckoutFlow",
        NOWHERE,
        Dropped(Loss::ExplicitFlowDropped),
    ),
    (
        "/transaction/refOrderId",
        NOWHERE,
        Dropped(Loss::RefOrderIdDropped),
    ),
    (
        "/transaction/timeStamp",
        NOWHERE,
        Dropped(Loss::TimeStampDropped),
    ),
    ("", "/amount/currency", Own(Setting::Currency)),
    ("", "/paymentMethod/type", Exactly("WALLET")),
    ("", "/customerInteraction", Own(Setting::Interaction)),
    ("", "/metadata", Own(Setting::Metadata)),
];

/// `PaymentActionsRequest` to `CaptureModificationRequest` and `RefundModificationRequest`.
const ADJUST: &[Line] = &[
    (METHOD, METHOD, Exactly("POST")),
    ("/merchantInfo/merchantSerialNumber", MSN, Unit),
    (
        "/transaction/amount",
        "/modificationAmount/value",
        MinorOrRest,
    ),
    (
        "/transaction/transactionText",
        NOWHERE,
        EmptyDropped(Loss::AdjustTextKeptHere),
    ),
    // A member of cancel; some clients send it with every change.
    ("/shouldReleaseRemainingFunds", NOWHERE, Kept),
    ("", "/modificationAmount/currency", Own(Setting::Currency)),
];

const CAPTURE: &[Line] = &[(ORDER, PATH, Path("/epayment/v1/payments/{}/capture"))];

const REFUND: &[Line] = &[(ORDER, PATH, Path("/epayment/v1/payments/{}/refund"))];

/// `CancelPaymentActionRequest`; ePayment's cancel has no body.
const CANCEL: &[Line] = &[
    (METHOD, METHOD, Exactly("POST")),
    (ORDER, PATH, Path("/epayment/v1/payments/{}/cancel")),
    ("/merchantInfo/merchantSerialNumber", MSN, Unit),
    // A cancel is of the whole, whatever amount some clients send.
    ("/transaction/amount", NOWHERE, Kept),
    (
        "/transaction/transactionText",
        NOWHERE,
        EmptyDropped(Loss::AdjustTextKeptHere),
    ),
    ("/shouldReleaseRemainingFunds", NOWHERE, Guard),
];

const READ: &[Line] = &[
    (METHOD, METHOD, Exactly("GET")),
    (ORDER, PATH, Path("/epayment/v1/payments/{}")),
    (MSN, MSN, Unit),
];

/// `ForceApproveRequest` to `ForceApprove`; the test environment only.
const APPROVE: &[Line] = &[
    (METHOD, METHOD, Exactly("POST")),
    (ORDER, PATH, Path("/epayment/v1/test/payments/{}/approve")),
    (MSN, MSN, Unit),
    ("/customerPhoneNumber", "/customer/phoneNumber", Phone),
    ("/token", "/token", TextUnlessEmpty),
];
