//! Processes: started on chosen processors, and what they have used.
//!
//! Must not: leave one running.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process and its children; ended when dropped.
pub struct Process {
    child: Child,
}

/// Starts `program` on the processors `cpus` (as `taskset` has them).
pub fn start(cpus: &str, program: &str, args: &[String], folder: &Path) -> io::Result<Process> {
    let child = pinned(cpus, program, args, folder)
        .stdout(Stdio::null())
        .spawn()?;
    Ok(Process { child })
}

/// The same with the first line that it prints.
pub fn start_told(
    cpus: &str,
    program: &str,
    args: &[String],
    folder: &Path,
) -> io::Result<(Process, String)> {
    let mut child = pinned(cpus, program, args, folder)
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    Ok((Process { child }, line.trim().to_owned()))
}

fn pinned(cpus: &str, program: &str, args: &[String], folder: &Path) -> Command {
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", cpus, program])
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        // Frozen, it would not hear that it is to end.
        let _thawed = self.freeze(false);
        for pid in self.family() {
            let _gone = Command::new("kill").arg(pid.to_string()).status();
        }
        let _ended = self.child.wait();
    }
}

/// Clock ticks a second, as in `/proc/PID/stat`.
const TICKS: f64 = 100.0;

impl Process {
    /// It and its children.
    fn family(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let mut next = 0;
        while let Some(pid) = all.get(next) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let children = children.unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
            next += 1;
        }
        all
    }

    /// Stops it and its children where they are, or lets them go on.
    pub fn freeze(&self, frozen: bool) -> io::Result<()> {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        for pid in self.family() {
            Command::new("kill")
                .args([signal, &pid.to_string()])
                .status()?;
        }
        Ok(())
    }

    /// Lets it and its children run on other processors; it keeps as many threads as it was started with.
    pub fn move_to(&self, cpus: &str) -> io::Result<()> {
        for pid in self.family() {
            let moved = Command::new("taskset")
                .args(["--all-tasks", "--cpu-list", "--pid", cpus, &pid.to_string()])
                .stdout(Stdio::null())
                .status()?;
            if !moved.success() {
                return Err(io::Error::other(format!("process {pid} can't be moved")));
            }
        }
        Ok(())
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor seconds used so far, in user space and the kernel.
    pub fn cpu(&self) -> f64 {
        self.family().into_iter().filter_map(ticks_of).sum()
    }

    /// Memory in KiB, shared pages counted in shares.
    pub fn memory(&self) -> f64 {
        self.sum("smaps_rollup", "Pss:")
    }

    /// The most memory at any time, in KiB.
    pub fn peak(&self) -> f64 {
        self.sum("status", "VmHWM:")
    }

    fn sum(&self, file: &str, name: &str) -> f64 {
        self.family()
            .into_iter()
            .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/{file}")).ok())
            .filter_map(|text| {
                let line = text.lines().find_map(|line| line.strip_prefix(name))?;
                line.split_whitespace().next()?.parse::<f64>().ok()
            })
            .sum()
    }

    /// Waits until something listens there; how long it took.
    pub fn wait(&mut self, addr: SocketAddr) -> io::Result<Duration> {
        let began = Instant::now();
        while TcpStream::connect(addr).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended: {status}")));
            }
            if began.elapsed() > Duration::from_secs(60) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(began.elapsed())
    }
}

/// Processor seconds that a process has used.
pub fn ticks_of(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let of = |n: usize| fields.get(n)?.parse::<f64>().ok();
    Some((of(11)? + of(12)?) / TICKS)
}

/// So many addresses that are free now, each another one: all are held until the last is found.
pub fn free<const COUNT: usize>() -> io::Result<[SocketAddr; COUNT]> {
    let mut addrs = [SocketAddr::from(([127, 0, 0, 1], 0)); COUNT];
    let mut held = Vec::new();
    for addr in &mut addrs {
        let listener = TcpListener::bind(*addr)?;
        *addr = listener.local_addr()?;
        held.push(listener);
    }
    Ok(addrs)
}
