//! What is asked of a proxy: the bytes of each request.
//!
//! Must not: ask for the same change twice, unless a series says so.

use ecom_bridge::epayment::signature::{Signed, sign};

/// The sales unit of all shops.
pub const MSN: &str = "123456";
const SECRET: &str = "a-secret-of-the-benchmark";

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// `GET` of so many bytes, not a call of eCom.
    Get(usize),
    /// `POST` of so many bytes, not a call of eCom; a body of 0.2 kB comes back.
    Post(usize),
    /// A new payment.
    Initiate,
    /// A capture of 1 krone, of one of so many payments after the other.
    Capture(u64),
    /// The details of one of so many payments.
    Details(u64),
    /// An event of a payment, signed.
    Webhook,
}

impl Work {
    /// From its name on the command line.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, number) = text.split_once('-').unwrap_or((text, "0"));
        Some(match name {
            "get" => Self::Get(number.parse().ok()?),
            "post" => Self::Post(number.parse().ok()?),
            "initiate" => Self::Initiate,
            "capture" => Self::Capture(number.parse().ok()?),
            "details" => Self::Details(number.parse().ok()?),
            "webhook" => Self::Webhook,
            _ => return None,
        })
    }

    /// Its name on the command line.
    pub fn name(self) -> String {
        match self {
            Self::Get(bytes) => format!("get-{bytes}"),
            Self::Post(bytes) => format!("post-{bytes}"),
            Self::Initiate => "initiate".to_owned(),
            Self::Capture(payments) => format!("capture-{payments}"),
            Self::Details(payments) => format!("details-{payments}"),
            Self::Webhook => "webhook".to_owned(),
        }
    }

    /// Writes request `n` of the run `run` for `host`; orders of other runs are of run 0.
    pub fn write(self, out: &mut Vec<u8>, run: u64, n: u64, host: &str, shop: &str) {
        out.clear();
        match self {
            Self::Get(bytes) => head(out, "GET", &format!("/bytes/{bytes}"), host, "", 0),
            Self::Post(bytes) => {
                head(out, "POST", "/sink", host, "", bytes);
                out.resize(out.len() + bytes, b'x');
            }
            Self::Initiate => {
                let body = initiate(&order(run, n), shop);
                head(out, "POST", "/ecomm/v2/payments", host, "", body.len());
                out.extend_from_slice(body.as_bytes());
            }
            Self::Capture(payments) => {
                let target = format!("/ecomm/v2/payments/{}/capture", order(0, n % payments));
                let body = format!(
                    r#"{{"merchantInfo":{{"merchantSerialNumber":"{MSN}"}},"transaction":{{"amount":100,"transactionText":"Sweater sent, parcel 7010"}}}}"#
                );
                let id = format!("X-Request-Id: capture-{run}-{n}\r\n");
                head(out, "POST", &target, host, &id, body.len());
                out.extend_from_slice(body.as_bytes());
            }
            Self::Details(payments) => {
                let target = format!("/ecomm/v2/payments/{}/details", order(0, n % payments));
                head(out, "GET", &target, host, "", 0);
            }
            Self::Webhook => webhook(out, n, host),
        }
    }
}

fn order(run: u64, n: u64) -> String {
    format!("order-{run:03}-{n:08}")
}

/// With the headers that a plugin sends.
fn head(out: &mut Vec<u8>, method: &str, target: &str, host: &str, more: &str, body: usize) {
    let kind = if body > 0 {
        format!("Content-Type: application/json\r\nContent-Length: {body}\r\n")
    } else {
        String::new()
    };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: WooCommerce/9.3.3\r\nAccept: application/json\r\n\
         Authorization: Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsIng1dCI6Ik1uQ19WWmNBVGZNNXBP.eyJhdWQiOiIwMDAwMDAwMi\r\n\
         Ocp-Apim-Subscription-Key: 0f14ebcab0ec4b29ae0cb90d91b4a84a\r\nMerchant-Serial-Number: {MSN}\r\n\
         Vipps-System-Name: woocommerce\r\nVipps-System-Version: 9.3.3\r\n{more}{kind}\r\n"
    );
    out.extend_from_slice(head.as_bytes());
}

fn initiate(order: &str, shop: &str) -> String {
    format!(
        r#"{{"customerInfo":{{"mobileNumber":"48059528"}},"merchantInfo":{{"authToken":"shop-callback-secret","callbackPrefix":"http://{shop}/shop","fallBack":"https://woolshop.example/checkout/return?order={order}","isApp":false,"merchantSerialNumber":"{MSN}","paymentType":"eComm Regular Payment"}},"transaction":{{"amount":129900,"orderId":"{order}","skipLandingPage":false,"timeStamp":"2026-02-10T08:15:00.000Z","transactionText":"One knitted sweater, size M"}}}}"#
    )
}

fn webhook(out: &mut Vec<u8>, n: u64, host: &str) {
    let body = format!(
        r#"{{"msn":"{MSN}","reference":"{}","pspReference":"{n}","name":"AUTHORIZED","amount":{{"currency":"NOK","value":129900}},"timestamp":"2026-11-24T12:00:00.1234567Z","success":true}}"#,
        order(0, n)
    );
    let path = format!("/webhooks/{MSN}");
    let date = "Tue, 24 Nov 2026 12:00:00 GMT";
    let signed = Signed {
        path_and_query: &path,
        host,
        date,
        body: body.as_bytes(),
    };
    let headers = sign(&signed, SECRET);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         X-Ms-Date: {date}\r\nX-Ms-Content-Sha256: {}\r\nAuthorization: {}\r\n\r\n",
        body.len(),
        headers.content_sha256,
        headers.authorization,
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body.as_bytes());
}
