//! `simulate`: only the simulator of the upstream APIs, for staging without an account.
//!
//! Must not: listen on anything but loopback.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use crate::lifecycle::Lifecycle;
use crate::simulator::{Options as World, Simulator};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Where to listen, on loopback
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
}

pub(super) fn run(options: &Options) -> ExitCode {
    match super::runtime(usize::MAX) {
        Ok(runtime) => runtime.block_on(serve(options.listen)),
        Err(code) => code,
    }
}

async fn serve(listen: SocketAddr) -> ExitCode {
    let failed = |error: std::io::Error| {
        eprintln!(
            "error: {listen} can't be used: {error}. Choose a free port on 127.0.0.1 with --listen"
        );
        ExitCode::FAILURE
    };
    let mut signals = match Lifecycle::signals() {
        Ok(signals) => signals,
        Err(error) => return failed(error),
    };
    let listener = match tokio::net::TcpListener::bind(listen).await {
        Ok(listener) => listener,
        Err(error) => return failed(error),
    };
    let world = World::default();
    let clients: Vec<_> = world
        .clients
        .iter()
        .map(|c| (c.client_id.clone(), c.units.clone()))
        .collect();
    let simulator = match Simulator::start(listener, world) {
        Ok(simulator) => simulator,
        Err(error) => return failed(error),
    };
    println!("the simulator answers at {}", simulator.base_url());
    println!(
        "controls: {}/_simulator/health, payments, requests, faults, …",
        simulator.base_url()
    );
    for (client, units) in clients {
        let units: Vec<_> = units.iter().map(ToString::to_string).collect();
        println!("client {client}: sales units {}", units.join(", "));
    }
    println!(
        "set upstream.base_url = \"{}\" in a bridge's configuration to use it",
        simulator.base_url()
    );
    let name = signals.next().await;
    println!("{name}: ending");
    simulator.stop().await;
    ExitCode::SUCCESS
}
