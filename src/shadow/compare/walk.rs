//! The walk through two bodies at once.
//!
//! A list is lined up first: what is equal at its beginning and end, then what is the same in another order; the rest is
//! compared pair by pair. The entries of an error array have no order and are paired by group and code. Must not: decide
//! what counts as the same (`normal`).

use serde_json::{Map, Value};

use super::difference::{Compared, Difference, DifferenceKind, Way};
use super::place::{self, Step};
use super::same::Seen;
use super::tree::Tree;
use super::{KEPT, Rules, history, normal, type_of};
use crate::ecom::route::Operation;
use crate::shadow::redact;
use crate::types::FieldPath;

/// Another order is looked for among so many entries at the most (each is held against each)…
const SHUFFLED: usize = 32;
/// …and in lists that lie no deeper than this.
const SHUFFLED_DEPTH: usize = 2;

pub(super) struct Walk<'r> {
    operation: Operation,
    way: Way,
    rules: &'r Rules<'r>,
    out: Compared,
    /// The text of the candidate's INITIATE.
    initiate_text: Option<String>,
    /// See [`Seen::open`].
    open: bool,
}

impl<'r> Walk<'r> {
    pub(super) fn new(operation: Operation, way: Way, rules: &'r Rules<'r>) -> Self {
        Self {
            operation,
            way,
            rules,
            out: Compared::default(),
            initiate_text: None,
            open: false,
        }
    }

    pub(super) fn into_compared(mut self) -> Compared {
        let (field, more) = (FieldPath::more(), self.out.more);
        if more > 0 && !self.is_ignored(|rule| rule.path.names(&field)) {
            self.out.differences.push(Difference {
                field,
                kind: DifferenceKind::Extra,
                control: "nothing".to_owned(),
                candidate: format!("{more} more"),
            });
        }
        self.out
    }

    /// Compares the bodies; `None` is an empty one.
    pub(super) fn bodies(&mut self, control: Option<&Tree>, candidate: Option<&Tree>) {
        let (old, new) = (
            control.map(|tree| &tree.root),
            candidate.map(|tree| &tree.root),
        );
        self.initiate_text = new.and_then(history::initiate_text);
        self.open = old
            .zip(new)
            .is_some_and(|(old, new)| history::is_open_after_refusal(old, new));
        match (old, new) {
            (Some(Value::Array(old)), Some(Value::Array(new))) => self.errors(old, new),
            (old, new) => self.values(&mut Vec::new(), old, new),
        }
        self.own_order(old, new);
        let doubled = |tree: Option<&Tree>| tree.map_or_else(Vec::new, |tree| tree.doubled.clone());
        let (old, new) = (doubled(control), doubled(candidate));
        for place in new.iter().filter(|place| !old.contains(place)) {
            self.differ(place, DifferenceKind::Extra, "once".into(), "twice".into());
        }
        for place in old.iter().filter(|place| !new.contains(place)) {
            self.differ(
                place,
                DifferenceKind::Missing,
                "twice".into(),
                "once".into(),
            );
        }
    }

    /// Tells the control's order id where that of the shadow payment must stand. No rule is asked of what is the same.
    pub(super) fn own_order(&mut self, old: Option<&Value>, new: Option<&Value>) {
        let Some(wanted) = self.rules.shadow_order.filter(|_| self.way == Way::Write) else {
            return;
        };
        let shown = |root: Option<&'_ Value>| root.and_then(|root| root.get("orderId")).cloned();
        if let Some(order) = shown(new)
            && order != wanted
            && shown(old).as_ref() == Some(&order)
        {
            let at = [Step::Member("orderId".into())];
            let told = redact::shown(&place::field(&at), &order);
            self.differ(&at, DifferenceKind::Value, told.clone(), told);
        }
    }

    fn values<'a>(
        &mut self,
        at: &mut Vec<Step<'a>>,
        old: Option<&'a Value>,
        new: Option<&'a Value>,
    ) {
        if old == new {
            return;
        }
        if let Some(name) = self.rule(at, old, new) {
            self.fired(name);
            return;
        }
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => self.objects(at, old, new),
            (Some(Value::Array(old)), Some(Value::Array(new))) => self.lists(at, old, new),
            (old, new) => {
                let kind = match (old, new) {
                    (_, None) => DifferenceKind::Missing,
                    (None, _) => DifferenceKind::Extra,
                    (Some(old), Some(new)) if type_of(old) != type_of(new) => DifferenceKind::Type,
                    _ => DifferenceKind::Value,
                };
                let field = place::field(at);
                let shown = |value: Option<&Value>| {
                    value.map_or_else(
                        || "nothing".to_owned(),
                        |value| redact::shown(&field, value),
                    )
                };
                let (old, new) = (shown(old), shown(new));
                self.differ(at, kind, old, new);
            }
        }
    }

    fn objects<'a>(
        &mut self,
        at: &mut Vec<Step<'a>>,
        old: &'a Map<String, Value>,
        new: &'a Map<String, Value>,
    ) {
        let names = old
            .keys()
            .chain(new.keys().filter(|name| !old.contains_key(*name)));
        for name in names {
            with(at, Step::Member(name.as_str().into()), |at| {
                self.values(at, old.get(name), new.get(name));
            });
        }
    }

    fn lists<'a>(&mut self, at: &mut Vec<Step<'a>>, old: &'a [Value], new: &'a [Value]) {
        let is_history = place::is(at, history::FIELD);
        let mut old: Vec<&Value> = old.iter().collect();
        let new: Vec<&Value> = new.iter().collect();
        if is_history
            && normal::rows(self.operation, self.way, self.rules)
                .any(|row| row.fields.contains(&super::same::REFUSED_CARD))
        {
            for _ in 0..history::take_refused_cards(&mut old, &new) {
                self.fired("refused-card-while-open");
            }
        }
        let told = self.out.differences.len();
        self.lined_up(at, &old, &new);
        if is_history {
            // Where entries are in another order, all that follows from it is known already.
            let shuffled = self.out.differences.iter().skip(told).any(|difference| {
                difference.kind == DifferenceKind::Order
                    && difference.field.as_str() == history::FIELD
            });
            if !shuffled {
                self.history(&old, &new);
            }
        }
    }

    fn lined_up<'a>(&mut self, at: &mut Vec<Step<'a>>, old: &[&'a Value], new: &[&'a Value]) {
        let shorter = old.len().min(new.len());
        let same = |walk: &Self, at: &mut Vec<Step<'a>>, a: usize, b: usize| match (
            old.get(a),
            new.get(b),
        ) {
            (Some(old), Some(new)) => {
                with(at, Step::Item(a), |at| walk.same(at, Some(old), Some(new)))
            }
            _ => false,
        };
        let head = (0..shorter).take_while(|i| same(self, at, *i, *i)).count();
        let tail = (0..shorter - head)
            .take_while(|i| same(self, at, old.len() - 1 - i, new.len() - 1 - i))
            .count();
        let middle = |list: &'_ [&'_ Value]| head..list.len() - tail;
        let (left, right) = (middle(old), middle(new));
        if old.len() != new.len() {
            self.differ(
                at,
                DifferenceKind::Length,
                redact::list(old.len()),
                redact::list(new.len()),
            );
        } else if at.len() <= SHUFFLED_DEPTH
            && left.len() > 1
            && left.len() <= SHUFFLED
            && shuffled(left.clone(), |a, b| same(self, at, a, b))
        {
            self.differ(
                at,
                DifferenceKind::Order,
                redact::list(old.len()),
                "the same in another order".to_owned(),
            );
            return;
        }
        // Equal pairs, too, so that the rules that made them equal are counted.
        let pairs = (0..head)
            .map(|i| (i, i))
            .chain(left.zip(right))
            .chain((0..tail).map(|i| (old.len() - 1 - i, new.len() - 1 - i)));
        for (a, b) in pairs {
            with(at, Step::Item(a), |at| {
                self.values(at, old.get(a).copied(), new.get(b).copied());
            });
        }
    }

    /// The array of errors: pairs by group and code, the rest pair by pair.
    fn errors(&mut self, old: &[Value], new: &[Value]) {
        let sorted = |list: &[Value]| {
            let mut all: Vec<(String, usize)> = list
                .iter()
                .enumerate()
                .map(|(i, entry)| (identity(entry), i))
                .collect();
            all.sort();
            all
        };
        let (left, right) = (sorted(old), sorted(new));
        let (mut pairs, mut alone) = (Vec::new(), (Vec::new(), Vec::new()));
        let (mut i, mut j) = (0, 0);
        loop {
            match (left.get(i), right.get(j)) {
                (Some(a), Some(b)) if a.0 == b.0 => {
                    pairs.push((a.1, b.1));
                    (i, j) = (i + 1, j + 1);
                }
                (Some(a), Some(b)) if a.0 < b.0 => {
                    alone.0.push(a.1);
                    i += 1;
                }
                (Some(a), None) => {
                    alone.0.push(a.1);
                    i += 1;
                }
                (_, Some(b)) => {
                    alone.1.push(b.1);
                    j += 1;
                }
                (None, None) => break,
            }
        }
        alone.0.sort_unstable();
        alone.1.sort_unstable();
        pairs.extend(alone.0.into_iter().zip(alone.1));
        if old.len() == new.len() && pairs.iter().any(|(a, b)| a != b) {
            self.fired(normal::ERROR_ORDER);
        }
        if old.len() != new.len() {
            let (old, new) = (redact::list(old.len()), redact::list(new.len()));
            self.differ(&[], DifferenceKind::Length, old, new);
        }
        for (a, b) in pairs {
            self.values(&mut vec![Step::Item(a)], old.get(a), new.get(b));
        }
    }

    fn history(&mut self, old: &[&Value], new: &[&Value]) {
        if history::goes_back(old) && !history::goes_back(new) {
            let at = history::member("timeStamp");
            let told = ("newest first".to_owned(), "not newest first".to_owned());
            self.differ(&at, DifferenceKind::Order, told.0, told.1);
        }
        if let Some((control, candidate)) = history::numbers(old, new) {
            let at = history::member("transactionId");
            self.differ(
                &at,
                DifferenceKind::Value,
                control.to_owned(),
                candidate.to_owned(),
            );
        }
    }

    fn rule(
        &self,
        at: &[Step<'_>],
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Option<&'static str> {
        let seen = Seen {
            control: old,
            candidate: new,
            initiate_text: self.initiate_text.as_deref(),
            open: self.open,
        };
        normal::rule(self.operation, self.way, self.rules, at, &seen)
    }

    /// Whether two values are equal, by the rules and position by position.
    fn same<'a>(
        &self,
        at: &mut Vec<Step<'a>>,
        old: Option<&'a Value>,
        new: Option<&'a Value>,
    ) -> bool {
        if old == new || self.rule(at, old, new).is_some() {
            return true;
        }
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                let mut names = old
                    .keys()
                    .chain(new.keys().filter(|name| !old.contains_key(*name)));
                names.all(|name| {
                    with(at, Step::Member(name.as_str().into()), |at| {
                        self.same(at, old.get(name), new.get(name))
                    })
                })
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                old.len() == new.len()
                    && old.iter().zip(new).enumerate().all(|(i, (old, new))| {
                        with(at, Step::Item(i), |at| self.same(at, Some(old), Some(new)))
                    })
            }
            _ => false,
        }
    }

    fn fired(&mut self, name: &'static str) {
        let count = self.out.normalised.entry(name).or_default();
        *count = count.saturating_add(1);
    }

    /// A difference in a body, unless it is ignored.
    fn differ(
        &mut self,
        at: &[Step<'_>],
        kind: DifferenceKind,
        control: String,
        candidate: String,
    ) {
        let field = place::field(at);
        let covers = |rule: &&super::IgnoreRule| rule.path.covers(at) || rule.path.names(&field);
        if !self.is_ignored(covers) {
            self.keep(field, kind, control, candidate);
        }
    }

    /// A difference outside of a body, unless it is ignored.
    pub(super) fn tell(
        &mut self,
        field: FieldPath,
        kind: DifferenceKind,
        control: String,
        candidate: String,
    ) {
        if !self.is_ignored(|rule| rule.path.names(&field)) {
            self.keep(field, kind, control, candidate);
        }
    }

    fn is_ignored(&mut self, covers: impl Fn(&&super::IgnoreRule) -> bool) -> bool {
        let (operation, now) = (self.operation, self.rules.now);
        let rule = self
            .rules
            .ignore
            .iter()
            .filter(|rule| rule.applies(operation, now))
            .find(covers);
        let Some(rule) = rule else { return false };
        let count = self
            .out
            .ignored
            .entry(rule.path.as_str().to_owned())
            .or_default();
        *count = count.saturating_add(1);
        true
    }

    fn keep(&mut self, field: FieldPath, kind: DifferenceKind, control: String, candidate: String) {
        let known = |other: &Difference| other.kind == kind && other.field == field;
        if self.out.differences.iter().any(known) {
            return;
        }
        if self.out.differences.len() >= KEPT - 1 {
            self.out.more = self.out.more.saturating_add(1);
            return;
        }
        self.out.differences.push(Difference {
            field,
            kind,
            control,
            candidate,
        });
    }
}

/// Does `work` one level deeper.
fn with<'a, T>(
    at: &mut Vec<Step<'a>>,
    step: Step<'a>,
    work: impl FnOnce(&mut Vec<Step<'a>>) -> T,
) -> T {
    at.push(step);
    let done = work(at);
    at.pop();
    done
}

/// Whether the entries of a range are the same in another order.
fn shuffled(range: std::ops::Range<usize>, mut same: impl FnMut(usize, usize) -> bool) -> bool {
    let mut free: Vec<usize> = range.clone().collect();
    range.into_iter().all(|a| {
        let found = free.iter().position(|b| same(a, *b));
        found.map(|place| free.swap_remove(place)).is_some()
    })
}

/// Group and code of an error.
fn identity(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("");
    format!("{}\u{0}{}", text("errorGroup"), text("errorCode"))
}
