//! Rounds: everybody in turn, several times, so that a machine whose speed drifts favours nobody.
//!
//! A ratio is taken inside a round; what is told is the median of the rounds, with the least and the greatest. Must not:
//! compare figures of different rounds.

use std::io;

use super::load::{Done, Plan};
use super::peers::own;
use super::process::{self, Process};

/// One who is asked in each round.
pub struct Subject<'a> {
    pub name: String,
    /// Whose processor time counts; none: nobody's.
    pub process: Option<&'a Process>,
    pub plan: Plan,
}

/// What one round showed of one subject.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub per_second: f64,
    /// Processor time a request, in microseconds.
    pub cpu: f64,
    /// Share of its processors that was used.
    pub busy: f64,
    pub p50: f64,
    pub p99: f64,
    pub failed: u64,
}

/// What all rounds showed of one subject.
pub struct Row {
    pub name: String,
    pub rounds: Vec<Measured>,
}

/// Median, least, greatest.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |n: usize| sorted.get(n).copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
        } else {
            at(middle)
        };
        Self {
            median,
            least: at(0),
            most: at(sorted.len().wrapping_sub(1)),
        }
    }

    /// `1.02 (0.98–1.05)`
    pub fn shown(self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.median, self.least, self.most)
    }
}

impl Row {
    pub fn spread(&self, of: impl Fn(&Measured) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(of))
    }

    /// Inside each round, `of` of this and of `other`, put together by `how`.
    pub fn against(
        &self,
        other: &Self,
        of: impl Fn(&Measured) -> f64,
        how: impl Fn(f64, f64) -> f64,
    ) -> Spread {
        let pairs = self.rounds.iter().zip(&other.rounds);
        Spread::of(pairs.map(|(own, other)| how(of(own), of(other))))
    }
}

/// Asks each subject once a round.
pub fn run(rounds: u64, cpus: &str, subjects: &[Subject<'_>]) -> io::Result<Vec<Row>> {
    let mut rows: Vec<Row> = subjects
        .iter()
        .map(|subject| Row {
            name: subject.name.clone(),
            rounds: Vec::new(),
        })
        .collect();
    // The first round is a warm-up. What is asked is never the same twice: a change would be a repeat.
    for round in 0..=rounds {
        for (n, subject) in subjects.iter().enumerate() {
            let mut plan = subject.plan.clone();
            if round == 0 {
                plan.seconds = plan.seconds.min(0.5);
            }
            plan.run = plan.run * 100 + round + 1;
            let measured = measure(subject, &plan, cpus)?;
            if round > 0 {
                rows[n].rounds.push(measured);
            }
        }
    }
    Ok(rows)
}

fn measure(subject: &Subject<'_>, plan: &Plan, cpus: &str) -> io::Result<Measured> {
    let cpu = || subject.process.map_or(f64::NAN, Process::cpu);
    let before = cpu();
    let done = load(plan, cpus)?;
    let used = cpu() - before;
    let requests = done.requests.max(1) as f64;
    Ok(Measured {
        per_second: requests / done.seconds,
        cpu: used * 1e6 / requests,
        busy: used / done.seconds,
        p50: done.p50,
        p99: done.p99,
        failed: done.failed,
    })
}

/// Runs the load on `cpus`.
pub fn load(plan: &Plan, cpus: &str) -> io::Result<Done> {
    let folder = std::env::temp_dir();
    let (_process, line) = process::start_told(cpus, &own()?, &plan.args(), &folder)?;
    Done::parse(&line).ok_or_else(|| io::Error::other(format!("the load said {line:?}")))
}
