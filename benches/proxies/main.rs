//! ecom-bridge beside nginx, HAProxy, Caddy, Pingora and a bare proxy of hyper, in one run.
//!
//! `cargo bench --bench proxies` measures everything and prints one table of Markdown for each part. Parts can be chosen
//! by their names (`cargo bench --bench proxies -- pass rate`), `--rounds N` and `--seconds N` change the size, `--bridge FILE`
//! takes another binary. `counts` counts instructions and allocations (`counts check` against the recorded budget). It needs
//! `taskset`, `nginx`, `haproxy` and `caddy` from the distribution's packages, and Pingora from
//! `cargo build --release --manifest-path benches/pingora/Cargo.toml`; who is not there is left out, loudly.
//! The proxy under test has one processor and all the rest the other, or, where that is said, everybody has both.
//! It prints; it fails only where requests fail.

#![expect(
    clippy::cast_precision_loss,
    clippy::doc_markdown,
    unreachable_pub,
    reason = "figures to read, in a program of one file each"
)]

mod load;
mod parts;
mod peers;
mod process;
mod pure;
mod reference;
mod rounds;
mod upstream;
mod wire;
mod work;

use std::io;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    match args.first().map(String::as_str) {
        Some("upstream") => upstream::run(),
        Some("hyper") => {
            let at = |n: usize| args.get(n).map_or("", String::as_str);
            reference::run(at(1), at(2), at(3).parse().unwrap_or(1))
        }
        Some("pure") => {
            let at = |n: usize| args.get(n).map_or("", String::as_str);
            pure::run(at(1), at(2).parse().unwrap_or(1))
        }
        Some("load") => {
            let plan = load::Plan::parse(&args).ok_or(io::ErrorKind::InvalidInput)?;
            println!("{}", load::run(plan)?.line());
            Ok(())
        }
        _ => parts::all(&args),
    }
}
