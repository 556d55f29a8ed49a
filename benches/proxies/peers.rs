//! Who is measured: the bridge, the proxies people would otherwise use, and the yardstick.
//!
//! Must not: give one of them what another has not got.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::process::{self, Process, free};

/// A kind of proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Nginx,
    Haproxy,
    Caddy,
    /// The program of `benches/pingora`.
    Pingora,
    /// A bare proxy of hyper.
    Hyper,
    /// What `transaction_id` is, and whether it has a certificate.
    Bridge {
        transaction_id: &'static str,
        tls: bool,
    },
}

/// All that stand beside each other; the first is what the others are compared with.
pub const EVERYBODY: [Peer; 6] = [
    Peer::Nginx,
    Peer::Haproxy,
    Peer::Caddy,
    Peer::Pingora,
    Peer::Hyper,
    BRIDGE,
];

/// Where `cargo build --release --manifest-path benches/pingora/Cargo.toml` leaves it.
const PINGORA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/benches/pingora/target/release/pingora-peer"
);

/// The bridge without anything special.
pub const BRIDGE: Peer = Peer::Bridge {
    transaction_id: "payment",
    tls: false,
};
/// One that asks for the event of each change.
pub const BRIDGE_EVENT: Peer = Peer::Bridge {
    transaction_id: "event",
    tls: false,
};
/// One with a certificate.
pub const BRIDGE_TLS: Peer = Peer::Bridge {
    transaction_id: "payment",
    tls: true,
};

impl Peer {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Caddy => "Caddy",
            Self::Pingora => "Pingora",
            Self::Hyper => "bare hyper",
            Self::Bridge { .. } => "ecom-bridge",
        }
    }

    /// Whether it can be started on this machine.
    pub fn exists(self) -> bool {
        let program = match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
            Self::Pingora => return Path::new(PINGORA).exists(),
            Self::Hyper | Self::Bridge { .. } => return true,
        };
        std::env::var_os("PATH").is_some_and(|path| {
            let extra = [PathBuf::from("/usr/sbin")];
            std::env::split_paths(&path)
                .chain(extra)
                .any(|folder| folder.join(program).exists())
        })
    }
}

/// Where everything of a run lies.
pub struct Site {
    pub folder: PathBuf,
    pub upstream: SocketAddr,
    pub cert: PathBuf,
    pub key: PathBuf,
    pub pem: PathBuf,
    /// The bridge's binary.
    pub bridge: String,
}

/// A proxy that runs.
pub struct Running {
    pub peer: Peer,
    pub process: Process,
    pub addr: SocketAddr,
    pub addr_tls: SocketAddr,
    /// The bridge's listener for Vipps.
    pub webhooks: SocketAddr,
    /// The bridge's listener for the operator.
    pub admin: SocketAddr,
    pub folder: PathBuf,
}

impl Site {
    /// A certificate for localhost and a folder for all.
    pub fn new(folder: &Path, upstream: SocketAddr, bridge: String) -> io::Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .map_err(io::Error::other)?;
        let site = Self {
            folder: folder.to_owned(),
            upstream,
            cert: folder.join("cert.pem"),
            key: folder.join("key.pem"),
            pem: folder.join("both.pem"),
            bridge,
        };
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        fs::write(&site.cert, &cert)?;
        fs::write(&site.key, &key)?;
        fs::write(&site.pem, cert + &key)?;
        Ok(site)
    }

    /// Starts `peer` on `cpus` with as many threads.
    pub fn start(&self, peer: Peer, cpus: &str, more: &str) -> io::Result<Running> {
        self.start_under(&[], peer, cpus, more)
    }

    /// The same under a program that is given it as its last arguments.
    pub fn start_under(
        &self,
        wrapper: &[String],
        peer: Peer,
        cpus: &str,
        more: &str,
    ) -> io::Result<Running> {
        let threads = cpus.split(',').count();
        let [addr, addr_tls, webhooks, admin] = free()?;
        let folder = self.folder.join(format!("{}-{}", peer.name(), addr.port()));
        fs::create_dir_all(&folder)?;
        let addrs = Addrs {
            plain: addr,
            tls: addr_tls,
            webhooks,
            admin,
        };
        let mut all = wrapper.to_vec();
        all.extend(self.command(peer, &addrs, threads, (&folder, more))?);
        let mut process = process::start(cpus, &all[0], &all[1..], &folder)?;
        process.wait(addr)?;
        let is_bridge = matches!(peer, Peer::Bridge { .. });
        Ok(Running {
            peer,
            process,
            addr,
            addr_tls: if is_bridge { addr } else { addr_tls },
            webhooks,
            admin,
            folder,
        })
    }

    /// A program and its arguments; its configuration, and `more` of it, is written into the folder.
    fn command(
        &self,
        peer: Peer,
        addrs: &Addrs,
        threads: usize,
        (folder, more): (&Path, &str),
    ) -> io::Result<Vec<String>> {
        let file = |name: &str, template: &str| {
            let path = folder.join(name);
            let text = self.filled(template, peer, addrs, (threads, folder));
            fs::write(&path, text + more)?;
            Ok::<_, io::Error>(path.display().to_string())
        };
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Ok(match peer {
            Peer::Nginx => {
                let config = file("nginx.conf", include_str!("configs/nginx.conf"))?;
                let prefix = format!("{}/", folder.display());
                words(&["nginx", "-p", &prefix, "-c", &config, "-e", "stderr"])
            }
            Peer::Haproxy => {
                let config = file("haproxy.cfg", include_str!("configs/haproxy.cfg"))?;
                words(&["haproxy", "-db", "-q", "-f", &config])
            }
            Peer::Caddy => {
                let config = file("Caddyfile", include_str!("configs/Caddyfile"))?;
                let threads = format!("GOMAXPROCS={threads}");
                let run = ["env", &threads, "caddy", "run", "--adapter", "caddyfile"];
                words(&[&run[..], &["--config", &config]].concat())
            }
            Peer::Pingora | Peer::Hyper => {
                let own = own()?;
                let program: &[&str] = match peer {
                    Peer::Pingora => &[PINGORA],
                    _ => &[&own, "hyper"],
                };
                let (listen, upstream) = (addrs.plain.to_string(), self.upstream.to_string());
                let threads = threads.to_string();
                words(&[program, &[&listen, &upstream, &threads]].concat())
            }
            Peer::Bridge { .. } => {
                let config = file("bridge.toml", include_str!("configs/bridge.toml"))?;
                words(&[&self.bridge, "serve", "--config", &config])
            }
        })
    }

    /// A configuration with its names filled in.
    fn filled(
        &self,
        template: &str,
        peer: Peer,
        addrs: &Addrs,
        (threads, folder): (usize, &Path),
    ) -> String {
        let (transaction_id, with_tls) = match peer {
            Peer::Bridge {
                transaction_id,
                tls,
            } => (transaction_id, tls),
            _ => ("", false),
        };
        // Two that have payments of the same names need logs of their own.
        let prefix = if peer == BRIDGE_EVENT { "/event" } else { "" };
        let (cert, key) = (self.cert.display(), self.key.display());
        let files = format!("tls_cert = \"{cert}\"\ntls_key = \"{key}\"");
        let tls = if with_tls { files } else { String::new() };
        [
            ("listen", addrs.plain.to_string()),
            ("listen_tls", addrs.tls.to_string()),
            ("webhooks", addrs.webhooks.to_string()),
            ("admin", addrs.admin.to_string()),
            ("upstream", self.upstream.to_string()),
            ("prefix", prefix.to_owned()),
            ("threads", threads.to_string()),
            ("cert", cert.to_string()),
            ("key", key.to_string()),
            ("pem", self.pem.display().to_string()),
            ("folder", folder.display().to_string()),
            ("transaction_id", transaction_id.to_owned()),
            ("tls", tls),
        ]
        .into_iter()
        .fold(template.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{{{name}}}}}"), &value)
        })
    }
}

/// Where a proxy listens.
struct Addrs {
    plain: SocketAddr,
    tls: SocketAddr,
    webhooks: SocketAddr,
    admin: SocketAddr,
}

/// This program, which has roles beside the driver's.
pub fn own() -> io::Result<String> {
    Ok(std::env::current_exe()?.display().to_string())
}
