//! The load: a closed loop (as much as goes), or an open one at a fixed rate.
//!
//! In the open loop a request's time begins when it was planned, not when a connection was free for it, so that a slow
//! answer can't hide the requests that waited behind it (no coordinated omission). Must not: measure a request that
//! failed; failures are counted beside.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;

use super::wire::{self, Reader};
use super::work::Work;

/// What a run is; on the command line as `key=value`.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whom to ask.
    pub addr: SocketAddr,
    /// The certificate to trust; none: plain HTTP.
    pub cert: Option<String>,
    pub connections: u64,
    pub seconds: f64,
    /// Requests a second; 0: a closed loop.
    pub rate: u64,
    /// Ends after so many; 0: after `seconds`.
    pub count: u64,
    pub work: Work,
    pub run: u64,
    /// Where the shop hears callbacks.
    pub shop: String,
    /// Whether each request has a connection of its own.
    pub fresh: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    pub requests: u64,
    pub failed: u64,
    pub seconds: f64,
    /// Microseconds.
    pub p50: f64,
    pub p99: f64,
}

impl Plan {
    /// As arguments of the `load` role.
    pub fn args(&self) -> Vec<String> {
        let mut args = vec![
            "load".to_owned(),
            format!("addr={}", self.addr),
            format!("connections={}", self.connections),
            format!("seconds={}", self.seconds),
            format!("rate={}", self.rate),
            format!("count={}", self.count),
            format!("work={}", self.work.name()),
            format!("run={}", self.run),
            format!("shop={}", self.shop),
            format!("fresh={}", self.fresh),
        ];
        args.extend(self.cert.iter().map(|cert| format!("cert={cert}")));
        args
    }

    /// From those arguments.
    pub fn parse(args: &[String]) -> Option<Self> {
        let get = |key: &str| {
            args.iter()
                .find_map(|arg| arg.strip_prefix(key)?.strip_prefix('='))
        };
        Some(Self {
            addr: get("addr")?.parse().ok()?,
            cert: get("cert").map(str::to_owned),
            connections: get("connections")?.parse().ok()?,
            seconds: get("seconds")?.parse().ok()?,
            rate: get("rate")?.parse().ok()?,
            count: get("count")?.parse().ok()?,
            work: Work::parse(get("work")?)?,
            run: get("run")?.parse().ok()?,
            shop: get("shop")?.to_owned(),
            fresh: get("fresh")? == "true",
        })
    }
}

impl Done {
    /// The line that the role prints.
    pub fn line(&self) -> String {
        format!(
            "done {} {} {} {} {}",
            self.requests, self.failed, self.seconds, self.p50, self.p99
        )
    }

    /// From that line.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("done ")?.split(' ');
        let mut next = || words.next();
        Some(Self {
            requests: next()?.parse().ok()?,
            failed: next()?.parse().ok()?,
            seconds: next()?.parse().ok()?,
            p50: next()?.parse().ok()?,
            p99: next()?.parse().ok()?,
        })
    }
}

struct Shared {
    plan: Plan,
    host: String,
    next: Cell<u64>,
    failed: Cell<u64>,
    /// Microseconds.
    took: RefCell<Vec<u32>>,
    began: Instant,
    tls: Option<TlsConnector>,
    planned: Option<Mutex<mpsc::Receiver<Instant>>>,
}

/// Runs the plan on this thread.
pub fn run(plan: Plan) -> io::Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, all(plan))
}

async fn all(plan: Plan) -> io::Result<Done> {
    let shared = Rc::new(Shared {
        host: plan.addr.to_string(),
        next: Cell::new(0),
        failed: Cell::new(0),
        took: RefCell::new(Vec::with_capacity(1 << 20)),
        tls: plan.cert.as_deref().map(connector).transpose()?,
        planned: (plan.rate > 0).then(|| Mutex::new(pace(&plan))),
        began: Instant::now(),
        plan,
    });
    let connections: Vec<_> = (0..shared.plan.connections)
        .map(|_| tokio::task::spawn_local(connection(Rc::clone(&shared))))
        .collect();
    for connection in connections {
        connection.await.map_err(io::Error::other)?;
    }
    let seconds = shared.began.elapsed().as_secs_f64();
    let mut took = shared.took.take();
    took.sort_unstable();
    let at = |percent: usize| {
        took.get(took.len().saturating_sub(1) * percent / 100)
            .map_or(f64::NAN, |micros| f64::from(*micros))
    };
    Ok(Done {
        requests: took.len() as u64,
        failed: shared.failed.get(),
        seconds,
        p50: at(50),
        p99: at(99),
    })
}

/// The planned beginnings, on a thread of their own: the runtime's timer knows only milliseconds.
fn pace(plan: &Plan) -> mpsc::Receiver<Instant> {
    let (planned, taken) = mpsc::channel(1 << 16);
    let (rate, seconds) = (plan.rate as f64, plan.seconds);
    std::thread::spawn(move || {
        let began = Instant::now();
        for n in 0.. {
            let after = f64::from(n) / rate;
            if after > seconds {
                return;
            }
            let at = began + Duration::from_secs_f64(after);
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if planned.blocking_send(at).is_err() {
                return;
            }
        }
    });
    taken
}

fn connector(cert: &str) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_file_iter(cert).map_err(io::Error::other)? {
        roots
            .add(cert.map_err(io::Error::other)?)
            .map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

impl Shared {
    /// The number of the next request and when its time begins; none when there are enough.
    async fn next(&self) -> Option<(u64, Instant)> {
        let planned = match &self.planned {
            Some(planned) => Some(planned.lock().await.recv().await?),
            None => None,
        };
        let n = self.next.get();
        let over = if self.plan.count > 0 {
            n >= self.plan.count
        } else {
            planned.is_none() && self.began.elapsed().as_secs_f64() >= self.plan.seconds
        };
        if over {
            return None;
        }
        self.next.set(n + 1);
        Some((n, planned.unwrap_or_else(Instant::now)))
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let socket = TcpStream::connect(self.plan.addr).await?;
        socket.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(socket),
            Some(tls) => {
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                Box::new(tls.connect(name, socket).await?)
            }
        })
    }
}

async fn connection(shared: Rc<Shared>) {
    let mut kept: Option<(Box<dyn Stream>, Reader)> = None;
    let mut out = Vec::new();
    while let Some((n, began)) = shared.next().await {
        let asked = ask(&shared, &mut kept, &mut out, n).await;
        match asked {
            Ok(200..=299) => {
                let micros = began.elapsed().as_micros();
                let micros = u32::try_from(micros).unwrap_or(u32::MAX);
                shared.took.borrow_mut().push(micros);
            }
            other => {
                if shared.failed.get() == 0 {
                    eprintln!("the first failure of {:?}: {other:?}", shared.plan);
                }
                shared.failed.set(shared.failed.get() + 1);
                kept = None;
            }
        }
        if shared.plan.fresh {
            kept = None;
        }
    }
}

async fn ask(
    shared: &Shared,
    kept: &mut Option<(Box<dyn Stream>, Reader)>,
    out: &mut Vec<u8>,
    n: u64,
) -> io::Result<u16> {
    if kept.is_none() {
        *kept = Some((shared.connect().await?, Reader::new()));
    }
    let Some((stream, reader)) = kept else {
        return Err(io::ErrorKind::NotConnected.into());
    };
    let plan = &shared.plan;
    plan.work.write(out, plan.run, n, &shared.host, &plan.shop);
    stream.write_all(out).await?;
    wire::read_answer(reader, stream).await
}
