//! Reads the table of field rules over the two documents: what stands in ePayment's request must be what the table wants.
//!
//! Every member of either document is accounted for: an eCom member without a line is unknown, a member or header of
//! the request that no line explains is too much. Must not: call the translation, or keep more than `compare::KEPT`.

use std::borrow::Cow;

use serde_json::Value;

use super::call::DryCall;
use super::fields::{How, Line, lines};
use super::outgoing::Outgoing;
use super::place::{self, METHOD, PATH, below, fixed, header_name, member};
use super::rules;
use super::wanted::{Asked, Lost, MARKER, Want, lossy};
use crate::shadow::compare::{Difference, DifferenceKind, KEPT};
use crate::shadow::redact;
use crate::translate::loss::Loss;
use crate::types::FieldPath;

/// What is wrong with a request that would be sent, and what is lost on the way to it. `request` is the call's body as a
/// tree, null where it has none.
#[must_use]
pub fn judge(call: &DryCall<'_>, request: &Value, outgoing: &Outgoing) -> Vec<Difference> {
    let facts = Facts {
        asked: Asked { call, request },
        outgoing,
    };
    let mut found = Found::default();
    let mut losses = Vec::new();
    for line in lines(call.operation) {
        let (want, lost) = facts.asked.wanted(line);
        facts.held(line, want, &mut found);
        losses.extend(lost);
    }
    facts.unknown("", request, &mut losses);
    facts.told(&losses, &mut found);
    if let Some(body) = &outgoing.body {
        facts.unexplained("", body, &mut found);
    }
    facts.unexplained_headers(&mut found);
    rules::check(call.operation, outgoing, &mut found);
    found.0
}

/// Differences, each field and kind once.
#[derive(Default)]
pub(super) struct Found(Vec<Difference>);

impl Found {
    /// Tells one, with words or values that were made showable.
    pub(super) fn tell(
        &mut self,
        field: FieldPath,
        kind: DifferenceKind,
        control: String,
        candidate: String,
    ) {
        let known = |one: &Difference| one.field == field && one.kind == kind;
        if self.0.len() < KEPT && !self.0.iter().any(known) {
            self.0.push(Difference {
                field,
                kind,
                control,
                candidate,
            });
        }
    }
}

struct Facts<'a> {
    asked: Asked<'a>,
    outgoing: &'a Outgoing,
}

impl Facts<'_> {
    /// What stands at a place of the request.
    fn there(&self, to: &str) -> Option<Cow<'_, Value>> {
        let text = |text: &str| Some(Cow::Owned(Value::from(text)));
        match (to, header_name(to)) {
            (METHOD, _) => text(self.outgoing.method),
            (PATH, _) => text(&self.outgoing.path),
            (_, Some(name)) => text(&lossy(self.outgoing.headers.get(name)?)),
            _ => member(self.outgoing.body.as_ref()?, to).map(Cow::Borrowed),
        }
    }

    /// Holds what is there against what is wanted.
    fn held(&self, line: &Line, want: Want, found: &mut Found) {
        let &(_, to, how) = line;
        if let Want::Guarded(wanted) = want {
            let word = |guarded| {
                if guarded {
                    "read first"
                } else {
                    "sent at once"
                }
                .to_owned()
            };
            let guarded = self.outgoing.guarded;
            if wanted != guarded {
                let at = fixed("(read before cancel)");
                found.tell(at, DifferenceKind::Value, word(wanted), word(guarded));
            }
            return;
        }
        if to.is_empty() || matches!(how, How::Kept | How::Remembered) {
            return;
        }
        let there = self.there(to);
        let key = there.as_ref().and_then(|key| key.as_str());
        let (wanted, fits) = match &want {
            Want::Nothing | Want::Guarded(_) => (None, there.is_none()),
            Want::Is(value) => {
                let fits = there.as_deref() == Some(value);
                (Some(redact::shown(&fixed(to), value)), fits)
            }
            Want::Open => {
                let fits = self.outgoing.open && there.is_none();
                let words = (!fits && there.is_none()).then(|| "all that remains".to_owned());
                (words, fits)
            }
            Want::Carries(id) => {
                let words = "the X-Request-Id, a hyphen and a hash".to_owned();
                (Some(words), key.is_some_and(|key| carries(key, id)))
            }
            Want::Hash => {
                let is_hash = |key: &str| key.len() == 36 && uuid::Uuid::try_parse(key).is_ok();
                (Some("a UUID".to_owned()), key.is_some_and(is_hash))
            }
            Want::OwnKey => {
                let words = "a key of the bridge's own".to_owned();
                (
                    Some(words),
                    key.is_some_and(|key| key.starts_with("bridge-")),
                )
            }
            Want::Pairs => {
                let pairs = there.as_deref().and_then(Value::as_object);
                pairs.into_iter().for_each(|pairs| self.pairs(pairs, found));
                (Some("the bridge's own pairs".to_owned()), pairs.is_some())
            }
        };
        if fits {
            return;
        }
        let kind = match (&wanted, there.as_deref(), &want) {
            (Some(_), None, _) => DifferenceKind::Missing,
            (None, _, _) => DifferenceKind::Extra,
            (_, Some(there), Want::Is(want)) if !same_type(there, want) => DifferenceKind::Type,
            _ => DifferenceKind::Value,
        };
        let nothing = || "nothing".to_owned();
        let shown = there.map_or_else(nothing, |there| redact::shown(&fixed(to), &there));
        found.tell(fixed(to), kind, wanted.unwrap_or_else(nothing), shown);
    }

    /// The marker names the key; four more pairs may hold what is sealed.
    fn pairs(&self, pairs: &serde_json::Map<String, Value>, found: &mut Found) {
        let key = self.outgoing.headers.get("idempotency-key").map(lossy);
        let marker = Value::from(format!("1 {}", key.unwrap_or_default()));
        if pairs.get(MARKER) != Some(&marker) {
            let (want, is) = ("1 and the key".to_owned(), "another text".to_owned());
            let at = fixed("/metadata/ecom-bridge");
            found.tell(at, DifferenceKind::Value, want, is);
        }
        for (name, value) in pairs {
            let number = name.strip_prefix("ecom-bridge-").map(str::as_bytes);
            if name != MARKER && !matches!(number, Some([b'1'..=b'4'])) {
                let at = place::shown(&below("/metadata", name));
                let shown = redact::shown(&at, value);
                found.tell(at, DifferenceKind::Extra, "nothing".to_owned(), shown);
            }
        }
    }

    /// Members that no line names: eCom does not know them, and they are dropped.
    fn unknown(&self, at: &str, value: &Value, losses: &mut Vec<Lost>) {
        let Value::Object(members) = value else {
            return;
        };
        for (name, value) in members {
            let pointer = below(at, name);
            let inside = format!("{pointer}/");
            let froms = || lines(self.asked.call.operation).map(|line| line.0);
            if froms().any(|from| from == pointer) {
                continue;
            }
            if froms().any(|from| from.starts_with(&inside)) {
                self.unknown(&pointer, value, losses);
            } else if losses.len() < KEPT {
                let at = place::shown(&pointer);
                losses.push(Lost {
                    control: redact::shown(&at, value),
                    at,
                    loss: Loss::UnknownMemberDropped,
                    sure: true,
                });
            }
        }
    }

    /// Losses that happen must be told, and those that are told must happen.
    fn told(&self, losses: &[Lost], found: &mut Found) {
        for lost in losses {
            let code = lost.loss.code().to_owned();
            if self.outgoing.losses.contains(&lost.loss) {
                let (at, control) = (lost.at.clone(), lost.control.clone());
                found.tell(at, DifferenceKind::Loss, control, code);
            } else if lost.sure {
                let at = lost.at.clone();
                found.tell(at, DifferenceKind::Missing, code, "not told".to_owned());
            }
        }
        for loss in &self.outgoing.losses {
            if !losses.iter().any(|lost| lost.loss == *loss) {
                let at = fixed(&format!("(loss {})", loss.code()));
                let told = "told".to_owned();
                found.tell(
                    at,
                    DifferenceKind::Extra,
                    "does not happen".to_owned(),
                    told,
                );
            }
        }
    }

    fn unexplained(&self, at: &str, value: &Value, found: &mut Found) {
        match value {
            Value::Null => {}
            // An object that may be empty is a body without members alone.
            Value::Object(members) if at.is_empty() || !members.is_empty() && at != "/metadata" => {
                for (name, value) in members {
                    self.unexplained(&below(at, name), value, found);
                }
            }
            value => {
                if !lines(self.asked.call.operation).any(|line| line.1 == at) {
                    let field = place::shown(at);
                    let shown = redact::shown(&field, value);
                    found.tell(field, DifferenceKind::Extra, "nothing".to_owned(), shown);
                }
            }
        }
    }

    fn unexplained_headers(&self, found: &mut Found) {
        for (name, value) in &self.outgoing.headers {
            let field = FieldPath::header(name);
            if !lines(self.asked.call.operation).any(|line| line.1 == field.as_str()) {
                let shown = redact::shown(&field, &lossy(value).into());
                found.tell(field, DifferenceKind::Extra, "nothing".to_owned(), shown);
            }
        }
    }
}

/// The id, and a hash that fills the key up to 50 characters, with at most 32.
fn carries(key: &str, id: &str) -> bool {
    let hash = key.strip_prefix(id).and_then(|rest| rest.strip_prefix('-'));
    hash.is_some_and(|hash| {
        hash.len() == (49 - id.len().min(40)).min(32)
            && hash.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn same_type(one: &Value, other: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}
