//! Pingora as a peer of the benchmark: it passes everything on to one upstream, without a filter, a log or a cache.
//!
//! `pingora-peer LISTEN UPSTREAM THREADS`. Must not: do anything that the others in the benchmark leave out.

use std::net::SocketAddr;

use async_trait::async_trait;
use pingora_core::server::Server;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

struct Through(SocketAddr);

#[async_trait]
impl ProxyHttp for Through {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _ctx: &mut (),
    ) -> pingora_core::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstream, threads] = &args[..] else {
        eprintln!("pingora-peer LISTEN UPSTREAM THREADS");
        std::process::exit(2);
    };
    let (Ok(upstream), Ok(threads)) = (upstream.parse(), threads.parse()) else {
        eprintln!("{upstream} is no address, or {threads} no number of threads");
        std::process::exit(2);
    };
    let settings = ServerConf {
        threads,
        upstream_keepalive_pool_size: 256,
        // The benchmark waits for its end, and has closed its connections by then.
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(0),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, settings);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Through(upstream));
    service.add_tcp(listen);
    server.add_service(service);
    server.run_forever();
}
