//! Mistakes planted into the request after it was made: each must be found, and named by its field.
//!
//! A list of mistakes that somebody could make, and a sweep that changes every member, header and loss of many requests.

mod create;
mod wire;

use super::*;
use crate::store::DifferenceKind;
use crate::translate::loss::Loss;

fn initiate(pointer: &str, value: Value) -> Call {
    Call::new(Operation::Initiate, &with(full(), pointer, Some(value)))
}

fn web() -> Call {
    Call::new(Operation::Initiate, &plain())
}

fn app() -> Call {
    Call::new(Operation::Initiate, &full()).sealed()
}

fn push() -> Call {
    initiate("/transaction/skipLandingPage", json!(true))
}

fn capture() -> Call {
    Call::new(Operation::Capture, &change()).header("x-request-id", "1")
}

fn rest() -> Call {
    let body = with(change(), "/transaction/amount", Some(json!(0)));
    Call::new(Operation::Refund, &body).header("x-request-id", "id with blanks")
}

fn refund() -> Call {
    Call::new(Operation::Refund, &change())
}

fn cancel() -> Call {
    Call::new(Operation::Cancel, &change()).header("x-request-id", "1")
}

fn release() -> Call {
    let body = with(change(), "/shouldReleaseRemainingFunds", Some(json!(true)));
    Call::new(Operation::Cancel, &body).header("x-request-id", "1")
}

fn force() -> Call {
    let body = json!({"customerPhoneNumber": "91234567", "token": "secret-token"});
    Call::new(Operation::Approve, &body)
}

fn look() -> Call {
    Call::new(Operation::Details, &Value::Null).order("Woo17")
}

fn set(outgoing: &mut Outgoing, pointer: &str, value: impl Into<Value>) {
    let body = outgoing.body.take().expect("a body");
    outgoing.body = Some(with(body, pointer, Some(value.into())));
}

fn unset(outgoing: &mut Outgoing, pointer: &str) {
    let body = outgoing.body.take().expect("a body");
    outgoing.body = Some(with(body, pointer, None));
}

fn headed(outgoing: &mut Outgoing, name: &'static str, value: &str) {
    let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
    outgoing.headers.insert(name, value);
}

/// What goes wrong, in which request, how, and the field that must be named.
type Planted = (&'static str, fn() -> Call, fn(&mut Outgoing), &'static str);

/// What differs beyond what differed before.
fn found(
    call: &Call,
    before: &[Difference],
    request: &Value,
    outgoing: &Outgoing,
) -> Vec<Difference> {
    let mut all = judge(&call.as_dry(), request, outgoing);
    all.retain(|one| !before.contains(one) && one.kind != DifferenceKind::Loss);
    all
}

fn names(differences: &[Difference], field: &str) -> bool {
    differences.iter().any(|one| one.field.as_str() == field)
}

#[test]
fn every_planted_mistake_is_found_and_named() {
    let planted = [create::IN_CREATE, wire::ON_THE_WIRE, wire::IN_CHANGES].concat();
    let mut escaped = Vec::new();
    for (mistake, call, plant, field) in &planted {
        let call = call();
        let (request, mut outgoing) = call.made();
        let before = judge(&call.as_dry(), &request, &outgoing);
        assert!(
            before.iter().all(|one| one.kind == DifferenceKind::Loss),
            "{mistake}: {before:?}"
        );
        let good = outgoing.clone();
        plant(&mut outgoing);
        assert!(outgoing != good, "{mistake}: nothing was planted");
        let found = found(&call, &before, &request, &outgoing);
        if !names(&found, field) {
            escaped.push(format!("{mistake}: {field}, but {:?}", told(&found)));
        }
    }
    println!("{} planted, {} escaped", planted.len(), escaped.len());
    assert!(planted.len() >= 100);
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

/// Everything that can be done to one value.
fn spoilt(value: &Value) -> Vec<Value> {
    let mut all = vec![
        Value::Null,
        json!([]),
        json!({}),
        json!(true),
        json!(7),
        json!(""),
    ];
    match value {
        Value::String(text) => {
            let mut letters: Vec<char> = text.chars().collect();
            let last = letters.pop().unwrap_or('x');
            let rest: String = letters.iter().collect();
            let other = if last == 'z' { 'y' } else { 'z' };
            let reversed: String = text.chars().rev().collect();
            for text in [
                rest.clone(),
                format!("{rest}{other}"),
                format!("{text}{last}"),
                format!(" {text}"),
                reversed,
                "x".repeat(600),
            ] {
                all.push(text.into());
            }
        }
        Value::Number(number) => {
            let units = number.as_i64().unwrap_or(0);
            for other in [units + 1, units - 1, units * 100, units / 100, -units, 0] {
                all.push(other.into());
            }
            all.push(number.to_string().into());
        }
        _ => {}
    }
    all.retain(|other| other != value);
    all
}

/// Every place in a body that holds no object.
fn leaves(at: &str, value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| leaves(&format!("{at}/{name}"), value, all)),
        _ => all.push(at.to_owned()),
    }
}

/// What cannot be told by form: what is sealed, and which hash it is.
fn is_opaque(at: &str, value: &Value) -> bool {
    let sealed = at.starts_with("/metadata/ecom-bridge-");
    sealed && value.as_str().is_some_and(|text| text.len() <= 500)
}

/// One call, what would be sent for it, and what came of each change to that.
struct Sweep<'a> {
    call: &'a Call,
    request: Value,
    good: Outgoing,
    before: Vec<Difference>,
    planted: usize,
    escaped: Vec<String>,
}

impl<'a> Sweep<'a> {
    fn of(call: &'a Call) -> Self {
        let (request, good) = call.made();
        let before = judge(&call.as_dry(), &request, &good);
        Self {
            call,
            request,
            good,
            before,
            planted: 0,
            escaped: Vec::new(),
        }
    }

    fn hold(&mut self, what: &str, field: &str, outgoing: &Outgoing) {
        self.planted += 1;
        let found = found(self.call, &self.before, &self.request, outgoing);
        if !names(&found, field) {
            let operation = self.call.operation;
            let told = told(&found);
            self.escaped.push(format!("{operation:?} {what}: {told:?}"));
        }
    }

    fn members(&mut self) {
        let Some(body) = self.good.body.clone() else {
            return;
        };
        let mut places = Vec::new();
        leaves("", &body, &mut places);
        for at in &places {
            let value = body.pointer(at).expect("a leaf");
            // Pairs are judged together. A sealed part that is gone is shorter data.
            let sealed = at.starts_with("/metadata/ecom-bridge-");
            let field = if sealed { "/metadata" } else { at };
            let gone = (!sealed).then_some(None);
            for other in spoilt(value).into_iter().map(Some).chain(gone) {
                if other.as_ref().is_some_and(|other| is_opaque(at, other)) {
                    continue;
                }
                let what = format!("{at} {other:?}");
                let mut outgoing = self.good.clone();
                outgoing.body = Some(with(body.clone(), at, other));
                self.hold(&what, field, &outgoing);
            }
        }
    }

    fn headers(&mut self) {
        for (name, value) in &self.good.headers.clone() {
            let field = FieldPath::header(name);
            let mut without = self.good.clone();
            without.headers.remove(name);
            self.hold(&format!("without {name}"), field.as_str(), &without);
            let others = ["", "x", "Bearer x", &"0".repeat(51)];
            for text in others.into_iter().filter(|text| value != text) {
                let mut other = self.good.clone();
                let text = HeaderValue::from_str(text).expect("a header");
                other.headers.insert(name, text);
                self.hold(&format!("another {name}"), field.as_str(), &other);
            }
        }
    }

    fn losses(&mut self) {
        for loss in Loss::ALL {
            let mut outgoing = self.good.clone();
            let told = self.before.iter().find(|one| one.candidate == loss.code());
            let place = told.map(|one| one.field.to_string());
            match place {
                Some(_) => outgoing.losses.retain(|one| *one != loss),
                None => outgoing.losses.push(loss),
            }
            let place = place.unwrap_or_else(|| format!("(loss {})", loss.code()));
            self.hold(&format!("{loss:?}"), &place, &outgoing);
        }
    }
}

#[test]
fn whatever_changes_is_found() {
    let mut planted = 0;
    let mut escaped = Vec::new();
    for call in [
        web, app, push, capture, rest, refund, cancel, release, force, look,
    ] {
        let call = call();
        let mut sweep = Sweep::of(&call);
        sweep.members();
        sweep.headers();
        sweep.losses();
        planted += sweep.planted;
        escaped.extend(sweep.escaped);
    }
    println!("{planted} planted, {} escaped", escaped.len());
    assert!(planted > 1_000, "{planted}");
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}
