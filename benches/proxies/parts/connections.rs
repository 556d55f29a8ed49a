//! Connections: with TLS, new for each request, and idle.
//!
//! Must not: count what the other side of a connection needs.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Bench, PROXY, REST, subject, table};
use crate::load::Plan;
use crate::peers::{BRIDGE, BRIDGE_TLS, EVERYBODY, Peer, Running};
use crate::rounds::{self, Subject};
use crate::work::Work;

/// TLS with kept connections; then a new connection for each request, plain and with TLS.
pub fn tls(bench: &Bench) -> io::Result<()> {
    let mut peers = bench.everybody(PROXY)?;
    // The bridge has one listener, plain or with TLS.
    peers.retain(|peer| !matches!(peer.peer, Peer::Hyper | Peer::Pingora));
    let with_tls = bench.start(BRIDGE_TLS, PROXY)?;
    let cert = Some(bench.site.cert.display().to_string());
    let of = |peer: &Running, plan: Plan| {
        let addr = peer.addr_tls;
        Plan {
            addr,
            cert: cert.clone(),
            ..plan
        }
    };
    let tls_peers = || {
        peers
            .iter()
            .filter(|peer| peer.peer != BRIDGE)
            .chain([&with_tls])
    };
    let plain = |peer: &Running, run| bench.plan(peer.addr, Work::Post(512), run);
    for (title, fresh, is_tls, run) in [
        ("POST 0.5 kB over TLS, connections kept", false, true, 1),
        ("POST 0.5 kB, a new connection each", true, false, 2),
        ("POST 0.5 kB over TLS, a new connection each", true, true, 3),
    ] {
        let subjects: Vec<Subject<'_>> = if is_tls {
            tls_peers()
                .map(|peer| {
                    subject(
                        peer,
                        Plan {
                            fresh,
                            ..of(peer, plain(peer, run))
                        },
                    )
                })
                .collect()
        } else {
            peers
                .iter()
                .map(|peer| {
                    subject(
                        peer,
                        Plan {
                            fresh,
                            ..plain(peer, run)
                        },
                    )
                })
                .collect()
        };
        let rows = rounds::run(bench.rounds, REST, &subjects)?;
        table(title, &rows, "nginx");
    }
    Ok(())
}

const IDLE: usize = 1_500;

/// What a connection costs that waits: new, and after one request.
pub fn idle(bench: &Bench) -> io::Result<()> {
    println!("\n### {IDLE} idle connections, each proxy fresh\n");
    println!("| | idle memory | a new connection | after one request each |\n|---|---|---|---|");
    for peer in EVERYBODY {
        if !peer.exists() {
            continue;
        }
        let running = bench.start(peer, PROXY)?;
        settle();
        let before = running.process.memory();
        let mut sockets = (0..IDLE)
            .map(|_| TcpStream::connect(running.addr))
            .collect::<io::Result<Vec<_>>>()?;
        settle();
        let open = running.process.memory();
        for socket in &mut sockets {
            let mut out = Vec::new();
            Work::Get(200).write(&mut out, 1, 1, &running.addr.to_string(), "");
            socket.write_all(&out)?;
            let mut piece = [0; 4096];
            let read = socket.read(&mut piece)?;
            if !piece[..read].starts_with(b"HTTP/1.1 200") {
                return Err(io::Error::other("an idle connection was not served"));
            }
        }
        settle();
        let after = running.process.memory();
        let each = |kib: f64| (kib - before) / IDLE as f64;
        println!(
            "| {} | {:.1} MiB | {:.1} KiB | {:.1} KiB |",
            peer.name(),
            before / 1024.0,
            each(open),
            each(after),
        );
    }
    Ok(())
}

/// Nothing tells when a proxy has taken all that was connected.
fn settle() {
    std::thread::sleep(Duration::from_millis(700));
}
