//! Reads the table of field rules over the two documents: what stands in ePayment's request must be what the table wants.
//!
//! Every member of either document is accounted for: an eCom member without a line is unknown, a member or header of
//! the request that no line explains is too much. Must not: call the translation, or keep more than `compare::KEPT`.

use std::borrow::Cow;

use http::HeaderValue;
use serde_json::{Number, Value};

use super::call::{DryCall, Recovery};
use super::fields::{How, Line, Setting, lines};
use super::outgoing::Outgoing;
use super::place::{self, METHOD, ORDER, PATH, below, fixed, header, header_name, member};
use super::rules;
use crate::ecom::route::Operation;
use crate::shadow::compare::{Difference, DifferenceKind, KEPT};
use crate::shadow::redact;
use crate::translate::loss::Loss;
use crate::types::{FieldPath, Scope};

/// Before a short order id.
const PREFIX: &str = "ecom-id-";
/// In metadata, and before a key of the bridge's own.
const MARKER: &str = "ecom-bridge";
/// No data beyond so many bytes is sure to fit into four values of 500 characters.
const SURE_TO_FIT: usize = 1_000;

/// What is wrong with a request that would be sent, and what is lost on the way to it. `request` is the call's body as a
/// tree, null where it has none.
#[must_use]
pub fn judge(call: &DryCall<'_>, request: &Value, outgoing: &Outgoing) -> Vec<Difference> {
    let facts = Facts {
        call,
        request,
        outgoing,
    };
    let mut found = Found::default();
    let mut losses = Vec::new();
    for line in lines(call.operation) {
        let (want, lost) = facts.wanted(line);
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

/// What a line wants at its place.
#[derive(Debug, PartialEq)]
enum Want {
    /// Nothing of it.
    Nothing,
    /// This.
    Is(Value),
    /// All that remains.
    Open,
    /// A key that carries this.
    Carries(String),
    /// A key that is a hash.
    Hash,
    /// A key of the bridge's own.
    OwnKey,
    /// The bridge's pairs.
    Pairs,
    /// Whether the payment is read before it is cancelled.
    Guarded(bool),
}

/// What must be told: where, which, and whether it surely happens.
struct Lost {
    at: FieldPath,
    loss: Loss,
    control: String,
    sure: bool,
}

struct Facts<'a> {
    call: &'a DryCall<'a>,
    request: &'a Value,
    outgoing: &'a Outgoing,
}

impl Facts<'_> {
    fn order(&self) -> String {
        if self.call.operation != Operation::Initiate {
            return self.call.order.to_string();
        }
        let order = member(self.request, "/transaction/orderId").and_then(text);
        order.unwrap_or_default()
    }

    fn flag(&self, pointer: &str) -> bool {
        member(self.request, pointer) == Some(&Value::Bool(true))
    }

    fn header(&self, from: &str) -> Option<String> {
        let value = self.call.headers.get(header_name(from)?)?;
        Some(lossy(value))
    }

    /// What a line wants, and what it loses.
    fn wanted(&self, line: &Line) -> (Want, Vec<Lost>) {
        let &(from, _, how) = line;
        let value = member(self.request, from).filter(|_| from.starts_with('/'));
        let said = value.and_then(text);
        let lose = |loss: Loss| vec![self.lost(from, fixed(from), loss)];
        let none = Vec::new();
        match how {
            How::Text => (is(said), none),
            How::TextUnlessBlank => (is(said.filter(|text| !text.trim().is_empty())), none),
            How::TextUnlessEmpty => (is(said.filter(|text| !text.is_empty())), none),
            How::Minor => (minor(value).unwrap_or(Want::Nothing), none),
            How::MinorOrRest => (
                minor(value).filter(|want| *want != Want::Is(0.into())).unwrap_or(Want::Open),
                none,
            ),
            How::Phone => (is(said.and_then(|text| self.phone(&text))), none),
            How::Reference => {
                let (reference, lost) = self.reference(from);
                (Want::Is(reference.into()), lost)
            }
            How::Path(template) => {
                let (reference, lost) = self.reference(from);
                let lost = if from == ORDER { lost } else { none };
                (Want::Is(template.replace("{}", &reference).into()), lost)
            }
            How::Description => self.description(from, &said.unwrap_or_default()),
            How::ReturnUrl => (is(said), lose(Loss::FallbackStatusGone)),
            How::Flow => self.flow(from),
            How::Unit => (is(self.unit(said)), none),
            How::Kept => (Want::Nothing, none),
            How::Remembered => (Want::Nothing, self.too_long(from)),
            How::Dropped(loss) if value.is_some() => (Want::Nothing, lose(loss)),
            How::EmptyDropped(loss) if said.is_some_and(|text| !text.is_empty()) => {
                (Want::Nothing, lose(loss))
            }
            How::Dropped(_) | How::EmptyDropped(_) => (Want::Nothing, none),
            How::Guard => (Want::Guarded(!self.flag(from)), none),
            How::Same => (is(self.header(from)), none),
            How::SystemName => (is(self.system(from)), none),
            How::Bearer => (is(self.bearer(from)), none),
            How::Key => self.key(from),
            How::Exactly(word) => (Want::Is(word.into()), none),
            How::Own(setting) => (self.own(setting), none),
        }
    }

    fn lost(&self, from: &str, at: FieldPath, loss: Loss) -> Lost {
        let value = match header_name(from) {
            Some(_) => self.header(from).map(Value::from),
            None if from == ORDER => Some(Value::from(self.order())),
            None => member(self.request, from).cloned(),
        };
        Lost {
            control: redact::shown(&fixed(from), &value.unwrap_or_default()),
            at,
            loss,
            sure: true,
        }
    }

    fn phone(&self, text: &str) -> Option<String> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if digits.bytes().all(|digit| digit == b'0') {
            return None;
        }
        let digits = digits.strip_prefix("00").unwrap_or(&digits);
        let country = self.call.unit.country_code.as_str();
        Some(match digits.len() {
            8 => format!("{country}{digits}"),
            _ => digits.to_owned(),
        })
    }

    fn reference(&self, from: &str) -> (String, Vec<Lost>) {
        let order = self.order();
        if order.len() >= 8 {
            return (order, Vec::new());
        }
        let lost = self.lost(from, fixed(from), Loss::OrderPrefixed);
        (format!("{PREFIX}{order}"), vec![lost])
    }

    /// A text has losses of several kinds: each has a place of its own below it.
    fn description(&self, from: &str, said: &str) -> (Want, Vec<Lost>) {
        let line = said.replace(char::is_control, " ");
        let mut losses = Vec::new();
        if line != said {
            losses.push(Loss::TextCleaned);
        }
        let want = match line.chars().count() {
            0 => {
                losses.push(Loss::TextLeftOut);
                Want::Nothing
            }
            1 | 2 => {
                losses.push(Loss::TextPadded);
                Want::Is(format!("{line} {}", self.order()).into())
            }
            _ => Want::Is(line.into()),
        };
        let at = |loss: &Loss| fixed(&format!("{from}/{}", loss.code()));
        let lost = losses.iter().map(|loss| self.lost(from, at(loss), *loss));
        (want, lost.collect())
    }

    fn flow(&self, from: &str) -> (Want, Vec<Lost>) {
        let push = self.flag("/transaction/skipLandingPage");
        let app = self.flag("/merchantInfo/isApp");
        let word = match (push, app) {
            (true, _) => "PUSH_MESSAGE",
            (false, true) => "NATIVE_REDIRECT",
            (false, false) => "WEB_REDIRECT",
        };
        let loss = match from {
            "/transaction/skipLandingPage" if push => Some(Loss::PushUrlMadeUp),
            "/merchantInfo/isApp" if push && app => Some(Loss::IsAppOverruled),
            _ => None,
        };
        let lost = loss.map(|loss| self.lost(from, fixed(from), loss));
        (Want::Is(word.into()), lost.into_iter().collect())
    }

    fn unit(&self, said: Option<String>) -> Option<String> {
        let of_header = header(self.call.headers, "merchant-serial-number").map(str::to_owned);
        let found = || {
            let msn = self.call.scope.as_ref().and_then(Scope::msn)?;
            Some(msn.as_str().to_owned())
        };
        let said = said.map(|text| text.trim().to_owned());
        said.or(of_header).or_else(found)
    }

    /// Whether the data fits depends on its seal: from a length on it may not.
    fn too_long(&self, from: &str) -> Vec<Lost> {
        let length = |name: &str| {
            let pointer = format!("/merchantInfo/{name}");
            member(self.request, &pointer).and_then(Value::as_str).map_or(0, str::len)
        };
        let bytes = length("callbackPrefix") + length("authToken");
        let may = from.ends_with("callbackPrefix")
            && self.call.recovery == Recovery::Sealed
            && bytes > SURE_TO_FIT;
        let lost = may.then(|| Lost {
            sure: false,
            ..self.lost(from, fixed(from), Loss::RecoveryDataTooLong)
        });
        lost.into_iter().collect()
    }

    fn system(&self, from: &str) -> Option<String> {
        let name = header_name(from)?;
        let (pair, part) = name.rsplit_once('-')?;
        let sent = ["name", "version"]
            .iter()
            .any(|part| self.call.headers.contains_key(format!("{pair}-{part}")));
        match part {
            _ if sent => self.header(from),
            "name" => Some(MARKER.to_owned()),
            _ => Some(env!("CARGO_PKG_VERSION").to_owned()),
        }
    }

    fn bearer(&self, from: &str) -> Option<String> {
        let came = header(self.call.headers, header_name(from)?)?;
        Some(match came.split_once(char::is_whitespace) {
            None => format!("Bearer {came}"),
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                format!("Bearer {}", token.trim_start())
            }
            Some(_) => came.to_owned(),
        })
    }

    fn key(&self, from: &str) -> (Want, Vec<Lost>) {
        let id = header(self.call.headers, header_name(from).unwrap_or_default());
        let Some(id) = id.filter(|_| self.call.operation != Operation::Initiate) else {
            return (Want::OwnKey, Vec::new());
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        if id.len() <= 40 && id.bytes().all(plain) && !id.starts_with("bridge-") {
            return (Want::Carries(id.to_owned()), Vec::new());
        }
        let lost = self.lost(from, fixed(from), Loss::RequestIdHashed);
        (Want::Hash, vec![lost])
    }

    fn own(&self, setting: Setting) -> Want {
        let unit = &self.call.unit;
        let written = match setting {
            Setting::Currency => serde_json::to_value(unit.currency),
            Setting::Interaction => serde_json::to_value(unit.customer_interaction),
            Setting::Metadata if self.call.recovery == Recovery::Off => return Want::Nothing,
            Setting::Metadata => return Want::Pairs,
        };
        written.map_or(Want::Nothing, Want::Is)
    }

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
            let word = |guarded| if guarded { "read first" } else { "sent at once" }.to_owned();
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
                (Some(words), key.is_some_and(|key| key.starts_with("bridge-")))
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
            let mut froms = lines(self.call.operation).map(|line| line.0);
            if froms.clone().any(|from| from == pointer) {
                continue;
            }
            if froms.any(|from| from.starts_with(&inside)) {
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
                found.tell(at, DifferenceKind::Extra, "does not happen".to_owned(), told);
            }
        }
    }

    fn unexplained(&self, at: &str, value: &Value, found: &mut Found) {
        match value {
            Value::Null => {}
            Value::Object(members) if !members.is_empty() && at != "/metadata" => {
                for (name, value) in members {
                    self.unexplained(&below(at, name), value, found);
                }
            }
            value => {
                if !lines(self.call.operation).any(|line| line.1 == at) {
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
            if !lines(self.call.operation).any(|line| line.1 == field.as_str()) {
                let shown = redact::shown(&field, &lossy(value).into());
                found.tell(field, DifferenceKind::Extra, "nothing".to_owned(), shown);
            }
        }
    }
}

fn is(text: Option<String>) -> Want {
    text.map_or(Want::Nothing, |text| Want::Is(text.into()))
}

fn minor(value: Option<&Value>) -> Option<Want> {
    let Some(Value::Number(number)) = value else {
        return None;
    };
    whole(number).map(|units| Want::Is(units.into()))
}

/// A text, or a number's digits.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => whole(number).map(|digits| digits.to_string()),
        _ => None,
    }
}

/// `20000` and `20000.0`.
fn whole(number: &Number) -> Option<i64> {
    let text = number.to_string();
    text.strip_suffix(".0").unwrap_or(&text).parse().ok()
}

/// The id, and a hash that fills the key up to 50 characters, with at most 32.
fn carries(key: &str, id: &str) -> bool {
    let hash = key.strip_prefix(id).and_then(|rest| rest.strip_prefix('-'));
    hash.is_some_and(|hash| {
        hash.len() == (49 - id.len().min(40)).min(32)
            && hash.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn same_type(one: &Value, other: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}
