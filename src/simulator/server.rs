//! The server: accepts, reads, writes down, lets faults act, and hands each request to the API it is for.
//!
//! A handler that fails makes hyper drop the connection; what then happens on the socket is the script's. Must not: know
//! what any API means. The controls under `/_simulator/` are neither recorded nor hit by faults.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Asked, Body};
use super::faults::{Action, Out, spoil};
use super::gateway::plain;
use super::state::{Shared, Surface};
use super::wire::{Script, Wire};
use super::{controls, echo, ecom_api, epayment_api};
use crate::types::Moment;

/// The connection ends without an answer.
#[derive(Debug)]
pub(super) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// The largest body that is read into memory.
const LIMIT: usize = 32 << 20;

/// Accepts until the simulator stops. While the network is down there is no listener, and open connections end.
pub(super) async fn accept(first: TcpListener, shared: Arc<Shared>) {
    let mut wanted = shared.network.wanted.subscribe();
    let mut listener = Some(first);
    let mut epoch = CancellationToken::new();
    loop {
        let down = *wanted.borrow_and_update();
        if down {
            listener = None;
            epoch.cancel();
        } else if listener.is_none() {
            listener = TcpListener::bind(shared.addr).await.ok();
            epoch = CancellationToken::new();
        }
        shared.network.is_down.send_replace(listener.is_none());
        let Some(open) = &listener else {
            let _retry_or_news = if down {
                wanted.changed().await.is_ok()
            } else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                true
            };
            continue;
        };
        tokio::select! {
            _ = wanted.changed() => {}
            accepted = open.accept() => match accepted {
                Ok((stream, _)) => {
                    let (mine, ends) = (Arc::clone(&shared), epoch.clone());
                    shared.spawn(async move {
                        tokio::select! {
                            () = connection(stream, mine) => {}
                            () = ends.cancelled() => {}
                        }
                    });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let _best_effort = stream.set_nodelay(true);
    let script = Script::default();
    let wire = Wire::new(stream, script.clone(), shared.stop.clone());
    let service = service_fn(move |request| {
        let (shared, script) = (Arc::clone(&shared), script.clone());
        async move { handle(shared, script, request).await }
    });
    let _ended_as_it_may = http1::Builder::new()
        .serve_connection(TokioIo::new(wire), service)
        .await;
}

fn surface(path: &str) -> Surface {
    let first = path.split('/').nth(1).unwrap_or_default();
    if path.eq_ignore_ascii_case("/accesstoken/get") {
        Surface::Token
    } else if first.eq_ignore_ascii_case("ecomm") {
        Surface::Ecom
    } else {
        match first {
            "epayment" => Surface::Epayment,
            "webhooks" => Surface::Webhooks,
            "vipps-userinfo-api" => Surface::Userinfo,
            "_echo" => Surface::Echo,
            _ => Surface::Other,
        }
    }
}

async fn handle(
    shared: Arc<Shared>,
    script: Script,
    request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let path = request.uri().path().to_owned();
    let control = path.starts_with("/_simulator/");
    let surface = surface(&path);
    let (parts, body) = request.into_parts();
    let mut asked = Asked {
        method: parts.method.as_str().to_owned(),
        target: parts.uri.to_string(),
        path,
        headers: parts.headers,
        body: bytes::Bytes::new(),
    };
    let fault = if control {
        None
    } else {
        shared.change(|state, _| state.faults.pick(&asked.method, &asked.target))
    };
    if surface == Surface::Echo && fault.is_none() {
        let id = shared.saw(&asked, surface);
        let response = echo::serve(&asked, body).await.map_err(|_| Cut)?;
        shared.told(id, Some(response.status().as_u16()), None);
        return Ok(response);
    }
    match Limited::new(body, LIMIT).collect().await {
        Ok(body) => asked.body = body.to_bytes(),
        Err(e) if e.is::<http_body_util::LengthLimitError>() => {
            return Ok(plain(413, "The body is too large").response());
        }
        Err(_) => return Err(Cut),
    }
    if control {
        return Ok(controls::answer(&shared, &asked).response());
    }
    let id = shared.saw(&asked, surface);
    let Some((action, word)) = fault else {
        let answer = process(&shared, surface, &asked);
        shared.told(id, Some(answer.status), None);
        return Ok(dated(&shared, answer).response());
    };
    let (before, after) = match action {
        Action::Delay {
            before_ms,
            after_ms,
        } => (before_ms, after_ms),
        _ => (0, 0),
    };
    tokio::time::sleep(Duration::from_millis(before)).await;
    let answer = action
        .processes()
        .then(|| process(&shared, surface, &asked));
    tokio::time::sleep(Duration::from_millis(after)).await;
    match spoil(&action, answer) {
        Out::Plain(answer) => {
            shared.told(id, Some(answer.status), Some(word));
            Ok(dated(&shared, answer).response())
        }
        Out::Scripted(steps) => {
            shared.told(id, None, Some(word));
            script.set(steps);
            Err(Cut)
        }
        Out::Never => {
            shared.told(id, None, Some(word));
            std::future::pending().await
        }
    }
}

/// The answer with the simulator's own date, unless a fault has given it another.
fn dated(shared: &Arc<Shared>, mut answer: Answer) -> Answer {
    let has = |(name, _): &(String, String)| name.eq_ignore_ascii_case("date");
    if !answer.headers.iter().any(has) {
        let date = shared.change(|state, now| {
            let ahead = state.world.rules().date_ahead_s.saturating_mul(1_000);
            Moment::from_millis(now.millis().saturating_add(ahead)).http_date()
        });
        answer.headers.push(("date".to_owned(), date));
    }
    answer
}

fn process(shared: &Arc<Shared>, surface: Surface, asked: &Asked) -> Answer {
    match surface {
        Surface::Ecom => ecom_api::answer(shared, asked),
        Surface::Epayment => epayment_api::answer(shared, asked),
        Surface::Webhooks => epayment_api::webhooks(shared, asked),
        Surface::Userinfo => epayment_api::userinfo(shared, asked),
        Surface::Echo => echo::whole(asked),
        Surface::Token if asked.method == "POST" => shared.change(|state, now| {
            let token = format!("simulated.{}", state.world.uuid());
            let seconds = state.world.rules().token_s;
            state.gateway.token(asked, &token, now, seconds)
        }),
        Surface::Token => plain(405, "The resource does not support this method"),
        Surface::Other => plain(404, "There is no such resource"),
    }
}
