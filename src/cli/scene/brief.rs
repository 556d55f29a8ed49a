//! Text and JSON made short enough to read: words wrapped, secrets hidden, times and trace ids left out.
//!
//! Pure. Must not: show an access token, a subscription key or a callback token.

use serde_json::{Map, Value};

/// A longer string is cut.
const LONGEST_TEXT: usize = 36;

/// Members that hide their value.
const SECRET: [&str; 5] = ["access_token", "authToken", "token", "secret", "sub"];

/// Members that say nothing about the translation.
const LEFT_OUT: [&str; 12] = [
    "timeStamp",
    "contextId",
    "metadata",
    "expires_on",
    "ext_expires_in",
    "not_before",
    "resource",
    "customerInteraction",
    "paymentMethod",
    "staticShippingDetails",
    "consentRemovalPrefix",
    "bankIdentificationNumber",
];

/// Members that were shown once, and are left out from then on.
const KNOWN: [&str; 11] = [
    "merchantSerialNumber",
    "callbackPrefix",
    "fallBack",
    "authToken",
    "customerInfo",
    "customer",
    "returnUrl",
    "userFlow",
    "paymentDescription",
    "transactionText",
    "remainingAmountToRefund",
];

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Detail {
    Full,
    /// Without what was shown before.
    Terse,
}

/// Text in lines of at most `width`, broken at blanks where there are any.
pub(in crate::cli) fn wrap(text: &str, width: usize) -> Vec<String> {
    fill(text.split_inclusive(' '), width)
}

/// JSON in lines of at most `width`, broken after commas.
pub(in crate::cli) fn json(value: &Value, detail: Detail, width: usize) -> Vec<String> {
    let Some(value) = short("", value, detail) else {
        return Vec::new();
    };
    let text = value.to_string();
    let (mut inside, mut escaped, mut at) = (false, false, 0);
    let mut pieces = Vec::new();
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            ',' if !inside => {
                pieces.push(&text[at..=index]);
                at = index + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[at..]);
    fill(pieces.into_iter(), width)
}

/// Lines filled with pieces that stay whole where they can.
fn fill<'t>(pieces: impl Iterator<Item = &'t str>, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut push = |piece: &str| {
        if let Some(line) = lines.last_mut()
            && line.chars().count() + piece.trim_end().chars().count() <= width
        {
            line.push_str(piece);
        } else {
            lines.push(piece.to_owned());
        }
    };
    for piece in pieces {
        if piece.chars().count() <= width {
            push(piece);
            continue;
        }
        // Too long for a line of its own: at blanks, or anywhere.
        for word in piece.split_inclusive(' ') {
            let letters: Vec<char> = word.chars().collect();
            for part in letters.chunks(width) {
                push(&part.iter().collect::<String>());
            }
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

fn short(name: &str, value: &Value, detail: Detail) -> Option<Value> {
    if LEFT_OUT.contains(&name) || (detail == Detail::Terse && KNOWN.contains(&name)) {
        return None;
    }
    if SECRET.contains(&name) && value.is_string() {
        return Some(Value::from("***"));
    }
    Some(match value {
        Value::Array(all) if name == "transactionLogHistory" => {
            Value::Array(all.iter().map(entry).collect())
        }
        Value::Array(all) if name == "events" => Value::from(format!("{} events", all.len())),
        // Of a user only how much is told.
        Value::Object(members) if name == "userDetails" => {
            Value::from(format!("{} members", members.len()))
        }
        Value::Array(all) => {
            Value::Array(all.iter().filter_map(|v| short("", v, detail)).collect())
        }
        Value::Object(members) => {
            let kept = members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), short(name, value, detail)?)));
            let kept: Map<_, _> = kept.collect();
            if kept.is_empty() && !members.is_empty() && name != "transaction" {
                return None;
            }
            Value::Object(kept)
        }
        Value::String(text) if name != "errorMessage" && text.chars().count() > LONGEST_TEXT => {
            let start: String = text.chars().take(LONGEST_TEXT - 3).collect();
            Value::from(format!("{start}..."))
        }
        other => other.clone(),
    })
}

/// One entry of the log in a few words.
fn entry(entry: &Value) -> Value {
    let failed = entry.get("operationSuccess") == Some(&Value::Bool(false));
    let word = entry.get("operation").and_then(Value::as_str);
    let amount = entry.get("amount").and_then(Value::as_i64);
    let mut text = format!("{} {}", word.unwrap_or("?"), amount.unwrap_or_default());
    if failed {
        text.push_str(" (failed)");
    }
    Value::from(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_and_long_texts_cut() {
        let lines = json(
            &json!({"authToken": "s3cret", "access_token": "s3cret", "n": [{"token": "s3cret"}],
                "url": "https://a.example/".repeat(9), "timeStamp": "now"}),
            Detail::Full,
            68,
        );
        let text = lines.concat();
        assert!(!text.contains("s3cret") && !text.contains("timeStamp"));
        assert!(text.contains("...\"") && text.contains("\"***\""));
        assert!(lines.iter().all(|line| line.len() <= 68));
    }

    #[test]
    fn json_breaks_after_commas_outside_of_texts() {
        let value = json!({"a": "one, two", "b": "q\",z", "c": 3});
        assert_eq!(
            json(&value, Detail::Full, 17),
            ["{\"a\":\"one, two\",", "\"b\":\"q\\\",z\",", "\"c\":3}"]
        );
    }

    #[test]
    fn what_was_shown_before_is_left_out() {
        let value =
            json!({"merchantInfo": {"authToken": "a"}, "transaction": {"amount": 1}, "n": {}});
        assert_eq!(
            json(&value, Detail::Terse, 80),
            [r#"{"n":{},"transaction":{"amount":1}}"#]
        );
    }

    #[test]
    fn words_wrap() {
        assert_eq!(wrap("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert!(wrap("", 3).is_empty());
    }

    #[test]
    fn a_log_entry_is_its_operation_and_amount() {
        let value = json!({"transactionLogHistory": [
            {"operation": "CAPTURE", "amount": 100, "operationSuccess": false},
            {"operation": "RESERVE", "amount": 200, "operationSuccess": true}]});
        assert_eq!(
            json(&value, Detail::Full, 80).concat(),
            r#"{"transactionLogHistory":["CAPTURE 100 (failed)","RESERVE 200"]}"#
        );
    }
}
