//! The upstream of all proxies: both APIs as far as the benchmark needs them, bytes of any number, and the shop.
//!
//! `GET /bytes/N` gives N bytes, `POST /sink` takes any number, `/count` tells how many callbacks the shop has heard.
//! Must not: wait for anything but the network.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::wire::{self, Reader};

/// As long as eCom's answer to an initiate.
const SMALL: &str = r#"{"orderId":"order-0000000001","url":"https://landing.vipps.example/dwo-api-application/v1/deeplink/vippsgateway?v=2&token=eyJraWQiOiJqd3RrZXkiLCJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJmMDE0MmIxYy02YjI2In0.aaaaaaaaaaaaaaaaaaaaaaaa"}"#;

#[derive(Default)]
struct Known {
    /// The keys of each payment's captures, by its address: a bridge may have a prefix of its own.
    keys: RefCell<HashMap<String, Vec<String>>>,
    callbacks: Cell<u64>,
}

/// Serves until it is killed; prints its address.
pub fn run() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let known = Rc::new(Known::default());
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let known = Rc::clone(&known);
            tokio::task::spawn_local(async move {
                // Proxies end connections as they like.
                let _ended = serve(socket, &known).await;
            });
        }
    })
}

async fn serve(mut socket: TcpStream, known: &Known) -> io::Result<()> {
    let mut reader = Reader::new();
    let mut out = Vec::with_capacity(4096);
    loop {
        out.clear();
        let found = wire::request(reader.bytes())?;
        let Some((head, method, target, key)) = found else {
            if reader.more(&mut socket).await? {
                continue;
            }
            return Ok(());
        };
        let (method, target) = (method.to_owned(), target.to_owned());
        let key = key.map(|key| String::from_utf8_lossy(key).into_owned());
        if let Some(bytes) = target.strip_prefix("/bytes/") {
            let bytes = bytes.parse().map_err(io::Error::other)?;
            reader.skip(&head, &mut socket).await?;
            stream(&mut socket, bytes).await?;
            continue;
        }
        if target.contains("/epayment/") {
            reader.whole(&head, &mut socket).await?;
            let body = String::from_utf8_lossy(&reader.bytes()[head.len..head.len + head.body]);
            epayment(&mut out, known, &method, &target, &body, key.as_deref());
        } else if target.starts_with("/shop/") {
            known.callbacks.set(known.callbacks.get() + 1);
            say(&mut out, "200 OK", "");
        } else if target == "/count" {
            say(&mut out, "200 OK", &known.callbacks.get().to_string());
        } else {
            say(&mut out, "200 OK", SMALL);
        }
        reader.skip(&head, &mut socket).await?;
        socket.write_all(&out).await?;
    }
}

fn say(out: &mut Vec<u8>, status: &str, body: &str) {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body.as_bytes());
}

async fn stream(socket: &mut TcpStream, bytes: usize) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {bytes}\r\n\r\n"
    );
    let mut out = head.into_bytes();
    if bytes <= (64 << 10) {
        out.resize(out.len() + bytes, b'x');
        return socket.write_all(&out).await;
    }
    socket.write_all(&out).await?;
    let piece = vec![b'x'; 64 << 10];
    let mut left = bytes;
    while left > 0 {
        let some = left.min(piece.len());
        socket.write_all(&piece[..some]).await?;
        left -= some;
    }
    Ok(())
}

fn member<'a>(body: &'a str, name: &str) -> &'a str {
    let Some(at) = body.find(&format!("\"{name}\":\"")) else {
        return "";
    };
    let rest = &body[at + name.len() + 4..];
    rest.split('"').next().unwrap_or_default()
}

fn epayment(
    out: &mut Vec<u8>,
    known: &Known,
    method: &str,
    target: &str,
    body: &str,
    key: Option<&str>,
) {
    let (_, rest) = target
        .split_once("/epayment/v1/payments")
        .unwrap_or_default();
    let (reference, verb) = rest
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((rest.trim_start_matches('/'), ""));
    let address = target.strip_suffix(verb).unwrap_or(target);
    let sum = |value: u32| format!(r#"{{"currency":"NOK","value":{value}}}"#);
    let whole = sum(129_900);
    let aggregate = |captured: u32| {
        format!(
            r#""aggregate":{{"authorizedAmount":{whole},"cancelledAmount":{none},"capturedAmount":{taken},"refundedAmount":{none}}}"#,
            none = sum(0),
            taken = sum(captured),
        )
    };
    match (method, verb) {
        ("POST", "") => {
            let reference = member(body, "reference");
            let answer = format!(
                r#"{{"redirectUrl":"https://landing.vipps.example/dwo-api-application/v1/deeplink/vippsgateway?v=2&token=eyJraWQiOiJqd3RrZXkiLCJhbGciOiJSUzI1NiJ9","reference":"{reference}"}}"#
            );
            say(out, "201 Created", &answer);
        }
        ("POST", _) => {
            if let Some(key) = key {
                known
                    .keys
                    .borrow_mut()
                    .entry(address.to_owned())
                    .or_default()
                    .push(key.to_owned());
            }
            let answer = format!(
                r#"{{"amount":{whole},"state":"AUTHORIZED",{},"pspReference":"psp-{reference}","reference":"{reference}"}}"#,
                aggregate(100),
            );
            say(out, "200 OK", &answer);
        }
        (_, "events") => {
            let keys = known.keys.borrow();
            let event = |name: &str, psp: u8, value: u32, key: &str| {
                format!(
                    r#"{{"reference":"{reference}","pspReference":"571000010{psp}","name":"{name}","amount":{},"timestamp":"2026-02-10T08:1{psp}:01.1234567Z","idempotencyKey":"{key}","success":true}}"#,
                    sum(value)
                )
            };
            let mut events = vec![
                event("CREATED", 1, 129_900, "one"),
                event("AUTHORIZED", 2, 129_900, "one"),
            ];
            let captures = keys.get(address).into_iter().flatten();
            events.extend(captures.map(|key| event("CAPTURED", 3, 100, key)));
            say(out, "200 OK", &format!("[{}]", events.join(",")));
        }
        _ => {
            let answer = format!(
                r#"{{{},"amount":{whole},"state":"AUTHORIZED","paymentMethod":{{"type":"WALLET","cardBin":"545454"}},"profile":{{}},"pspReference":"psp-{reference}","reference":"{reference}"}}"#,
                aggregate(100),
            );
            say(out, "200 OK", &answer);
        }
    }
}
