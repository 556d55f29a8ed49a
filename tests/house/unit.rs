//! The unit of systemd against the settings: time to drain, variables that exist, and a sandbox without holes.
//!
//! Whether systemd understands it: `systemd-analyze verify` and `security --offline=yes`, where there is one.

use crate::source::Complaints;

/// What must stand there, to the letter.
const SANDBOX: &[&str] = &[
    "DynamicUser=yes",
    "StateDirectory=ecom-bridge",
    "UMask=0077",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "MemoryDenyWriteExecute=yes",
    "SystemCallFilter=@system-service",
    "SystemCallArchitectures=native",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "KillSignal=SIGTERM",
    "ExecReload=/bin/kill -HUP $MAINPID",
    "LimitCORE=0",
];

pub(crate) fn unit(text: &str, defaults: &str) -> Complaints {
    let lines: Vec<&str> = text.lines().collect();
    let mut all: Complaints = SANDBOX
        .iter()
        .filter(|line| !lines.contains(line))
        .map(|line| format!("the unit lacks `{line}`"))
        .collect();
    let stop = value(&lines, "TimeoutStopSec=").and_then(|text| text.parse::<u32>().ok());
    let drain = value(&defaults.lines().collect::<Vec<_>>(), "drain_timeout = \"");
    let drain = drain.and_then(|text| text.strip_suffix("s\"")?.parse().ok());
    match (stop, drain) {
        (Some(stop), Some(drain)) if stop > drain => {}
        other => all.push(format!(
            "TimeoutStopSec must be longer than proxy.drain_timeout, both in seconds: {other:?}"
        )),
    }
    for line in &lines {
        let Some(rest) = line.strip_prefix("Environment=ECOM_BRIDGE__") else {
            continue;
        };
        let name = rest.split('=').next().unwrap_or_default().to_lowercase();
        let is_known = name
            .split_once("__")
            .is_some_and(|(section, key)| has(defaults, section, key));
        if !is_known {
            all.push(format!("{line}: no such setting"));
        }
        // A credential that is named is loaded.
        if let Some((_, credential)) = line.split_once("=%d/") {
            let load = format!("LoadCredential={credential}:");
            if !lines.iter().any(|line| line.starts_with(&load)) {
                all.push(format!("{line}: nothing loads this credential"));
            }
        }
    }
    all
}

fn value<'t>(lines: &[&'t str], start: &str) -> Option<&'t str> {
    lines.iter().find_map(|line| line.strip_prefix(start))
}

fn has(defaults: &str, section: &str, key: &str) -> bool {
    let heading = format!("[{section}]");
    let lines = defaults.lines().skip_while(|line| *line != heading);
    let mut lines = lines.skip(1).take_while(|line| !line.starts_with('['));
    lines.any(|line| line.starts_with(&format!("{key} = ")))
}

/// The image is what Cargo.toml says: its version; and what the build reads is let in.
pub(crate) fn image(docker: &str, ignore: &str, manifest: &str) -> Complaints {
    let mut all = Complaints::new();
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = "));
    let label = format!("image.version={}", version.unwrap_or_default());
    if !docker.contains(&label) {
        all.push(format!("Dockerfile: `{label}` is missing"));
    }
    for line in ["FROM scratch", "USER 10001:10001"] {
        if !docker.lines().any(|one| one == line) {
            all.push(format!("Dockerfile: `{line}` is missing"));
        }
    }
    // Cargo wants the files of all targets that its file names, whatever is built.
    let named = [
        ("[[bench]]", "benches"),
        ("[[test]]", "tests"),
        ("[[example]]", "examples"),
    ];
    let named = named
        .into_iter()
        .filter(|(target, _)| manifest.contains(target))
        .map(|(_, folder)| folder);
    let always = [".cargo", "Cargo.lock", "askama.toml", "config", "src"];
    for name in always.into_iter().chain(named) {
        if !ignore.lines().any(|line| line == format!("!{name}")) {
            all.push(format!(
                ".dockerignore keeps {name} out, and the build needs it"
            ));
        }
    }
    all
}
