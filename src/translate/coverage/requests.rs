//! What merchants send: members of the request schemas, headers, and members that no document names.
//!
//! Source: eCom API 2.0.3, `components.schemas` and `components.parameters`.

use super::Fate::{Dropped, EcomOnly, Ignored, MadeUp, Mapped, Refused, Remembered};
use super::{Loss, Member, Schema, Untranslatable};

/// The schemas of every request body, nested ones by their own name.
pub const REQUESTS: &[Schema] = &[
    ("InitiatePaymentCommand", INITIATE),
    ("MerchantInfo", MERCHANT_INFO),
    ("TransactionInfoInitiate", TRANSACTION_INITIATE),
    ("AdditionalTransactionData", ADDITIONAL_DATA),
    ("CustomerInfo", CUSTOMER_INFO),
    ("ShippingDetails", SHIPPING_DETAILS),
    ("PaymentActionsRequest", ACTIONS),
    ("Transaction", TRANSACTION),
    ("MerchantInfoPayment", MERCHANT_INFO_PAYMENT),
    ("CancelPaymentActionRequest", CANCEL),
    ("CancelTransaction", CANCEL_TRANSACTION),
    ("ForceApproveRequest", FORCE_APPROVE),
];

const INITIATE: &[Member] = &[
    ("customerInfo", &[Mapped("customer")]),
    (
        "merchantInfo",
        &[Mapped("header Merchant-Serial-Number"), Mapped("returnUrl")],
    ),
    (
        "transaction",
        &[
            Mapped("amount"),
            Mapped("reference"),
            Mapped("paymentDescription"),
        ],
    ),
];

const MERCHANT_INFO: &[Member] = &[
    (
        "authToken",
        &[Remembered("callbacks"), Dropped(Loss::RecoveryDataTooLong)],
    ),
    (
        "callbackPrefix",
        &[Remembered("callbacks"), Dropped(Loss::RecoveryDataTooLong)],
    ),
    (
        "consentRemovalPrefix",
        &[Dropped(Loss::ExpressMembersDropped), EcomOnly],
    ),
    (
        "fallBack",
        &[
            Mapped("returnUrl"),
            Refused(Untranslatable::FallbackIntent),
            Refused(Untranslatable::FallbackBare),
            Dropped(Loss::FallbackStatusGone),
        ],
    ),
    (
        "isApp",
        &[Mapped("userFlow"), Dropped(Loss::IsAppOverruled)],
    ),
    (
        "merchantSerialNumber",
        &[Mapped("header Merchant-Serial-Number")],
    ),
    (
        "paymentType",
        &[
            MadeUp("the route: regular or Express"),
            Refused(Untranslatable::PaymentType),
        ],
    ),
    (
        "shippingDetailsPrefix",
        &[Dropped(Loss::ExpressMembersDropped), EcomOnly],
    ),
    (
        "staticShippingDetails",
        &[Dropped(Loss::ExpressMembersDropped), EcomOnly],
    ),
];

const TRANSACTION_INITIATE: &[Member] = &[
    ("amount", &[Mapped("amount.value")]),
    (
        "orderId",
        &[
            Mapped("reference"),
            Dropped(Loss::OrderPrefixed),
            Refused(Untranslatable::OrderCharacters),
            Refused(Untranslatable::OrderCollides),
        ],
    ),
    (
        "transactionText",
        &[
            Mapped("paymentDescription"),
            Remembered("transactionText in details"),
            Dropped(Loss::TextCleaned),
            Dropped(Loss::TextPadded),
            Dropped(Loss::TextLeftOut),
        ],
    ),
    ("skipLandingPage", &[Mapped("userFlow")]),
    (
        "scope",
        &[
            Mapped("profile.scope"),
            Remembered("which userDetails are shown"),
        ],
    ),
    ("additionalData", &[Mapped("industryData.airlineData")]),
    (
        "useExplicitCheckoutFlow",
        &[Dropped(Loss::ExplicitFlowDropped), EcomOnly],
    ),
];

const ADDITIONAL_DATA: &[Member] = &[
    (
        "passengerName",
        &[Mapped("industryData.airlineData.passengerName")],
    ),
    (
        "airlineCode",
        &[Mapped("industryData.airlineData.airlineCode")],
    ),
    (
        "airlineDesignatorCode",
        &[Mapped("industryData.airlineData.airlineDesignatorCode")],
    ),
    (
        "ticketNumber",
        &[Mapped("industryData.airlineData.ticketNumber")],
    ),
    (
        "agencyInvoiceNumber",
        &[Mapped("industryData.airlineData.agencyInvoiceNumber")],
    ),
];

const CUSTOMER_INFO: &[Member] = &[("mobileNumber", &[Mapped("customer.phoneNumber")])];

const SHIPPING_DETAILS: &[Member] = &[
    ("isDefault", &[EcomOnly]),
    ("priority", &[EcomOnly]),
    ("shippingCost", &[EcomOnly]),
    ("shippingMethod", &[EcomOnly]),
    ("shippingMethodId", &[EcomOnly]),
];

const ACTIONS: &[Member] = &[
    ("merchantInfo", &[Mapped("header Merchant-Serial-Number")]),
    ("transaction", &[Mapped("modificationAmount")]),
];

const TRANSACTION: &[Member] = &[
    (
        "amount",
        &[
            Mapped("modificationAmount.value"),
            MadeUp("all that remains, where absent or 0"),
        ],
    ),
    ("transactionText", KEPT_TEXT),
];

const KEPT_TEXT: &[super::Fate] = &[
    Remembered("the answer, and transactionText in details"),
    Dropped(Loss::AdjustTextKeptHere),
];

const MERCHANT_INFO_PAYMENT: &[Member] = &[(
    "merchantSerialNumber",
    &[Mapped("header Merchant-Serial-Number")],
)];

const CANCEL: &[Member] = &[
    ("merchantInfo", &[Mapped("header Merchant-Serial-Number")]),
    ("transaction", &[Remembered("its text")]),
    (
        "shouldReleaseRemainingFunds",
        &[MadeUp("whether a cancel after a capture is sent at all")],
    ),
];

const CANCEL_TRANSACTION: &[Member] = &[("transactionText", KEPT_TEXT)];

const FORCE_APPROVE: &[Member] = &[
    ("customerPhoneNumber", &[Mapped("customer.phoneNumber")]),
    ("token", &[Mapped("token")]),
];

/// The request headers of eCom.
pub const HEADERS: &[Member] = &[
    ("Authorization", &[Mapped("header Authorization")]),
    (
        "Ocp-Apim-Subscription-Key",
        &[Mapped("header Ocp-Apim-Subscription-Key")],
    ),
    (
        "Merchant-Serial-Number",
        &[Mapped("header Merchant-Serial-Number")],
    ),
    ("Vipps-System-Name", &[Mapped("header Vipps-System-Name")]),
    (
        "Vipps-System-Version",
        &[Mapped("header Vipps-System-Version")],
    ),
    (
        "Vipps-System-Plugin-Name",
        &[Mapped("header Vipps-System-Plugin-Name")],
    ),
    (
        "Vipps-System-Plugin-Version",
        &[Mapped("header Vipps-System-Plugin-Version")],
    ),
    (
        "Content-Type",
        &[MadeUp("every request to ePayment is JSON")],
    ),
    (
        "X-Request-Id",
        &[
            Mapped("header Idempotency-Key"),
            Remembered("requestId in details"),
            Dropped(Loss::RequestIdHashed),
        ],
    ),
];

/// Members that real clients send and no schema names.
pub const UNDOCUMENTED: &[Member] = &[
    (
        "transaction.refOrderId",
        &[Dropped(Loss::RefOrderIdDropped)],
    ),
    ("transaction.timeStamp", &[Dropped(Loss::TimeStampDropped)]),
    (
        "transaction.amount of a cancel",
        &[Ignored("a cancel has no amount")],
    ),
    ("any other", &[Dropped(Loss::UnknownMemberDropped)]),
];
