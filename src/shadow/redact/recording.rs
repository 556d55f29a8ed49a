//! What a recording keeps of a document: its form, so that it translates as before, and nothing personal.
//!
//! What finds something again becomes a pseudonym that is the same everywhere in one recording. What the translation
//! reads closely keeps its form: a phone number its length and country, an address its scheme, a text its length. All
//! else becomes a stand-in, the names of unknown members included. Must not: keep text that is not on a list.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Number, Value};
use sha2::Sha256;

use super::is_harmless;
use super::names::{self, Class};
use crate::epayment::problem::Problem;
use crate::translate::error::{During, Meaning, meaning};
use crate::translate::initiate::is_http_to_private_host;
use crate::types::MoneyOp;

/// The longest text that keeps its length, in characters. All limits of the two APIs lie far below.
const LONGEST: usize = 1_000;
/// What lies deeper than this is left out. The documents have four levels.
const DEEPEST: usize = 64;
/// Amounts that stand as text are kept up to so many digits: a phone number has 8 or more.
const DIGITS: usize = 7;
/// What the bridge itself puts before a short order id, and before a key of its own: both mean something.
const PREFIXES: [&str; 2] = ["ecom-id-", "bridge-"];
/// Of the network that makes pseudonyms.
const ROUNDS: u8 = 4;
/// Codes of countries whose customers Vipps MobilePay has.
const COUNTRIES: [&str; 4] = ["47", "45", "46", "358"];

/// Makes the documents of one recording fit to be kept. The key makes its pseudonyms, and is kept nowhere.
#[derive(Clone)]
pub struct Redactor {
    /// Filled up with zeros to a block of the hash, as HMAC does itself.
    key: [u8; 64],
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(hidden)")
    }
}

impl Redactor {
    /// For one recording; `key` is random and belongs to no other.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let mut block = [0; 64];
        block.iter_mut().zip(key).for_each(|(to, from)| *to = from);
        Self { key: block }
    }

    /// A document, a request or an answer of either API, without what is personal.
    #[must_use]
    pub fn redacted(&self, document: &Value) -> Value {
        self.value("", document, DEEPEST)
    }

    /// A header, if it is kept: by its name in lower case. Tokens and keys never are.
    #[must_use]
    pub fn header(&self, name: &str, value: &str) -> Option<String> {
        match name {
            "x-request-id" | "idempotency-key" | "merchant-serial-number" => Some(self.id(value)),
            "retry-after" if value.len() <= 5 && value.bytes().all(|b| b.is_ascii_digit()) => {
                Some(value.to_owned())
            }
            "retry-after" => Some("1".to_owned()),
            "content-type" => {
                let essence = value.split(';').next().unwrap_or("").trim();
                let known = ["application/json", "application/problem+json", "text/html"];
                let found = known.iter().find(|one| one.eq_ignore_ascii_case(essence));
                Some((*found.unwrap_or(&"application/octet-stream")).to_owned())
            }
            _ => None,
        }
    }

    /// The pseudonym of an order id, a reference, a request id, a key or a number: the same length, and at each place a
    /// character of the same kind. Equal texts have equal pseudonyms, others have others: shops count with one digit.
    #[must_use]
    pub fn id(&self, text: &str) -> String {
        if text.chars().count() > LONGEST {
            return hidden(text);
        }
        // Readers that cut blanks off must find the same number in both forms.
        let core = text.trim_matches(' ');
        if core.len() < text.len() && !core.is_empty() {
            return text.replacen(core, &self.id(core), 1);
        }
        for prefix in PREFIXES {
            if let Some(rest) = text.strip_prefix(prefix) {
                return format!("{prefix}{}", self.id(rest));
            }
        }
        let ascii = |c: char| if c.is_ascii() { c } else { 'ø' };
        let mut letters: Vec<char> = text.chars().map(ascii).collect();
        let middle = letters.len() / 2;
        // A Feistel network: each half moves the other one along its alphabets, so nothing falls together.
        for round in 0..ROUNDS {
            let (left, right) = letters.split_at_mut(middle);
            if round % 2 == 0 {
                self.shift(round, left, right, middle == 0);
            } else {
                self.shift(round, right, left, true);
            }
        }
        letters.into_iter().collect()
    }

    /// Moves each letter along its alphabet, by what the key makes of `by`. `first`: the text begins with them.
    fn shift(&self, round: u8, by: &[char], letters: &mut [char], first: bool) {
        let text: String = by.iter().collect();
        let seed = format!("{round} {} {text}", letters.len());
        let mut stream = Stream::new(&self.key, &seed);
        for (place, letter) in letters.iter_mut().enumerate() {
            let (from, count) = match letter {
                // A number does not change its length when it is read as one.
                '0' if first && place == 0 => continue,
                '1'..='9' if first && place == 0 => (b'1', 9),
                '0'..='9' => (b'0', 10),
                'a'..='z' => (b'a', 26),
                'A'..='Z' => (b'A', 26),
                _ => continue,
            };
            *letter = stream.moved(*letter, from, count);
        }
    }

    fn value(&self, name: &str, value: &Value, left: usize) -> Value {
        if left == 0 {
            return Value::Null;
        }
        match value {
            Value::Null => Value::Null,
            Value::Bool(_) if is_harmless(name, value) => value.clone(),
            Value::Bool(_) => Value::Bool(false),
            Value::Number(number) => self.number(name, number),
            Value::String(text) => Value::String(self.text(name, text)),
            Value::Array(entries) => entries
                .iter()
                .map(|entry| self.value(name, entry, left - 1))
                .collect(),
            Value::Object(members) => Value::Object(self.members(members, left - 1)),
        }
    }

    fn members(&self, members: &Map<String, Value>, left: usize) -> Map<String, Value> {
        let mut unknown = 0_u32;
        members
            .iter()
            .map(|(name, value)| {
                if names::is_known(name) {
                    return (name.clone(), self.value(name, value, left));
                }
                unknown += 1;
                (format!("unknown{unknown}"), self.value("", value, left))
            })
            .collect()
    }

    fn number(&self, name: &str, number: &Number) -> Value {
        let text = number.to_string();
        let whole = number.is_i64() || number.is_u64();
        let made = match names::class(name) {
            Class::Amount => return Value::Number(number.clone()),
            // The number of an error, or of an HTTP status.
            Class::Code | Class::Word if whole && text.len() <= 5 => {
                return Value::Number(number.clone());
            }
            Class::Id | Class::Card => self.id(&text),
            Class::Phone => phone(&text),
            _ if whole => "0".to_owned(),
            _ => return Value::from(0.0),
        };
        let number = |text: &str| text.parse::<u64>().map(Value::from).ok();
        number(&made).unwrap_or_else(|| Value::from(0))
    }

    fn text(&self, name: &str, text: &str) -> String {
        let value = Value::String(text.to_owned());
        if text.trim().is_empty() || is_harmless(name, &value) {
            return text.chars().take(LONGEST).collect();
        }
        match names::class(name) {
            Class::Amount if is_small_number(text) => text.to_owned(),
            Class::Flag if ["true", "false"].contains(&text) => text.to_owned(),
            Class::Title if is_known_title(text) => text.to_owned(),
            Class::Id | Class::Card => self.id(text),
            Class::Phone => phone(text),
            Class::Address => address(text),
            Class::Mail if text.contains('@') => "user@mail.example".to_owned(),
            Class::FirstName => "First".to_owned(),
            Class::LastName => "Last".to_owned(),
            _ => hidden(text),
        }
    }
}

/// Only its length, and where it has control characters: the translation makes blanks of them.
fn hidden(text: &str) -> String {
    let letters = text.chars().take(LONGEST);
    letters
        .map(|c| if c.is_control() { '\n' } else { 'x' })
        .collect()
}

fn is_small_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"-.".contains(&b));
    plain && digits <= DIGITS
}

/// Whether the translation knows a refusal by this title.
fn is_known_title(title: &str) -> bool {
    let problem = Problem {
        title: title.to_owned(),
        ..Problem::default()
    };
    let all = [
        During::Initiate,
        During::Adjust(MoneyOp::Capture),
        During::Read,
        During::Approve,
    ];
    // A status that says nothing by itself.
    all.into_iter()
        .any(|during| meaning(&problem, 400, during) != Meaning::Unknown)
}

/// A number of the same form and length: the country stays, the subscriber is 9 and zeros (zeros alone are no number).
fn phone(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.bytes().all(|b| b == b'0') {
        return text
            .chars()
            .take(LONGEST)
            .map(|c| if c == '0' { '0' } else { mark(c) })
            .collect();
    }
    let international = digits.strip_prefix("00").unwrap_or(&digits);
    let country = COUNTRIES
        .iter()
        .find(|code| international.len() >= 10 && international.starts_with(**code));
    let kept = digits.len() - international.len() + country.map_or(0, |code| code.len());
    let mut place = 0;
    text.chars()
        .take(LONGEST)
        .map(|c| {
            if !c.is_ascii_digit() {
                return mark(c);
            }
            place += 1;
            match place {
                _ if place <= kept => c,
                _ if place == kept + 1 => '9',
                _ => '0',
            }
        })
        .collect()
}

/// What stands between the digits of a phone number; anything else makes it none.
fn mark(c: char) -> char {
    if matches!(c, ' ' | '-' | '(' | ')' | '.' | '+' | '\u{a0}') {
        c
    } else {
        'x'
    }
}

/// An address of the same kind and length; `INTENT` and a scheme alone are kinds of their own.
fn address(text: &str) -> String {
    if text == "INTENT" {
        return text.to_owned();
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return hidden(text);
    };
    let after = rest.trim_start_matches('/');
    let slashes = rest.get(..rest.len() - after.len()).unwrap_or("");
    let web = ["https", "http"];
    let web = web.iter().find(|known| known.eq_ignore_ascii_case(scheme));
    let mut made = match web {
        Some(scheme) if slashes != "//" || after.is_empty() => format!("{scheme}:{slashes}"),
        Some(scheme) if is_http_to_private_host(text) => format!("{scheme}://localhost/"),
        Some(scheme) => format!("{scheme}://shop.example/"),
        None if is_scheme(scheme) => format!("myapp:{slashes}"),
        None => return hidden(text),
    };
    if !after.is_empty() {
        let missing = text
            .chars()
            .take(LONGEST)
            .count()
            .saturating_sub(made.len());
        made.push_str(&"x".repeat(missing.max(1)));
    }
    made
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Bytes that only the key and the text decide.
struct Stream<'a> {
    key: &'a [u8; 64],
    text: &'a str,
    round: u32,
    bytes: Vec<u8>,
}

impl<'a> Stream<'a> {
    const fn new(key: &'a [u8; 64], text: &'a str) -> Self {
        Self {
            key,
            text,
            round: 0,
            bytes: Vec::new(),
        }
    }

    /// The letter so many places on among `count` letters from `from` on; 255 is not a multiple of `count`, and for a
    /// stand-in that is even enough.
    fn moved(&mut self, letter: char, from: u8, count: u8) -> char {
        let place = u32::from(letter).saturating_sub(u32::from(from)) + u32::from(self.byte());
        let moved = u8::try_from(place % u32::from(count)).unwrap_or(0);
        char::from(from + moved)
    }

    fn byte(&mut self) -> u8 {
        if let Some(byte) = self.bytes.pop() {
            return byte;
        }
        let mut mac = Hmac::<Sha256>::new(self.key.into());
        mac.update(&self.round.to_be_bytes());
        mac.update(self.text.as_bytes());
        self.round += 1;
        self.bytes = mac.finalize().into_bytes().to_vec();
        self.bytes.pop().unwrap_or(0)
    }
}
