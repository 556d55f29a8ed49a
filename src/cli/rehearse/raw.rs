//! Bytes to the bridge as no client would write them, and the status of what comes back.
//!
//! Must not: wait for ever.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(5);

/// Sends bytes and reads what comes until the other side has had enough: every status line, in order.
pub(super) async fn statuses(addr: SocketAddr, bytes: &[u8]) -> Vec<u16> {
    let mut answer = Vec::new();
    let exchange = async {
        let mut socket = TcpStream::connect(addr).await?;
        // A server that has refused the head closes before all is written.
        let _refused_already = socket.write_all(bytes).await;
        socket.read_to_end(&mut answer).await
    };
    let _cut_or_reset = tokio::time::timeout(PATIENCE, exchange).await;
    read(&String::from_utf8_lossy(&answer))
}

fn read(answer: &str) -> Vec<u16> {
    let lines = answer.split("HTTP/1.1 ").skip(1);
    let status = |line: &str| line.get(..3)?.parse().ok();
    lines.filter_map(status).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_line_counts() {
        let two = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 400 Bad\r\n\r\n";
        assert_eq!(read(two), [200, 400]);
        assert_eq!(read(""), Vec::<u16>::new());
    }
}
