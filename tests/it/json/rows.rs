//! What stands in a regular body in the place of something else, and what comes of it.

use super::Read::{self, AsItCame, Refused, Regular};

/// What it is about; the text of a regular body, and what stands in its place; what comes of it.
pub(super) type Row = (&'static str, &'static str, &'static str, Read);

pub(super) const BODY: Read = Refused(400, "body");
const AMOUNT: Read = Refused(400, "transaction.amount");
const PAYMENT_TYPE: Read = Refused(400, "merchantInfo.paymentType");
const TEXT: Read = Refused(400, "transaction.transactionText");

const AT_AMOUNT: &str = r#""amount":20000"#;
const AT_TYPE: &str = r#""paymentType":"eComm Regular Payment""#;
const AT_TEXT: &str = r#""transactionText":"Order"#;
const AT_START: &str = r#"{"customerInfo""#;

macro_rules! rows {
    ($($name:literal, $at:expr, $with:literal, $read:expr;)*) => { &[$(($name, $at, $with, $read),)*] };
}

pub(super) const ROWS: &[Row] = rows! {
    "as it is", "", "", Regular(20_000);
    // Amounts.
    "whole, as a float", AT_AMOUNT, r#""amount":20000.0"#, Regular(20_000);
    "whole, with an exponent", AT_AMOUNT, r#""amount":2e4"#, Regular(20_000);
    "whole, with a fraction and an exponent", AT_AMOUNT, r#""amount":2.0000E+4"#, Regular(20_000);
    "a fraction below what any number can hold", AT_AMOUNT, r#""amount":20000.00000000000000001"#, Regular(20_000);
    "a fraction", AT_AMOUNT, r#""amount":20000.5"#, AMOUNT;
    "nearly whole", AT_AMOUNT, r#""amount":19999.999999999996"#, AMOUNT;
    "text", AT_AMOUNT, r#""amount":"20000""#, AMOUNT;
    "true", AT_AMOUNT, r#""amount":true"#, AMOUNT;
    "a list", AT_AMOUNT, r#""amount":[20000]"#, AMOUNT;
    "an object", AT_AMOUNT, r#""amount":{"value":20000}"#, AMOUNT;
    "null", AT_AMOUNT, r#""amount":null"#, AMOUNT;
    "negative", AT_AMOUNT, r#""amount":-20000"#, AMOUNT;
    "too small", AT_AMOUNT, r#""amount":99"#, AMOUNT;
    "zero", AT_AMOUNT, r#""amount":0"#, AMOUNT;
    "2^53 and one, as a float", AT_AMOUNT, r#""amount":9007199254740993.0"#, AMOUNT;
    "2^63", AT_AMOUNT, r#""amount":9223372036854775808"#, AMOUNT;
    "2^64 and 20000", AT_AMOUNT, r#""amount":18446744073709571616"#, AMOUNT;
    "40 digits", AT_AMOUNT, r#""amount":1234567890123456789012345678901234567890"#, AMOUNT;
    "1e300", AT_AMOUNT, r#""amount":1e300"#, AMOUNT;
    "1e400", AT_AMOUNT, r#""amount":1e400"#, AMOUNT;
    "1e-400", AT_AMOUNT, r#""amount":1e-400"#, BODY;
    "NaN", AT_AMOUNT, r#""amount":NaN"#, AMOUNT;
    "Infinity", AT_AMOUNT, r#""amount":Infinity"#, AMOUNT;
    "-Infinity", AT_AMOUNT, r#""amount":-Infinity"#, AMOUNT;
    "zeros before", AT_AMOUNT, r#""amount":020000"#, AMOUNT;
    "plus", AT_AMOUNT, r#""amount":+20000"#, AMOUNT;
    "hexadecimal", AT_AMOUNT, r#""amount":0x4e20"#, Refused(400, "transaction");
    "an underscore", AT_AMOUNT, r#""amount":20_000"#, Refused(400, "transaction");
    "a point and nothing", AT_AMOUNT, r#""amount":20000."#, AMOUNT;
    "digits of another script", AT_AMOUNT, "\"amount\":\u{ff12}0000", AMOUNT;
    "named twice, the same", AT_AMOUNT, r#""amount":20000,"amount":20000"#, AMOUNT;
    "named twice", AT_AMOUNT, r#""amount":20000,"amount":100"#, AMOUNT;
    "named twice, once in an escape", AT_AMOUNT, r#""amount":20000,"\u0061mount":100"#, AMOUNT;
    "named in capitals", AT_AMOUNT, r#""AMOUNT":20000"#, Regular(20_000);
    "named twice, once in capitals", AT_AMOUNT, r#""amount":20000,"Amount":100"#, AMOUNT;
    "a name with a blank behind is another", AT_AMOUNT, r#""amount":20000,"amount ":100"#, Regular(20_000);
    "a name with NUL behind is another", AT_AMOUNT, r#""amount":20000,"amount\u0000":100"#, Regular(20_000);
    "a name of other letters is another", AT_AMOUNT, "\"amount\":20000,\"\u{430}mount\":100", Regular(20_000);
    // Regular or Express.
    "Express", AT_TYPE, r#""paymentType":"eComm Express Payment""#, AsItCame;
    "Express in an escape", AT_TYPE, r#""paymentType":"eComm E\u0078press Payment""#, AsItCame;
    "Express, its name in an escape", AT_TYPE, r#""payment\u0054ype":"eComm Express Payment""#, AsItCame;
    "Express, its name in small letters", AT_TYPE, r#""paymenttype":"eComm Express Payment""#, AsItCame;
    "Express, its name in capitals", AT_TYPE, r#""PAYMENTTYPE":"ECOMM EXPRESS PAYMENT""#, AsItCame;
    "Express, blanks around", AT_TYPE, r#""paymentType":"\u00a0\n eComm Express Payment\u2003""#, AsItCame;
    "perhaps Express: NUL behind", AT_TYPE, r#""paymentType":"eComm Express Payment\u0000""#, AsItCame;
    "perhaps Express: another blank", AT_TYPE, r#""paymentType":"eComm\u00a0Express Payment""#, AsItCame;
    "perhaps Express: other letters", AT_TYPE, r#""paymentType":"eComm Expre\u017f\u017f Payment""#, AsItCame;
    "perhaps Express: a list", AT_TYPE, r#""paymentType":["eComm Express Payment"]"#, AsItCame;
    "perhaps Express: an object", AT_TYPE, r#""paymentType":{"eComm Express Payment":1}"#, AsItCame;
    "perhaps Express: a number", AT_TYPE, r#""paymentType":1"#, AsItCame;
    "perhaps Express: a flag", AT_TYPE, r#""paymentType":true"#, AsItCame;
    "null is regular", AT_TYPE, r#""paymentType":null"#, Regular(20_000);
    "nothing is regular", AT_TYPE, r#""paymentType":" ""#, Regular(20_000);
    "regular, then Express", AT_TYPE, r#""paymentType":"eComm Regular Payment","paymentType":"eComm Express Payment""#, PAYMENT_TYPE;
    "Express, then regular", AT_TYPE, r#""paymentType":"eComm Express Payment","paymentType":"eComm Regular Payment""#, PAYMENT_TYPE;
    "regular, then Express in capitals", AT_TYPE, r#""paymentType":"eComm Regular Payment","PaymentType":"eComm Express Payment""#, PAYMENT_TYPE;
    "null, then Express in an escape", AT_TYPE, r#""paymentType":null,"p\u0061ymentType":"eComm Express Payment""#, PAYMENT_TYPE;
    "merchantInfo twice", AT_START, r#"{"merchantInfo":{"paymentType":"eComm Express Payment"},"customerInfo""#, Refused(400, "merchantInfo");
    "merchantInfo twice, once in capitals", AT_START, r#"{"MerchantInfo":{"paymentType":"eComm Express Payment"},"customerInfo""#, Refused(400, "merchantInfo");
    "Express in another place is none", AT_START, r#"{"paymentType":"eComm Express Payment","customerInfo""#, Regular(20_000);
    // Texts.
    "NUL in a text", AT_TEXT, r#""transactionText":"a\u0000 Order"#, Regular(20_000);
    "a raw NUL", AT_TEXT, "\"transactionText\":\"a\0 Order", TEXT;
    "a raw line end", AT_TEXT, "\"transactionText\":\"a\n Order", TEXT;
    "an escape that is none", AT_TEXT, r#""transactionText":"\x41 Order"#, TEXT;
    "a pair of surrogates", AT_TEXT, r#""transactionText":"\ud83d\ude00 Order"#, Regular(20_000);
    "half a pair", AT_TEXT, r#""transactionText":"\ud83d Order"#, TEXT;
    "the other half", AT_TEXT, r#""transactionText":"\ude00 Order"#, TEXT;
    "a pair in the wrong order", AT_TEXT, r#""transactionText":"\ude00\ud83d Order"#, TEXT;
    // Unknown members (E7): ignored, whatever stands in them.
    "an unknown member", AT_START, r#"{"x":{"y":[1,{"z":null}]},"customerInfo""#, Regular(20_000);
    "an unknown member twice", AT_START, r#"{"x":1,"x":2,"customerInfo""#, Regular(20_000);
    "__proto__", AT_START, r#"{"__proto__":{"amount":1},"constructor":1,"customerInfo""#, Regular(20_000);
    "NaN in an unknown member", AT_START, r#"{"x":NaN,"customerInfo""#, Refused(400, "x");
    // What is no JSON.
    "a comment", AT_START, r#"{/* */"customerInfo""#, BODY;
    "single quotes", AT_START, r#"{'x':1,"customerInfo""#, BODY;
    "a name without quotes", AT_START, r#"{x:1,"customerInfo""#, BODY;
    "an empty place", AT_START, r#"{,"customerInfo""#, BODY;
    "a byte order mark", AT_START, "\u{feff}{\"customerInfo\"", BODY;
    "another blank", AT_START, "\u{a0}{\"customerInfo\"", BODY;
    "a list around it", AT_START, r#"[{"customerInfo""#, BODY;
    "another object before", AT_START, r#"{}{"customerInfo""#, BODY;
};
