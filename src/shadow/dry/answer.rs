//! What a dry run comes to, beside what eCom answered.
//!
//! | translation | eCom took it | eCom refused a member | eCom refused it otherwise | eCom did not judge it |
//! |---|---|---|---|---|
//! | whole, or with losses | what was found | the member differs: the translation is laxer | what was found | what was found |
//! | breaks a rule of ePayment's | what was found | both refuse: what remains was found | what was found | what was found |
//! | not translatable | differs, by reason | both refuse: clean | differs, by reason | differs, by reason |
//! | invalid | differs: the bridge is stricter | clean | clean | filtered |
//!
//! "Otherwise" is the payment's state, keys and limits: no word about the translation. Must not: compare answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::place::{cut, of_code};
use super::{Dried, Verdict};
use crate::ecom::route::Operation;
use crate::shadow::compare::{
    Answered, Compared, Difference, DifferenceKind, IgnoreRule, KEPT, PathPattern,
};
use crate::store::ShadowOutcome;
use crate::types::{FieldPath, Moment};

/// An answer longer than this is data, unless its status says that it is an error.
const LONGEST_ERROR: usize = 4_096;

/// The end of a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How it is counted.
    pub outcome: ShadowOutcome,
    /// What is told of it, with what the operator ignores taken away and counted.
    pub compared: Compared,
}

/// How eCom took a call.
enum Answer {
    Taken,
    /// Members that it refused, by the names that it gave them; empty where it refused something else.
    Refused(Vec<String>),
    /// Keys, limits or a failure came first.
    NotJudged,
}

impl Dried {
    /// Ends the dry run: with eCom's answer, and without what the operator does not want to hear of.
    #[must_use]
    pub fn against(
        self,
        operation: Operation,
        control: &Answered<'_>,
        ignore: &[IgnoreRule],
        now: Moment,
    ) -> Judged {
        let answer = read(control);
        let differences = match (&self.verdict, answer) {
            (Verdict::Express, _) => return nothing(ShadowOutcome::Filtered("express")),
            (Verdict::TooLarge, _) => return nothing(ShadowOutcome::Failed("request-too-large")),
            (Verdict::Invalid(_), Answer::NotJudged) => {
                return nothing(ShadowOutcome::Filtered("not-judged"));
            }
            (Verdict::Invalid(wrong), Answer::Taken) => stricter(control.status, wrong),
            (Verdict::Not(_), Answer::Refused(members)) if !members.is_empty() => Vec::new(),
            (Verdict::Invalid(_), Answer::Refused(_)) => Vec::new(),
            (Verdict::Whole | Verdict::WithLosses(_), Answer::Refused(members))
                if !members.is_empty() =>
            {
                laxer(operation, control.status, &members, self.differences)
            }
            _ => self.differences,
        };
        without_ignored(differences, operation, ignore, now)
    }
}

fn nothing(outcome: ShadowOutcome) -> Judged {
    Judged {
        outcome,
        compared: Compared::default(),
    }
}

/// eCom took what the bridge would have refused.
fn stricter(status: u16, wrong: &[(FieldPath, String)]) -> Vec<Difference> {
    let refused = Difference {
        field: FieldPath::status(),
        kind: DifferenceKind::Value,
        control: status.to_string(),
        candidate: "refused as invalid".to_owned(),
    };
    let mut all = vec![refused];
    for (field, why) in wrong {
        let known = all.iter().any(|one| one.field == *field);
        if all.len() < KEPT && !known {
            all.push(Difference {
                field: field.clone(),
                kind: DifferenceKind::Rule,
                control: "eCom took it".to_owned(),
                candidate: why.clone(),
            });
        }
    }
    all
}

/// eCom refused members that the translation takes. Where ePayment would refuse the request, too, both agree.
fn laxer(
    operation: Operation,
    status: u16,
    members: &[String],
    mut found: Vec<Difference>,
) -> Vec<Difference> {
    let before = found.len();
    found.retain(|one| one.kind != DifferenceKind::Rule);
    if found.len() < before {
        return found;
    }
    for member in members {
        let field = of_code(operation, member);
        let known = |one: &Difference| one.field == field && one.kind == DifferenceKind::Value;
        if found.len() < KEPT && !found.iter().any(known) {
            found.push(Difference {
                field,
                kind: DifferenceKind::Value,
                control: cut(&format!("refused with {status} and InvalidRequest")),
                candidate: "translated".to_owned(),
            });
        }
    }
    found
}

fn without_ignored(
    differences: Vec<Difference>,
    operation: Operation,
    ignore: &[IgnoreRule],
    now: Moment,
) -> Judged {
    let mut compared = Compared {
        ignored: BTreeMap::new(),
        ..Compared::default()
    };
    for one in differences {
        let rule = ignore.iter().find(|rule| {
            rule.active(now)
                && rule.operation.is_none_or(|own| own == operation)
                && covers(&rule.path, &one.field)
        });
        match rule {
            Some(rule) => {
                let count = compared.ignored.entry(rule.path.as_str().to_owned());
                *count.or_default() += 1;
            }
            None => compared.differences.push(one),
        }
    }
    let outcome = if compared.is_clean() {
        ShadowOutcome::Clean
    } else {
        ShadowOutcome::Differing
    };
    Judged { outcome, compared }
}

/// As in a comparison of answers: `*` stands for one level, and what is below a field is covered.
fn covers(pattern: &PathPattern, field: &FieldPath) -> bool {
    let (pattern, field) = (pattern.as_str(), field.as_str());
    if !pattern.starts_with('/') || !field.starts_with('/') {
        return pattern.eq_ignore_ascii_case(field);
    }
    let mut names = field.split('/').skip(1);
    pattern.split('/').skip(1).all(|wanted| {
        names
            .next()
            .is_some_and(|name| wanted == "*" || wanted == name)
    })
}

/// One entry of eCom's errors, as far as it matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    error_group: Value,
    #[serde(default)]
    error_code: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Errors {
    Several(Vec<Entry>),
    One(Entry),
}

/// An error inside of a 200 is an error: eCom's clients must look for one in any answer.
fn read(control: &Answered<'_>) -> Answer {
    let success = (200..300).contains(&control.status);
    let errors = errors_in(control, success);
    match (control.status, errors) {
        (401 | 408 | 429 | 500.., _) => Answer::NotJudged,
        (_, Some(entries)) => {
            let of = |entry: &Entry, group: &str| entry.error_group == group;
            if entries.iter().any(|entry| of(entry, "VippsError")) {
                return Answer::NotJudged;
            }
            let invalid = entries.iter().filter(|entry| of(entry, "InvalidRequest"));
            let names = invalid.filter_map(|entry| entry.error_code.as_str());
            Answer::Refused(names.take(KEPT).map(str::to_owned).collect())
        }
        (_, None) if success => Answer::Taken,
        (_, None) => Answer::NotJudged,
    }
}

fn errors_in(control: &Answered<'_>, success: bool) -> Option<Vec<Entry>> {
    let body = control.body.trim_ascii();
    let needle = b"\"errorGroup\"";
    let may_be = match body.first()? {
        b'[' => true,
        b'{' if success => {
            body.len() <= LONGEST_ERROR && body.windows(needle.len()).any(|part| part == needle)
        }
        b'{' => true,
        _ => false,
    };
    if !may_be || body.len() > super::LARGEST {
        return None;
    }
    let entries = match serde_json::from_slice(body).ok()? {
        Errors::Several(entries) => entries,
        Errors::One(entry) => vec![entry],
    };
    let told = entries.first()?.error_group.is_string();
    told.then_some(entries)
}
