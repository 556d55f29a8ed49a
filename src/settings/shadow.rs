//! Reads `[shadow]` and `[merchants.shadow]`.
//!
//! Must not: show a credential or a number, or let a mode through that can't do what it says (`rules` refuses those).

use secrecy::SecretString;

use super::file::Section;
use super::merchants::{both, client_id, optional};
use super::model::{Ignored, MerchantShadow, Shadow, ShadowMode};
use super::shown;
use super::tree::{Node, Table, Value};
use crate::ecom::route::Operation;
use crate::types::{FieldPath, Moment, Msn};

const IGNORE_FORM: &str = "Begin each path with /, such as \"/transactionInfo/timeStamp\", or write { path = \"/…\", reason = \"…\" }, with operation and until where wanted";

/// The keys of a table in `shadow.ignore`.
const RULE: [&str; 4] = ["path", "operation", "reason", "until"];

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
    s.show("ignore", shown_rules(items), node);
    let read = items.iter().map(item).collect();
    checked(s, read)
}

/// As TOML, too, where it holds rules; a table that is none only as one.
fn shown_rules(items: &[Node]) -> String {
    let one = |node: &Node| match &node.value {
        Value::Table(table)
            if table.iter().all(|(key, node)| {
                RULE.contains(&key.as_str()) && matches!(node.value, Value::Text(_))
            }) =>
        {
            let written = RULE.iter().filter_map(|key| Some((key, table.get(*key)?)));
            let keys: Vec<String> = written
                .map(|(key, node)| format!("{key} = {}", shown::plain(node)))
                .collect();
            format!("{{ {} }}", keys.join(", "))
        }
        _ => shown::plain(node),
    };
    let all: Vec<String> = items.iter().map(one).collect();
    format!("[{}]", all.join(", "))
}

fn checked(s: &mut Section<'_, '_>, read: Vec<Result<Ignored, String>>) -> Option<Vec<Ignored>> {
    let mut all: Vec<Ignored> = Vec::with_capacity(read.len());
    let mut whole = true;
    let path = s.path("ignore");
    for (item, one) in (1..).zip(read) {
        let refused = match &one {
            Ok(rule) if covers_everything(&rule.path) => Some((
                "covers every field, so that nothing would be compared".to_owned(),
                "Name the members that may differ, or take the operation out of shadow.operations",
            )),
            Ok(_) => None,
            Err(why) => Some((why.clone(), IGNORE_FORM)),
        };
        if let Some((why, remedy)) = refused {
            whole = false;
            s.report
                .problem(&path, format!("item {item} {why}"), remedy);
        }
        let Ok(rule) = one else { continue };
        if rule.reason.is_empty() {
            s.report.warn(
                &path,
                format!("item {item} says no reason"),
                "Write { path = \"…\", reason = \"…\" }, so that whoever reads the report knows why",
            );
        }
        let same = |other: &Ignored| (&other.path, other.operation) == (&rule.path, rule.operation);
        if let Some(at) = all.iter().position(same) {
            s.report.warn(
                &path,
                format!("item {item} says the same as item {}", at + 1),
                "Remove one of them",
            );
        }
        all.push(rule);
    }
    whole.then_some(all)
}

/// A pointer of which no level has a name.
fn covers_everything(path: &str) -> bool {
    path.strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(|step| matches!(step, "" | "*")))
}

/// What `shadow` can look for: a pointer whose `~` are escapes, or a field beside the body's members.
fn is_path(path: &str) -> bool {
    let fits = match path.strip_prefix('(').map(str::to_ascii_lowercase) {
        None => path
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with(['0', '1'])),
        Some(name) => match name.strip_prefix("header ") {
            Some(header) => header
                .strip_suffix(')')
                .is_some_and(|header| http::HeaderName::try_from(header).is_ok()),
            None => matches!(name.as_str(), "status)" | "body)"),
        },
    };
    fits && FieldPath::parse(path).is_some()
}

fn only_path(path: &str) -> Result<Ignored, String> {
    if !is_path(path) {
        return Err("is no JSON pointer and no (status), (body) or (header name)".to_owned());
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
    if let Some(key) = table.keys().find(|key| !RULE.contains(&key.as_str())) {
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
    let msn = optional(&mut s, "msn", msn);
    let subscription_key = optional(&mut s, "subscription_key", Section::secret);
    s.file_of("subscription_key_file");
    let client_id = optional(&mut s, "client_id", client_id);
    s.file_of("client_id_file");
    let client_secret = optional(&mut s, "client_secret", Section::secret);
    s.file_of("client_secret_file");
    let phone_number = optional(&mut s, "phone_number", phone_number);
    both(&mut s, client_id.as_ref(), client_secret.as_ref());
    let is_table = s.is_table();
    s.finish();
    if !is_table {
        return None;
    }
    Some(MerchantShadow {
        enabled: enabled?.unwrap_or(true),
        sample_percent: sample_percent?,
        msn: msn?.flatten(),
        subscription_key: subscription_key?.flatten(),
        client_id: client_id?.flatten(),
        client_secret: client_secret?.flatten(),
        phone_number: phone_number?.flatten(),
    })
}

/// The inner `None`: left empty.
fn msn(s: &mut Section<'_, '_>, key: &'static str) -> Option<Option<Msn>> {
    let read = |text: &str| match (text, Msn::parse(text)) {
        ("", _) => Ok(None),
        (_, None) => Err("a merchant serial number is 4 to 7 digits"),
        (_, msn) => Ok(msn),
    };
    s.parse(key, read, "Write it in quotes, such as \"123456\"")
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
