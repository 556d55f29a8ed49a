//! HTTP/1.1 as cheaply as it goes: the load and the upstream must cost less than what is measured between them.
//!
//! Only messages with a length or without a body are understood. Must not: be lenient; what is not as expected ends the
//! run.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// One message's head, read.
pub struct Head {
    /// Bytes of the head.
    pub len: usize,
    /// Bytes of the body.
    pub body: usize,
    /// The status of an answer, 0 for a request.
    pub status: u16,
}

/// Reads whole messages from one connection.
pub struct Reader {
    buffer: Vec<u8>,
    filled: usize,
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

fn length(headers: &[httparse::Header<'_>]) -> io::Result<usize> {
    let mut body = 0;
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).map_err(|_| broken("a length"))?;
            body = text.trim().parse().map_err(|_| broken("a length"))?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(broken("chunks are not understood here"));
        }
    }
    Ok(body)
}

/// The head of an answer, if it is whole.
pub fn answer(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Response::new(&mut headers);
    match parsed.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(len) => Ok(Some(Head {
            len,
            body: length(parsed.headers)?,
            status: parsed.code.unwrap_or(0),
        })),
    }
}

/// A request's head, method, target and key.
pub type Asked<'a> = (Head, &'a str, &'a str, Option<&'a [u8]>);

/// The head of a request, if it is whole.
pub fn request(bytes: &[u8]) -> io::Result<Option<Asked<'_>>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(len) => {
            let head = Head {
                len,
                body: length(parsed.headers)?,
                status: 0,
            };
            let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
                return Err(broken("no request line"));
            };
            let key = parsed
                .headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case("idempotency-key"));
            Ok(Some((head, method, target, key.map(|header| header.value))))
        }
    }
}

impl Reader {
    pub fn new() -> Self {
        Self {
            buffer: vec![0; 16 << 10],
            filled: 0,
        }
    }

    /// What has come and was not taken.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Waits for more; false at the end of the connection.
    pub async fn more(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<bool> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = stream.read(&mut self.buffer[self.filled..]).await?;
        self.filled += read;
        Ok(read > 0)
    }

    /// Takes a message of `head` off, reading what is missing of its body without keeping it.
    pub async fn skip(
        &mut self,
        head: &Head,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<()> {
        let mut whole = head.len + head.body;
        if whole > self.filled {
            let mut missing = whole - self.filled;
            if self.buffer.len() < (256 << 10) && missing > (64 << 10) {
                self.buffer.resize(256 << 10, 0);
            }
            while missing > 0 {
                let most = missing.min(self.buffer.len());
                let read = stream.read(&mut self.buffer[..most]).await?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                missing -= read;
            }
            whole = self.filled;
        }
        self.buffer.copy_within(whole..self.filled, 0);
        self.filled -= whole;
        Ok(())
    }

    /// Waits until the whole message of `head` is in the buffer.
    pub async fn whole(
        &mut self,
        head: &Head,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<()> {
        while self.filled < head.len + head.body {
            if !self.more(stream).await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }
}

/// Reads one answer and gives its status.
pub async fn read_answer(
    reader: &mut Reader,
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<u16> {
    loop {
        if let Some(head) = answer(reader.bytes())? {
            reader.skip(&head, stream).await?;
            return Ok(head.status);
        }
        if !reader.more(stream).await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
