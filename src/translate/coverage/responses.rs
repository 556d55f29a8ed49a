//! What merchants read: members of the answers' schemas, and where each comes from.
//!
//! Source: eCom API 2.0.3, `components.schemas`; ePayment API 1.4.1 for the members that they come from.

use super::Fate::{Dropped, EcomOnly, Ignored, MadeUp, Mapped, Remembered};
use super::{Fate, Loss, Member, Schema};

/// The schemas of every answer, nested ones by their own name.
pub const RESPONSES: &[Schema] = &[
    ("PaymentInitiationResponse", INITIATED),
    ("TransactionResponse", ADJUSTED),
    ("CancelTransactionResponse", ADJUSTED),
    ("RefundTransactionResponse", REFUNDED),
    ("TransactionInfo", TRANSACTION_INFO),
    ("TransactionInfoCancel", TRANSACTION_INFO),
    ("TransactionSummary", SUMMARY),
    ("TransactionDetails", DETAILS),
    ("TransactionLogHistory", LOG),
    ("UserDetails", USER),
    ("PaymentShippingDetails", SHIPPING),
    ("Address", ADDRESS),
    ("PaymentStatus", STATUS),
    ("OrderStatusInfoTransactionInfo", STATUS_INFO),
    ("Error", ERROR),
];

const ORDER_ID: &[Fate] = &[Remembered("as the merchant wrote it")];
const NO_INSTRUMENT: &[Fate] = &[Ignored("optional, and ePayment does not say it so early")];

const INITIATED: &[Member] = &[
    ("orderId", ORDER_ID),
    (
        "url",
        &[
            Mapped("redirectUrl"),
            MadeUp("the fallBack"),
            Dropped(Loss::PushUrlMadeUp),
        ],
    ),
];

const ADJUSTED: &[Member] = &[
    ("paymentInstrument", NO_INSTRUMENT),
    ("orderId", ORDER_ID),
    ("transactionInfo", &[Mapped("the event of this request")]),
    ("transactionSummary", &[Mapped("aggregate")]),
];

const REFUNDED: &[Member] = &[
    ("orderId", ORDER_ID),
    ("transaction", &[Mapped("the event of this request")]),
    ("transactionSummary", &[Mapped("aggregate")]),
];

const TRANSACTION_INFO: &[Member] = &[
    (
        "amount",
        &[
            Mapped("event amount"),
            MadeUp("the order's, after a cancel"),
        ],
    ),
    (
        "status",
        &[MadeUp("Captured, Cancelled or Refund, by the operation")],
    ),
    (
        "timeStamp",
        &[Mapped("event timestamp"), MadeUp("the bridge's clock")],
    ),
    (
        "transactionId",
        &[Mapped("event pspReference"), Mapped("pspReference")],
    ),
    ("transactionText", &[Remembered("what this request said")]),
];

const SUMMARY: &[Member] = &[
    ("capturedAmount", &[Mapped("aggregate.capturedAmount")]),
    ("refundedAmount", &[Mapped("aggregate.refundedAmount")]),
    (
        "remainingAmountToCapture",
        &[MadeUp("authorized - captured - cancelled")],
    ),
    ("remainingAmountToRefund", &[MadeUp("captured - refunded")]),
    (
        "bankIdentificationNumber",
        &[Mapped("paymentMethod.cardBin")],
    ),
];

const DETAILS: &[Member] = &[
    ("orderId", ORDER_ID),
    ("shippingDetails", &[EcomOnly]),
    ("transactionLogHistory", &[Mapped("events")]),
    ("transactionSummary", &[Mapped("aggregate")]),
    ("userDetails", &[Mapped("userDetails"), Mapped("userinfo")]),
    ("sub", &[Mapped("profile.sub")]),
];

const LOG: &[Member] = &[
    ("amount", &[Mapped("event amount"), Mapped("amount")]),
    ("operation", &[Mapped("event name")]),
    ("operationSuccess", &[Mapped("event success")]),
    (
        "requestId",
        &[Mapped("event idempotencyKey"), Remembered("X-Request-Id")],
    ),
    ("timeStamp", &[Mapped("event timestamp")]),
    ("transactionId", &[Mapped("event pspReference")]),
    ("transactionText", &[Remembered("the text of that request")]),
];

const USER: &[Member] = &[
    (
        "email",
        &[Mapped("userDetails.email"), Mapped("userinfo email")],
    ),
    (
        "firstName",
        &[
            Mapped("userDetails.firstName"),
            Mapped("userinfo given_name"),
        ],
    ),
    (
        "lastName",
        &[
            Mapped("userDetails.lastName"),
            Mapped("userinfo family_name"),
        ],
    ),
    (
        "mobileNumber",
        &[
            Mapped("userDetails.mobileNumber"),
            Mapped("userinfo phone_number"),
        ],
    ),
    ("userId", &[Mapped("profile.sub")]),
];

const SHIPPING: &[Member] = &[
    ("address", &[EcomOnly]),
    ("shippingCost", &[EcomOnly]),
    ("shippingMethod", &[EcomOnly]),
    ("shippingMethodId", &[EcomOnly]),
];

const ADDRESS: &[Member] = &[
    ("addressLine1", &[EcomOnly]),
    ("addressLine2", &[EcomOnly]),
    ("city", &[EcomOnly]),
    ("country", &[EcomOnly]),
    ("postCode", &[EcomOnly]),
];

const STATUS: &[Member] = &[
    ("orderId", ORDER_ID),
    ("transactionInfo", &[Mapped("the last event")]),
];

const STATUS_INFO: &[Member] = &[
    ("amount", &[Mapped("event amount")]),
    ("status", &[Mapped("event name")]),
    ("timeStamp", &[Mapped("event timestamp")]),
    ("transactionId", &[Mapped("event pspReference")]),
];

const ERROR: &[Member] = &[
    ("errorGroup", &[MadeUp("the group of the code")]),
    (
        "errorCode",
        &[Mapped("extraDetails ErrorCode"), Mapped("title")],
    ),
    ("errorMessage", &[Mapped("title"), Mapped("detail")]),
    (
        "contextId",
        &[
            Mapped("traceId"),
            Mapped("instance"),
            MadeUp("the bridge's own"),
        ],
    ),
];
