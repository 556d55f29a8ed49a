//! What hyper says by itself about a head that it can't read, in eCom's shape.
//!
//! hyper answers such a head with a bare 400, 414 or 431 before any of our code is asked; nothing else of it can be
//! seen or changed. This layer between hyper and the socket knows that answer, and writes ours instead. Must not: touch
//! an answer of the bridge or of upstream: each of these has a `bridge-request-id`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::ecom::error::Failure;

/// A connection whose bare refusals get a shape.
pub(super) struct Shaped<T> {
    pub(super) io: T,
    /// What is still to be written in place of a bare answer.
    instead: Vec<u8>,
    /// Makes a whole answer of a refusal.
    answer: fn(&Failure) -> Vec<u8>,
}

impl<T> Shaped<T> {
    pub(super) const fn new(io: T, answer: fn(&Failure) -> Vec<u8>) -> Self {
        Self {
            io,
            instead: Vec::new(),
            answer,
        }
    }
}

/// What is said in place of hyper's bare answer; none for every other answer.
fn refusal(written: &[u8]) -> Option<Failure> {
    let (status, rest) = written.strip_prefix(b"HTTP/1.1 4")?.split_at_checked(2)?;
    let (status, what, message) = match status {
        b"00" => (400, "request", "The head is no HTTP/1.1 that can be read"),
        b"14" => (414, "target", "The target is too long"),
        b"31" => (431, "headers", "The head is too large"),
        _ => return None,
    };
    let line_end = rest.iter().position(|&byte| byte == b'\n')?;
    let bare = b"connection: close\r\ncontent-length: 0\r\n";
    if !rest[line_end + 1..].starts_with(bare) {
        return None;
    }
    let named = b"bridge-request-id";
    if rest.windows(named.len()).any(|window| window == named) {
        return None;
    }
    Some(Failure::field(what, message).with_status(status))
}

impl<T: AsyncWrite + Unpin> Shaped<T> {
    /// Writes what is left of our answer.
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.instead))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether these bytes were taken to be written in another shape.
    fn takes(&mut self, bytes: &[u8]) -> bool {
        let Some(failure) = refusal(bytes) else {
            return false;
        };
        self.instead = (self.answer)(&failure);
        true
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Shaped<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Shaped<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(cx))?;
        if self.takes(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(cx))?;
        if let Some(first) = bufs.first()
            && self.takes(first)
        {
            return Poll::Ready(Ok(first.len()));
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hyper_s_own_answer_is_taken() {
        let bare = |status: &str| {
            format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\ndate: Sun, 29 Nov 2026 20:00:00 GMT\r\n\r\n"
            )
        };
        for (line, status) in [
            ("400 Bad Request", 400),
            ("414 URI Too Long", 414),
            ("431 Request Header Fields Too Large", 431),
        ] {
            assert_eq!(refusal(bare(line).as_bytes()).unwrap().status, status);
        }
        assert!(refusal(bare("404 Not Found").as_bytes()).is_none());
        assert!(refusal(bare("500 Internal Server Error").as_bytes()).is_none());
        let ours = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\nbridge-request-id: 1\r\n\r\n";
        assert!(refusal(ours.as_bytes()).is_none());
        assert!(refusal(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}").is_none());
        assert!(refusal(b"HTTP/1.1 4").is_none());
        assert!(refusal(b"").is_none());
    }
}
