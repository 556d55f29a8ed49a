//! Servers that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What the server does once it has read the request's head.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// Nothing, with the connection open.
    Hang,
    /// Ends the connection without a word, by a reset.
    Reset,
    /// Ends it in order without a word.
    Close,
    /// Says this and hangs.
    SayAndHang(&'static str),
    /// Says this and ends the connection in order.
    SayAndClose(&'static str),
    /// Says this, waits until it is read, and resets.
    SayAndReset(&'static str),
    /// 200 and a body of 1 GB, as long as somebody takes it.
    Flood,
}

/// A server of one manner; stops when dropped.
#[derive(Debug)]
pub(super) struct Odd {
    pub(super) url: String,
    requests: Arc<AtomicUsize>,
    written: Arc<AtomicUsize>,
    _stop: DropGuard,
}

impl Odd {
    pub(super) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, written) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let stop = CancellationToken::new();
        let (seen, sent, ended) = (Arc::clone(&requests), Arc::clone(&written), stop.clone());
        let server = async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(one(stream, manner, Arc::clone(&seen), Arc::clone(&sent)));
            }
        };
        tokio::spawn(async move { ended.run_until_cancelled(server).await.unwrap_or(()) });
        Self {
            url,
            requests,
            written,
            _stop: stop.drop_guard(),
        }
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Bytes of body that it got rid of.
    pub(super) fn written(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }
}

async fn one(
    mut stream: TcpStream,
    manner: Manner,
    seen: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.ends_with(b"}}") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(&buffer[..count]),
        }
    }
    seen.fetch_add(1, Ordering::SeqCst);
    let (text, then) = match manner {
        Manner::Hang => ("", Manner::Hang),
        Manner::Reset => ("", Manner::Reset),
        Manner::Close => ("", Manner::Close),
        Manner::SayAndHang(text) => (text, Manner::Hang),
        Manner::SayAndClose(text) => (text, Manner::Close),
        Manner::SayAndReset(text) => (text, Manner::Reset),
        Manner::Flood => (
            "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n",
            Manner::Flood,
        ),
    };
    if stream.write_all(text.as_bytes()).await.is_err() {
        return;
    }
    match then {
        Manner::Hang => while matches!(stream.read(&mut buffer).await, Ok(1..)) {},
        Manner::Reset => {
            if !text.is_empty() {
                // A reset overtakes what is still unread on the other side.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            stream.set_zero_linger().unwrap();
        }
        Manner::Flood => {
            let chunk = vec![b'x'; 64 << 10];
            for _ in 0..(1 << 30) / chunk.len() {
                match stream.write(&chunk).await {
                    Ok(count) => sent.fetch_add(count, Ordering::SeqCst),
                    Err(_) => return,
                };
            }
        }
        _ => {}
    }
}
