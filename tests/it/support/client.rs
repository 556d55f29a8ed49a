//! A client that writes bytes and reads answers, and checks nothing for you.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{LIMIT, soon};

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// All values of a header, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// Whether it is an error in eCom's shape, made by the bridge; its code.
    pub(crate) fn ecom_code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{self:?}"
        );
        assert_eq!(self.header("bridge-route"), Some("refused"));
        let entries: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        for member in ["errorGroup", "errorCode", "errorMessage", "contextId"] {
            assert!(entries[0][member].is_string(), "{entries}");
        }
        assert_eq!(
            entries[0]["contextId"].as_str(),
            self.header("bridge-request-id")
        );
        entries[0]["errorCode"].as_str().unwrap().to_owned()
    }
}

/// How reading an answer ended when none came whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing came at all.
    Nothing,
    /// A part came.
    Part,
}

/// One connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    read: Vec<u8>,
    /// How long it waits for the next bytes.
    pub(crate) patience: Duration,
}

impl Client {
    pub(crate) async fn to(addr: SocketAddr) -> Self {
        Self::try_to(addr).await.expect("somebody listens")
    }

    /// None where nobody listens.
    pub(crate) async fn try_to(addr: SocketAddr) -> Option<Self> {
        let socket = soon(TcpStream::connect(addr)).await.ok()?;
        socket.set_nodelay(true).ok()?;
        Some(Self {
            socket,
            read: Vec::new(),
            patience: LIMIT,
        })
    }

    /// Sends bytes. The other side may have refused us by then.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _sent = soon(self.socket.write_all(bytes.as_ref())).await;
        self
    }

    async fn more(&mut self) -> bool {
        let mut piece = vec![0; 256 << 10];
        let read = tokio::time::timeout(self.patience, self.socket.read(&mut piece)).await;
        match read.expect("came in time") {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.read.extend_from_slice(&piece[..n]);
                true
            }
        }
    }

    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self
                .read
                .windows(end.len())
                .position(|window| window == end)
            {
                return Some(self.read.drain(..at + end.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.read.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(self.read.drain(..length).collect())
    }

    /// The head of the next answer.
    pub(crate) async fn head(&mut self) -> Result<Answer, Cut> {
        let Some(head) = self.until(b"\r\n\r\n").await else {
            return Err(if self.read.is_empty() {
                Cut::Nothing
            } else {
                Cut::Part
            });
        };
        let head = String::from_utf8(head).unwrap();
        Ok(Answer {
            status: head[9..12].parse().unwrap(),
            head,
            body: Vec::new(),
        })
    }

    /// The next answer; `bodiless` for those to HEAD.
    pub(crate) async fn read(&mut self, bodiless: bool) -> Result<Answer, Cut> {
        let mut answer = self.head().await?;
        if bodiless || matches!(answer.status, 100..200 | 204 | 304) {
            return Ok(answer);
        }
        answer.body = if let Some(length) = answer.header("content-length") {
            let length = length.parse().unwrap();
            self.exactly(length).await.ok_or(Cut::Part)?
        } else if answer.header("transfer-encoding").is_some() {
            self.chunks().await.ok_or(Cut::Part)?
        } else {
            self.rest().await
        };
        Ok(answer)
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.until(b"\r\n").await?;
            let size = std::str::from_utf8(&line).unwrap().trim();
            let size = usize::from_str_radix(size, 16).unwrap();
            body.extend(self.exactly(size).await?);
            assert_eq!(self.exactly(2).await?, b"\r\n");
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// Everything until the connection ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Sends and reads the answer.
    pub(crate) async fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.send(bytes).await;
        self.read(false).await.expect("an answer")
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn ask(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> Answer {
    Client::to(addr).await.ask(bytes).await
}

/// Whether the bridge serves, on a new connection.
pub(crate) async fn healthy(addr: SocketAddr) -> bool {
    let answer = ask(
        addr,
        "POST /healthy HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    answer.status == 200 && answer.body == b"ok"
}

/// Sends bytes on a connection of its own: the statuses of the answers, and whether the bridge closed it. Where an
/// answer has come and does not announce the end, the end is waited for a moment only.
pub(crate) async fn outcome(addr: SocketAddr, bytes: &[u8]) -> (Vec<u16>, bool) {
    let mut client = Client::to(addr).await;
    client.send(bytes).await;
    let mut statuses = Vec::new();
    let mut limit = LIMIT;
    loop {
        match tokio::time::timeout(limit, client.read(false)).await {
            Ok(Ok(answer)) => {
                if answer.header("connection") != Some("close") {
                    limit = Duration::from_millis(300);
                }
                statuses.push(answer.status);
            }
            Ok(Err(_)) => return (statuses, true),
            Err(_) => return (statuses, false),
        }
    }
}
