//! Lives the seeded simulation with one planted bug after another, until a life shows it: `just planted`.
//!
//! A life counts where its seed fails with the bug and holds without it. Must not: try two bugs at once; a busy machine
//! makes other lives.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::copy::TREE;
use super::sightings::{self, Hunt, Hunts};
use super::table::Mutant;

/// How often a seed is lived again.
const AGAIN: usize = 3;
/// All lives of a bug that are tried at once end within this time.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Tries each; `write` is given what is known after each.
pub(crate) fn hunted(
    program: &Path,
    chosen: &[&Mutant],
    lives: u64,
    mut known: Hunts,
    write: impl Fn(&Hunts),
) -> Result<bool, String> {
    let mut all_found = true;
    for mutant in chosen {
        let hunt = hunt(program, &mutant.name, lives)?;
        println!("{} | {}", mutant.name, sightings::told(&hunt));
        all_found &= matches!(hunt, Hunt::Found { .. });
        known.insert(mutant.name.clone(), hunt);
        write(&known);
    }
    Ok(all_found)
}

fn hunt(program: &Path, name: &str, lives: u64) -> Result<Hunt, String> {
    let mut first = 0;
    while first < lives {
        let range = [("FIRST", first), ("SEEDS", lives - first)];
        let Some((seed, shown)) = lived(program, Some(name), &range)? else {
            break;
        };
        if lived(program, None, &[("SEED", seed)])?.is_none() {
            let mut times = 0;
            for _ in 0..AGAIN {
                times += usize::from(lived(program, Some(name), &[("SEED", seed)])?.is_some());
            }
            let again = format!("{times} of {AGAIN}");
            return Ok(Hunt::Found { seed, again, shown });
        }
        println!("     seed {seed} fails without {name}, too");
        first = seed + 1;
    }
    Ok(Hunt::NotFound(lives))
}

/// Lives these; the seed of a failure, and what did not hold.
fn lived(
    program: &Path,
    mutant: Option<&str>,
    which: &[(&str, u64)],
) -> Result<Option<(u64, String)>, String> {
    let mut command = Command::new(program);
    command
        .args(["--exact", sightings::TEST])
        .current_dir(TREE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    for name in ["ECOM_BRIDGE_MUTANT", "SEED", "SEEDS", "FIRST"] {
        command.env_remove(name);
    }
    command
        .envs(mutant.map(|name| ("ECOM_BRIDGE_MUTANT", name)))
        .envs(which.iter().map(|(name, value)| (name, value.to_string())));
    let told = |why: std::io::Error| format!("the simulation can't be run ({why})");
    let mut child = command.spawn().map_err(told)?;
    let (sender, written) = mpsc::channel();
    if let Some(mut output) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _read = output.read_to_end(&mut bytes);
            let _heard = sender.send(bytes);
        });
    }
    let bytes = written.recv_timeout(PATIENCE).unwrap_or_default();
    let _gone = child.kill();
    let ended = child.wait().map_err(told)?;
    let text = String::from_utf8_lossy(&bytes);
    if !text.contains("running 1 test") {
        return Err(format!("there is no test {}", sightings::TEST));
    }
    match sightings::failure(&text) {
        Some(found) => Ok(Some(found)),
        None if ended.success() => Ok(None),
        None => Err(format!("{mutant:?}: the lives broke off, or did not end")),
    }
}
