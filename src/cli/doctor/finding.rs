//! What one check says, and how all of them are shown: a line each, or JSON.
//!
//! Must not: hold a secret. What comes from outside moves no cursor.

use serde_json::{Value, json};

use crate::cli::running::plain;

/// What a check is about, in the order in which findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Area {
    Config,
    Tls,
    Bridge,
    Store,
    Upstream,
    Clock,
    Token,
    Webhooks,
    Callbacks,
}

impl Area {
    const fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Tls => "tls",
            Self::Bridge => "bridge",
            Self::Store => "store",
            Self::Upstream => "upstream",
            Self::Clock => "clock",
            Self::Token => "token",
            Self::Webhooks => "webhooks",
            Self::Callbacks => "callbacks",
        }
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, or can't be told, and somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

impl Verdict {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) area: Area,
    pub(super) verdict: Verdict,
    what: String,
    /// Whose it is, and what to do; empty where nothing is to be done.
    remedy: String,
}

impl Area {
    /// All is well.
    pub(super) fn ok(self, what: impl AsRef<str>) -> Finding {
        self.finding(Verdict::Ok, what.as_ref(), "")
    }

    /// Somebody should look.
    pub(super) fn warn(self, what: impl AsRef<str>, remedy: impl AsRef<str>) -> Finding {
        self.finding(Verdict::Warn, what.as_ref(), remedy.as_ref())
    }

    /// It does not work.
    pub(super) fn fail(self, what: impl AsRef<str>, remedy: impl AsRef<str>) -> Finding {
        self.finding(Verdict::Fail, what.as_ref(), remedy.as_ref())
    }

    fn finding(self, verdict: Verdict, what: &str, remedy: &str) -> Finding {
        Finding {
            area: self,
            verdict,
            what: plain(what),
            remedy: plain(remedy),
        }
    }
}

impl Finding {
    /// Without what to do.
    pub(super) fn what(&self) -> &str {
        &self.what
    }

    /// One line.
    pub(super) fn line(&self) -> String {
        let (verdict, area) = (self.verdict.word(), self.area.word());
        let colon = if self.remedy.is_empty() { "" } else { ": " };
        format!("{verdict:<4} {area:<9} {}{colon}{}", self.what, self.remedy)
    }
}

/// All of them, in the order of their areas.
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn new(mut all: Vec<Finding>) -> Self {
        // Stable: within an area they stay as they were found, which is an order of its own.
        all.sort_by_key(|finding| finding.area);
        Self(all)
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|one| one.verdict == verdict).count()
    }

    /// Whether nothing has failed.
    pub(super) fn good(&self) -> bool {
        self.count(Verdict::Fail) == 0
    }

    /// A line each, and a line that counts them.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.0 {
            text.push_str(&finding.line());
            text.push('\n');
        }
        text.push_str(&format!(
            "{} OK, {} WARN, {} FAIL\n",
            self.count(Verdict::Ok),
            self.count(Verdict::Warn),
            self.count(Verdict::Fail)
        ));
        text
    }

    /// For machines.
    pub(super) fn json(&self) -> Value {
        let one = |finding: &Finding| {
            json!({
                "area": finding.area.word(),
                "verdict": finding.verdict.word(),
                "what": finding.what,
                "remedy": (!finding.remedy.is_empty()).then_some(&finding.remedy),
            })
        };
        json!({
            "good": self.good(),
            "ok": self.count(Verdict::Ok),
            "warn": self.count(Verdict::Warn),
            "fail": self.count(Verdict::Fail),
            "checks": self.0.iter().map(one).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_stand_in_one_order_whoever_came_first() {
        let all = Findings::new(vec![
            Area::Callbacks.fail("b", "do\nthis"),
            Area::Store.ok("a"),
            Area::Callbacks.warn("a", "look"),
        ]);
        assert!(!all.good());
        assert_eq!(
            all.text(),
            "OK   store     a\nFAIL callbacks b: do?this\nWARN callbacks a: look\n1 OK, 1 WARN, 1 FAIL\n"
        );
        let json = all.json();
        assert_eq!(json["good"], false);
        assert_eq!(json["checks"][0]["remedy"], Value::Null);
        assert_eq!(json["checks"][1]["verdict"], "FAIL");
    }
}
