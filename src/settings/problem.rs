//! What is wrong with a configuration, and what to do about it.
//!
//! Must not: hold a secret. The shown value is masked before it comes here.

use std::fmt;

/// A fault that refuses the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The key, such as `proxy.listen`, or the file or variable where there is no key.
    pub path: String,
    /// The value as it may be shown; empty where there is none to show.
    pub value: String,
    /// Where the value comes from: `default`, `file …` or `environment …`; empty where it has no origin.
    pub origin: String,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// Something to know that does not refuse the configuration. Same shape as a problem.
pub type Warning = ConfigProblem;

impl ConfigProblem {
    pub(super) fn new(path: &str, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            value: String::new(),
            origin: String::new(),
            why: why.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if !self.value.is_empty() {
            write!(f, " = {}", self.value)?;
        }
        if !self.origin.is_empty() {
            write!(f, " ({})", self.origin)?;
        }
        write!(f, ": {}. {}.", self.why, self.remedy)
    }
}
