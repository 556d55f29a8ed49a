//! Reads `[shadow]` and `[merchants.shadow]`.
//!
//! Must not: show a credential or a number, or let a mode through that can't do what it says (`rules` refuses those).

use secrecy::SecretString;

use super::file::Section;
use super::merchants::{client_id, optional};
use super::model::{Ignored, MerchantShadow, Shadow, ShadowMode};
use super::shown;
use super::tree::{Node, Table, Value};
use crate::ecom::route::Operation;
use crate::types::{FieldPath, Moment, Msn};

const IGNORE_FORM: &str = "Begin each path with /, such as \"/transactionInfo/timeStamp\", or write { path = \"/…\", reason = \"…\" }, with operation and until where wanted";

/// `[shadow]`.
pub(super) fn read(mut s: Section<'_, '_>) -> Option<Shadow> {
    let modes = [
        ("off", ShadowMode::Off),
        ("dry", ShadowMode::Dry),
        ("read", ShadowMode::Read),
        ("write", ShadowMode::Write),
    ];
    let mode = s.word("mode", &modes);
    let sample_percent = s.whole("sample_percent", 0..=100);
    let operations = operations(&mut s);
    let queue = s.whole("queue", 1..=1_000_000);
    let concurrency = s.whole("concurrency", 1..=1_000);
    let timeout = s.duration("timeout", "100ms"..="1m");
    let reads_per_second = s.whole("reads_per_second", 1..=10_000);
    let upstream_base_url = s.base_url("upstream_base_url");
    let noise_percent = s.whole("noise_percent", 0..=100);
    let ignore = ignore(&mut s);
    let record_file = s.text("record_file").map(|text| match text {
        "" => None,
        path => Some(path.into()),
    });
    let record_max = s.size("record_max", 1 << 16..=1 << 36);
    s.finish();
    Some(Shadow {
        mode: mode?,
        sample_percent: sample_percent?,
        operations: operations?,
        queue: queue?,
        concurrency: concurrency?,
        timeout: timeout?,
        reads_per_second: reads_per_second?,
        upstream_base_url: upstream_base_url?,
        noise_percent: noise_percent?,
        ignore: ignore?,
        record_file: record_file?,
        record_max: record_max? as u64,
    })
}

fn operation(word: &str) -> Option<Operation> {
    Operation::ALL.into_iter().find(|one| one.word() == word)
}

fn words() -> String {
    let all: Vec<&str> = Operation::ALL.into_iter().map(Operation::word).collect();
    all.join(", ")
}

fn operations(s: &mut Section<'_, '_>) -> Option<Vec<Operation>> {
    let words_here = s.texts("operations")?;
    match words_here.iter().position(|word| operation(word).is_none()) {
        Some(at) => s.fail(
            "operations",
            format!("item {} is no operation", at + 1),
            &format!("Known are {}", words()),
        ),
        None => Some(words_here.into_iter().filter_map(operation).collect()),
    }
}

/// A list of paths, or of tables that say why. In the environment, paths separated by commas.
fn ignore(s: &mut Section<'_, '_>) -> Option<Vec<Ignored>> {
    let node = s.node("ignore")?;
    let Value::List(items) = &node.value else {
        let paths = s.texts("ignore")?;
        let read = paths.into_iter().map(only_path).collect();
        return checked(s, read);
    };
    s.show("ignore", shown::list(node), node);
    let read = items.iter().map(item).collect();
    checked(s, read)
}

fn checked(s: &mut Section<'_, '_>, read: Vec<Result<Ignored, String>>) -> Option<Vec<Ignored>> {
    let mut all = Vec::with_capacity(read.len());
    let mut whole = true;
    for (at, one) in read.into_iter().enumerate() {
        match one {
            Ok(rule) => {
                if rule.reason.is_empty() {
                    let path = s.path("ignore");
                    s.report.warn(
                        &path,
                        format!("item {} says no reason", at + 1),
                        "Write { path = \"…\", reason = \"…\" }, so that whoever reads the report knows why",
                    );
                }
                all.push(rule);
            }
            Err(why) => {
                whole = false;
                let _reported: Option<()> =
                    s.fail("ignore", format!("item {} {why}", at + 1), IGNORE_FORM);
            }
        }
    }
    whole.then_some(all)
}

fn only_path(path: &str) -> Result<Ignored, String> {
    if FieldPath::parse(path).is_none() || path.is_empty() {
        return Err("is no JSON pointer".to_owned());
    }
    Ok(Ignored {
        path: path.to_owned(),
        operation: None,
        reason: String::new(),
        until: None,
    })
}

fn item(node: &Node) -> Result<Ignored, String> {
    match &node.value {
        Value::Text(path) => only_path(path),
        Value::Table(table) => rule(table),
        other => Err(format!("is {}", other.kind())),
    }
}

fn rule(table: &Table) -> Result<Ignored, String> {
    const KNOWN: [&str; 4] = ["path", "operation", "reason", "until"];
    if let Some(key) = table.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        let key = shown::key(key);
        return Err(format!("has a key \"{key}\", which is not known here"));
    }
    let text = |name: &str| match table.get(name).map(|node| &node.value) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text.as_str())),
        Some(other) => Err(format!("has a {name} that is {}", other.kind())),
    };
    let mut rule = only_path(text("path")?.ok_or("has no path")?)?;
    rule.operation = match text("operation")? {
        None => None,
        Some(word) => Some(
            operation(word)
                .ok_or_else(|| format!("has an unknown operation; known are {}", words()))?,
        ),
    };
    rule.reason = text("reason")?.unwrap_or_default().trim().to_owned();
    rule.until = match text("until")? {
        None => None,
        Some(day) => Some(
            until(day)
                .ok_or("has an until that is no day, such as \"2027-01-31\", and no time in UTC")?,
        ),
    };
    Ok(rule)
}

/// A day, whose beginning counts, or a time.
fn until(text: &str) -> Option<Moment> {
    Moment::parse(text).or_else(|| Moment::parse(&format!("{text}T00:00:00Z")))
}

/// `[merchants.shadow]`.
pub(super) fn of_merchant(mut s: Section<'_, '_>) -> Option<MerchantShadow> {
    let enabled = optional(&mut s, "enabled", Section::truth);
    let sample_percent = optional(&mut s, "sample_percent", |s, key| s.whole(key, 0..=100));
    let msn = optional(&mut s, "msn", |s, key| {
        let parsed = s.text(key).map(Msn::parse)?;
        match parsed {
            Some(msn) => Some(msn),
            None => s.fail(
                key,
                "a merchant serial number is 4 to 7 digits",
                "Write it in quotes, such as \"123456\"",
            ),
        }
    });
    let subscription_key = optional(&mut s, "subscription_key", Section::secret);
    let client_id = optional(&mut s, "client_id", client_id);
    let client_secret = optional(&mut s, "client_secret", Section::secret);
    let phone_number = optional(&mut s, "phone_number", phone_number);
    let is_table = s.is_table();
    s.finish();
    if !is_table {
        return None;
    }
    Some(MerchantShadow {
        enabled: enabled?.unwrap_or(true),
        sample_percent: sample_percent?,
        msn: msn?,
        subscription_key: subscription_key?.flatten(),
        client_id: client_id?.flatten(),
        client_secret: client_secret?.flatten(),
        phone_number: phone_number?.flatten(),
    })
}

/// 10 to 15 digits, as ePayment wants them; never shown.
fn phone_number(s: &mut Section<'_, '_>, key: &'static str) -> Option<Option<SecretString>> {
    let text = s.hidden(key)?;
    if text.is_empty() {
        return Some(None);
    }
    if !(10..=15).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return s.fail(
            key,
            "a phone number is 10 to 15 digits that begin with the country code",
            "Write it without + and blanks, such as \"4712345678\"",
        );
    }
    Some(Some(SecretString::from(text)))
}
