//! What each line of the table of field rules wants of one call: the value at its place, and the losses to be told.
//!
//! Worked out from the call alone, by the words of the documents. Must not: call the translation, or look at the request
//! that was made of the call.

use http::HeaderValue;
use serde_json::{Number, Value};

use super::call::{DryCall, Recovery};
use super::fields::{How, Line, Setting};
use super::place::{ORDER, fixed, header, header_name, member};
use crate::ecom::route::Operation;
use crate::shadow::redact;
use crate::translate::loss::Loss;
use crate::types::{FieldPath, Scope};

/// Before a short order id.
const PREFIX: &str = "ecom-id-";
/// In metadata, and what the bridge calls itself.
pub(super) const MARKER: &str = "ecom-bridge";
/// No data beyond so many bytes is sure to fit into four values of 500 characters.
const SURE_TO_FIT: usize = 1_000;

/// What a line wants at its place.
#[derive(Debug, PartialEq)]
pub(super) enum Want {
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
pub(super) struct Lost {
    pub(super) at: FieldPath,
    pub(super) loss: Loss,
    pub(super) control: String,
    pub(super) sure: bool,
}

/// The call.
pub(super) struct Asked<'a> {
    pub(super) call: &'a DryCall<'a>,
    pub(super) request: &'a Value,
}

impl Asked<'_> {
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
    pub(super) fn wanted(&self, line: &Line) -> (Want, Vec<Lost>) {
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
                minor(value)
                    .filter(|want| *want != Want::Is(0.into()))
                    .unwrap_or(Want::Open),
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
            member(self.request, &pointer)
                .and_then(Value::as_str)
                .map_or(0, str::len)
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

pub(super) fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
