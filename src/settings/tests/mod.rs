//! The configuration as an operator meets it. Here: what both sets of tests use.
//!
//! Must not: read the environment of this process.

mod diff;
mod messages;
mod shadow;
mod values;

use super::*;
use crate::types::Msn;

fn env(vars: &[(&str, &str)]) -> std::vec::IntoIter<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    vars.iter().map(own).collect::<Vec<_>>().into_iter()
}

fn layered(files: &[&str], vars: &[(&str, &str)]) -> Result<Settings, Vec<ConfigProblem>> {
    let layers = files
        .iter()
        .enumerate()
        .map(|(at, text)| (Origin::File(format!("{at}.toml")), (*text).to_owned()))
        .collect();
    finish(layers, env(vars), Report::default())
}

fn messages(result: Result<Settings, Vec<ConfigProblem>>) -> String {
    let problems = result.expect_err("this should be refused");
    lines(&problems)
}

fn lines(problems: &[ConfigProblem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn msn(text: &str) -> Msn {
    Msn::parse(text).unwrap()
}
