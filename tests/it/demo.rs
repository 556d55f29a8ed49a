//! `demo`, as somebody starts it: the real binary, its printout and its exit.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

const CHAPTERS: [&str; 17] = [
    "The access token",
    "An order from start to end",
    "A plain cancel",
    "The user says no",
    "Nobody acts",
    "An orderId that is too short for ePayment",
    "An Express payment",
    "A payment older than the bridge",
    "Both APIs asked, and compared",
    "A capture whose answer is lost",
    "An outcome that stays unknown for a while",
    "An error of each kind",
    "A shop that is down when it is called back",
    "A callback that says who paid",
    "A sales unit with direct capture",
    "Force approve, for the shop's own tests",
    "Something outside /ecomm/",
];

fn demo(folder: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecom-bridge"));
    command
        .arg("demo")
        .env_remove("NO_COLOR")
        .env("TMPDIR", folder);
    command
}

fn is_empty(folder: &std::path::Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn the_whole_day_is_played_and_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(is_empty(folder.path()), "something was left behind");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(line.bytes().all(|b| (b' '..=b'~').contains(&b)), "{line}");
    }
    chapters_come_in_order(&text);
    each_kind_is_shown(&text);
    it_ends_with_the_summary(&text);
    for secret in [
        "simulated.",
        "demo-subscription",
        "demo-secret",
        "demo-callback-token",
        "ada.lovelace",
    ] {
        assert!(!text.contains(secret), "{secret} was printed");
    }
}

fn chapters_come_in_order(text: &str) {
    let mut rest = text;
    for (number, title) in CHAPTERS.iter().enumerate() {
        let heading = format!("\n{:>2}  {title}\n---", number + 1);
        let at = rest.find(&heading).expect(title);
        rest = &rest[at + heading.len()..];
    }
}

fn each_kind_is_shown(text: &str) {
    for shown in [
        "POST /epayment/v1/payments/woo-shop-1001/capture -> 200",
        "Idempotency-Key: 1-",
        "(nothing was sent)",
        "(byte for byte what the shop sent",
        "callback  POST /vipps/v2/payments/woo-shop-1005",
        "upstream  POST /webhooks/v1/webhooks -> 201",
        "webhook   AUTHORIZED of woo-shop-1001 -> 200",
        "callback  POST /vipps/v2/payments/woo-shop-1001 -> 200",
        "webhook   ABORTED of woo-shop-1003 -> 200",
        "webhook   EXPIRED of woo-shop-1004 -> 200",
        "callback  POST /vipps/v2/payments/Woo17 -> 200",
        "\"userDetails\":\"5 members\"",
        "POST /epayment/v1/payments/woo-shop-1016/capture -> 200",
        "done, but the",
        "bridge-route: refused",
    ] {
        assert!(text.contains(shown), "{shown}");
    }
    for status in ["RESERVED", "CANCELLED", "REJECTED", "SALE"] {
        assert!(text.contains(&format!("the shop heard {status}, once")));
    }
    for answer in [500, 200] {
        let line = format!("callback  POST /vipps/v2/payments/woo-shop-1014 -> {answer}");
        assert!(text.contains(&line), "{line}");
    }
    for code in [
        "transaction.amount",
        "34",
        "35",
        "51",
        "61",
        "91",
        "93",
        "94",
    ] {
        let entry = format!("\"errorCode\":\"{code}\"");
        assert!(text.contains(&entry), "{code}");
    }
}

fn it_ends_with_the_summary(text: &str) {
    let summary = &text[text.find("\nSummary\n").unwrap()..];
    for shown in [
        "callbacks of the bridge at the shop: 15, and 2 of eCom itself",
        "captured at the upstream 1565.00 NOK, told to the shop 1565.00",
        "refunded at the upstream 90.00 NOK, told to the shop 90.00",
        "must not have them: 0",
        "Everything was as it must be",
        "ecom-bridge translate",
        "ecom-bridge explain",
        "ecom-bridge simulate",
        "ecom-bridge check",
        "ecom-bridge serve",
        "ecom-bridge callbacks list",
        "README.md",
    ] {
        assert!(summary.contains(shown), "{shown}");
    }
    assert!(!text.contains("DIFFERS"));
}

#[test]
fn it_stays_up_when_asked_to_until_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = demo(folder.path())
        .arg("--keep-running")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let mut text = String::new();
    while !text.contains("ecom-bridge webhooks list") {
        let line = lines.next().expect("it ended too early").unwrap();
        assert!(line.chars().count() <= 80, "{line}");
        text.push_str(&line);
        text.push('\n');
    }
    let shown = text.split("Still running, until Ctrl-C").nth(1).unwrap();
    assert!(shown.contains("accesstoken/get") && shown.contains("/_simulator/requests"));
    let operator = shown.split("operator  http://").nth(1).unwrap();
    let operator = operator.split('/').next().unwrap();
    let mut socket = std::net::TcpStream::connect(operator).unwrap();
    std::io::Write::write_all(
        &mut socket,
        b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let interrupt = format!("kill -INT {}", running.id());
    let sent = Command::new("sh").args(["-c", &interrupt]).status();
    assert!(sent.unwrap().success());
    assert!(running.wait().unwrap().success());
    assert!(is_empty(folder.path()), "something was left behind");
}
