//! `healthcheck`: exit 0 when the running bridge is ready. Needs no shell and no curl in a container.
//!
//! Must not: need a valid configuration beyond the admin address.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use super::Config;
use crate::settings;

const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(config: &Config) -> ExitCode {
    let Some(listen) = settings::admin_listen(&config.files, settings::environment()) else {
        eprintln!("error: admin.listen is no address; `ecom-bridge check` says more");
        return ExitCode::FAILURE;
    };
    let addr = reachable(listen);
    match ask(addr) {
        Ok(status) if status.contains(" 200 ") => {
            println!("ready");
            ExitCode::SUCCESS
        }
        Ok(status) => {
            eprintln!("not ready: {addr} answered {status}; GET /readyz says why");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("not ready: nothing answers at {addr} (admin.listen): {error}");
            ExitCode::FAILURE
        }
    }
}

/// An address that listens on every interface is asked on loopback.
pub(super) fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

/// The status line of `GET /readyz`.
fn ask(addr: SocketAddr) -> std::io::Result<String> {
    let mut socket = TcpStream::connect_timeout(&addr, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(
        format!("GET /readyz HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    socket.take(4096).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned())
}
