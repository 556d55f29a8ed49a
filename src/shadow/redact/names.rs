//! The members that documents have, each with what may be in it.
//!
//! Source: eCom API 2.0.3, ePayment API 1.4.1, and members that real clients send and real answers have. Must not: have
//! a name without a class (what is in none is hidden).

/// What a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A number of minor units, or a count.
    Amount,
    /// True or false, of nothing personal.
    Flag,
    /// One of [`WORDS`].
    Word,
    /// A time of the payment.
    Time,
    /// A number or name of an error.
    Code,
    /// What ePayment calls a refusal.
    Title,
    /// Finds something again; the same wherever it stands.
    Id,
    /// The first digits of a card.
    Card,
    /// A phone number.
    Phone,
    /// An address on the web.
    Address,
    /// An e-mail address.
    Mail,
    /// A name of a person.
    FirstName,
    /// A name of a person.
    LastName,
    /// Words for people, and whatever else is only as long as it is.
    Text,
    /// Members of its own.
    Inside,
    /// Not known: neither name nor value is kept.
    Unknown,
}

const TABLE: &[(Class, &[&str])] = &[
    (
        Class::Amount,
        &[
            "amount",
            "authorizedAmount",
            "cancelledAmount",
            "capturedAmount",
            "priority",
            "refundedAmount",
            "remainingAmountToCapture",
            "remainingAmountToRefund",
            "shippingCost",
            "statusCode",
            "value",
        ],
    ),
    (
        Class::Flag,
        &[
            "isApp",
            "isDefault",
            "operationSuccess",
            "shouldReleaseRemainingFunds",
            "skipLandingPage",
            "success",
            "useExplicitCheckoutFlow",
        ],
    ),
    (
        Class::Word,
        &[
            "currency",
            "customerInteraction",
            "errorGroup",
            "operation",
            "paymentAction",
            "paymentInstrument",
            "paymentType",
            "scope",
            "state",
            "status",
            "type",
            "userFlow",
        ],
    ),
    (
        Class::Time,
        &[
            "captureGuaranteedUntil",
            "expiresAt",
            "timeStamp",
            "timestamp",
        ],
    ),
    (Class::Code, &["errorCode", "name", "reason"]),
    (Class::Title, &["title"]),
    (
        Class::Id,
        &[
            "contextId",
            "idempotencyKey",
            "instance",
            "merchantSerialNumber",
            "msn",
            "orderId",
            "pspReference",
            "refOrderId",
            "reference",
            "requestId",
            "shippingMethodId",
            "sub",
            "traceId",
            "transactionId",
            "userId",
        ],
    ),
    (Class::Card, &["bankIdentificationNumber", "cardBin"]),
    (
        Class::Phone,
        &[
            "customerPhoneNumber",
            "mobileNumber",
            "phoneNumber",
            "phone_number",
        ],
    ),
    (
        Class::Address,
        &[
            "callbackPrefix",
            "consentRemovalPrefix",
            "fallBack",
            "redirectUrl",
            "returnUrl",
            "shippingDetailsPrefix",
            "url",
        ],
    ),
    (Class::Mail, &["email"]),
    (Class::FirstName, &["firstName", "given_name"]),
    (Class::LastName, &["family_name", "lastName"]),
    (
        Class::Text,
        &[
            "addressLine1",
            "addressLine2",
            "agencyInvoiceNumber",
            "airlineCode",
            "airlineDesignatorCode",
            "authToken",
            "bankIdVerified",
            "city",
            "country",
            "dateOfBirth",
            "detail",
            "errorMessage",
            "message",
            "passengerName",
            "paymentDescription",
            "postCode",
            "postalCode",
            "region",
            "shippingMethod",
            "ssn",
            "street",
            "streetAddress",
            "ticketNumber",
            "token",
            "transactionText",
            "zipCode",
        ],
    ),
    (
        Class::Inside,
        &[
            "additionalData",
            "address",
            "aggregate",
            "airlineData",
            "customer",
            "customerInfo",
            "extraDetails",
            "industryData",
            "merchantInfo",
            "metadata",
            "modificationAmount",
            "paymentMethod",
            "profile",
            "shippingDetails",
            "staticShippingDetails",
            "transaction",
            "transactionInfo",
            "transactionLogHistory",
            "transactionSummary",
            "userDetails",
        ],
    ),
];

/// What may stand under a name of [`Class::Word`], in any letter case.
const WORDS: &[&str] = &[
    // eCom's answers
    "Authentication",
    "CANCEL",
    "CAPTURE",
    "Cancelled",
    "Captured",
    "FAILED",
    "INITIATE",
    "InvalidRequest",
    "Merchant",
    "Payment",
    "REFUND",
    "REJECTED",
    "RESERVE",
    "RESERVED",
    "SALE",
    "User",
    "VOID",
    "VippsError",
    // ePayment
    "ABORTED",
    "AUTHORIZED",
    "CREATED",
    "CUSTOMER_NOT_PRESENT",
    "CUSTOMER_PRESENT",
    "EXPIRED",
    "NATIVE_REDIRECT",
    "PUSH_MESSAGE",
    "QR",
    "REFUNDED",
    "TERMINATED",
    "WALLET",
    "CARD",
    "WEB_REDIRECT",
    // Requests
    "eComm Express Payment",
    "eComm Regular Payment",
    // Currencies
    "DKK",
    "EUR",
    "NOK",
    "SEK",
];

/// What a `scope` may hold, separated by blanks.
const SCOPES: &[&str] = &[
    "address",
    "birthDate",
    "email",
    "name",
    "nin",
    "openid",
    "phoneNumber",
];

/// What a member of this name holds.
pub(super) fn class(name: &str) -> Class {
    TABLE
        .iter()
        .find(|(_, names)| names.contains(&name))
        .map_or(Class::Unknown, |(class, _)| *class)
}

/// Whether a document has a member of this name.
pub(super) fn is_known(name: &str) -> bool {
    class(name) != Class::Unknown
}

/// Whether a text is one of the words, or scopes.
pub(super) fn is_word(text: &str) -> bool {
    let among =
        |words: &[&str], text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    among(WORDS, text) || (!text.is_empty() && text.split(' ').all(|part| among(SCOPES, part)))
}

/// Whether a text is an error's number (at most five digits), or the name of a member with those that it lies in.
pub(super) fn is_code(text: &str) -> bool {
    let number = (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let plain = ["ErrorCode", "X-Request-Id", "body"].contains(&text);
    let path = text.trim_start_matches("$.").trim_start_matches('/');
    number || plain || path.split(['.', '/']).all(is_known)
}

/// Every name.
#[cfg(test)]
pub(super) fn all() -> Vec<&'static str> {
    TABLE
        .iter()
        .flat_map(|(_, names)| names.iter().copied())
        .collect()
}
