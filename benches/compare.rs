//! What one comparison of shadowing costs in time, by the size of the answers.
//!
//! `cargo bench --bench compare` compares answers of eCom's size with the same as another server would write them, with
//! one that differs everywhere, and with the largest that are taken. It prints figures and asserts no timing.
//! `ROUNDS=n` changes the size.

use std::hint::black_box;
use std::time::Instant;

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::shadow::compare::{Answered, Rules, Way, compare};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

/// Details with so many entries, by one of two servers; `apart` makes all members differ.
fn details(entries: u32, server: u32, apart: bool) -> Value {
    let mark = if apart { server * 1_000 } else { 0 };
    let log: Vec<Value> = (0..entries)
        .rev()
        .map(|i| {
            json!({
                "amount": 50_000 + mark,
                "operation": if i == 0 { "INITIATE" } else { "CAPTURE" },
                "operationSuccess": mark == 0,
                "requestId": format!("request-{}", i + mark),
                "timeStamp": format!("2026-03-01T{:02}:{:02}:{:02}.{:03}Z", i / 3_600 % 24, i / 60 % 60, i % 60, server),
                "transactionId": format!("{}{:09}", 5 + server, i.max(1)),
                "transactionText": format!("Parcel {}", i + mark)
            })
        })
        .collect();
    json!({
        "orderId": format!("order-{mark}"),
        "transactionLogHistory": log,
        "transactionSummary": {
            "capturedAmount": 50_000 + mark, "refundedAmount": mark,
            "remainingAmountToCapture": mark, "remainingAmountToRefund": 50_000 + mark
        },
        "userDetails": {"email": "kari@mail.example", "mobileNumber": "91234567", "userId": "sub-1"}
    })
}

fn measure(name: &str, control: &[u8], candidate: &[u8], rounds: u32) {
    let headers = HeaderMap::from_iter([(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )]);
    let answer = |body| Answered {
        status: 200,
        headers: &headers,
        body,
    };
    let once = || {
        compare(
            Operation::Details,
            Way::Read,
            &answer(control),
            &answer(candidate),
            &Rules::default(),
        )
    };
    let told = once().map_or_else(
        |failure| failure.to_string(),
        |compared| format!("{} fields differ", compared.differences.len()),
    );
    let start = Instant::now();
    for _ in 0..rounds {
        let _ = black_box(once());
    }
    let each = start.elapsed() / rounds;
    println!(
        "{name:<24} {:>9} bytes {each:>12.1?} each   {told}",
        control.len() + candidate.len()
    );
}

fn main() {
    let rounds: u32 = std::env::var("ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_000);
    for (name, entries, apart, rounds) in [
        ("2 entries, the same", 2, false, rounds),
        ("6 entries, the same", 6, false, rounds),
        ("6 entries, all differ", 6, true, rounds),
        ("32 entries, all differ", 32, true, rounds.div_ceil(10)),
        ("5000 entries, the same", 5_000, false, rounds.div_ceil(200)),
        (
            "5000 entries, all differ",
            5_000,
            true,
            rounds.div_ceil(200),
        ),
    ] {
        let [control, candidate] = [1, 2].map(|server| details(entries, server, apart).to_string());
        measure(name, control.as_bytes(), candidate.as_bytes(), rounds);
    }
    let same = details(6, 1, false).to_string();
    measure(
        "6 entries, same bytes",
        same.as_bytes(),
        same.as_bytes(),
        rounds,
    );
    let huge = format!("[\"{}\"]", "x".repeat(2 * 1024 * 1024));
    measure("too large", huge.as_bytes(), b"[]", rounds);
    let deep = "[".repeat(100_000);
    measure("too deep", deep.as_bytes(), b"[]", rounds);
    let objects = format!("[{}{{}}]", "{\"a\":1},".repeat(35_000));
    let others = objects.replace('1', "2");
    measure(
        "as much as is taken",
        objects.as_bytes(),
        others.as_bytes(),
        rounds.div_ceil(200),
    );
}
