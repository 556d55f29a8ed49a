//! From bytes to a request: JSON of one object, nothing after it, no key with two readings.
//!
//! An error names the place, never the value (it may be personal). Members that the type does not know are listed, so
//! that they can be counted. Must not: judge the members (`translate` does).

use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use super::error::Failure;
use super::fold::{Folded, noticing_unknown};
use super::lenient::vanishes;

/// The most unknown members that are listed.
const LISTED_MAX: usize = 16;

/// Reads one object of type `T`; gives it with the paths of members that `T` does not know.
///
/// # Errors
/// `InvalidRequest` for anything that is not one JSON object in UTF-8, and for a known member that stands twice.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<(T, Vec<String>), Failure> {
    if body.trim_ascii().is_empty() {
        return Err(not_read("is empty, but must be a JSON object"));
    }
    if body.starts_with(b"\xEF\xBB\xBF") {
        return Err(not_read(
            "begins with a byte order mark; send JSON without one",
        ));
    }
    let text = std::str::from_utf8(body)
        .map_err(|error| not_read(&format!("is not UTF-8 (byte {})", error.valid_up_to())))?;
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(not_read("must be a JSON object"));
    }
    if vanishes(text) {
        return Err(not_read("holds a number that is too small to be read"));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let (read, has_unknown) = noticing_unknown(|| Root::<T>::deserialize(&mut reader));
    let Root(value) = read.map_err(|error| misfit(&path_of_misfit::<T>(text), &error))?;
    reader.end().map_err(|error| misfit(".", &error))?;
    let unknown = if has_unknown {
        unknown_of::<T>(text)
    } else {
        Vec::new()
    };
    Ok((value, unknown))
}

// Both of these read once more: nearly all bodies fit, and paths cost an allocation for each member.

/// The paths of members that `T` does not know.
fn unknown_of<T: DeserializeOwned>(text: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    let _read = serde_ignored::deserialize::<_, _, Root<T>>(&mut reader, |path| {
        if unknown.len() < LISTED_MAX {
            unknown.push(path.to_string());
        }
    });
    unknown
}

/// Where the first thing stands that does not fit.
fn path_of_misfit<T: DeserializeOwned>(text: &str) -> String {
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let _misfit = Root::<T>::deserialize(tracked);
    let path = track.path().to_string();
    path.trim_end_matches(['.', '?']).to_owned()
}

/// The members of the outermost object.
struct Root<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Root<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(Folded(deserializer)).map(Self)
    }
}

fn not_read(what: &str) -> Failure {
    Failure::field("body", format!("The body {what}"))
}

/// Names the member and says what was expected; the reader's own text would quote what it found.
fn misfit(path: &str, error: &serde_json::Error) -> Failure {
    let place = format!("line {} column {}", error.line(), error.column());
    let text = error.to_string();
    let named = |prefix: &str| {
        let rest = text.strip_prefix(prefix)?;
        let name = rest.split('`').next()?;
        is_name(name).then_some(name)
    };
    let parent = if is_name(path) { path } else { "" };
    let member = |name: &str| {
        if parent.is_empty() {
            name.to_owned()
        } else {
            format!("{parent}.{name}")
        }
    };
    if error.is_data() {
        if let Some(name) = named("missing field `") {
            return Failure::field(member(name), format!("Is missing ({place})"));
        }
        if let Some(name) = named("duplicate field `") {
            // The path may stand at the member itself by then.
            let last = parent.rsplit('.').next() == Some(name);
            let path = if last {
                parent.to_owned()
            } else {
                member(name)
            };
            return Failure::field(path, format!("Stands twice ({place})"));
        }
        let path = if parent.is_empty() { "body" } else { parent };
        return Failure::field(path, format!("Has a value of the wrong type ({place})"));
    }
    // Where the text ends says nothing about the member it ends in.
    let path = if parent.is_empty() || error.is_eof() {
        "body"
    } else {
        parent
    };
    let what = if error.is_eof() {
        "The JSON ends too early"
    } else {
        "The body is no valid JSON from here on"
    };
    Failure::field(path, format!("{what} ({place})"))
}

/// Whether a path may be shown: the client chose it, too.
fn is_name(path: &str) -> bool {
    (1..=100).contains(&path.len())
        && path != "."
        && path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::super::request::{Adjust, InitiatePayment};
    use super::*;

    fn why(body: &[u8]) -> String {
        let failure = object::<InitiatePayment>(body).unwrap_err();
        let (_, place, why) = &failure.entries[0];
        format!("{place}: {why}")
    }

    #[test]
    fn what_is_not_one_object_is_refused_with_its_place() {
        let deep = [b"{\"x\":".repeat(100_000), b"1".to_vec()].concat();
        let bodies: [&[u8]; 14] = [
            b"",
            b"  ",
            b"null",
            b"[]",
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\0}\0",
            b"{",
            b"{}{}",
            b"{\"transaction\":{\"amount\":1,\"amount\":2}}",
            b"{\"transaction\":{\"amount\":NaN}}",
            b"{\"transaction\":{\"amount\":1e400}}",
            b"{\"\\\"\":\"\",\"transaction\":{\"amount\":-0.1e-400}}",
            b"{\"transaction\":{\"transactionText\":\"\\ud800\"}}",
            b"{\"transaction\":{\"transactionText\":\"\xff\"}}",
        ];
        let said: Vec<_> = bodies.iter().map(|body| why(body)).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        body: The body is empty, but must be a JSON object
        body: The body is empty, but must be a JSON object
        body: The body must be a JSON object
        body: The body must be a JSON object
        body: The body begins with a byte order mark; send JSON without one
        body: The body is not UTF-8 (byte 0)
        body: The JSON ends too early (line 1 column 1)
        body: The body is no valid JSON from here on (line 1 column 3)
        transaction.amount: Stands twice (line 1 column 35)
        transaction.amount: The body is no valid JSON from here on (line 1 column 26)
        transaction.amount: The body is no valid JSON from here on (line 1 column 30)
        body: The body holds a number that is too small to be read
        transaction.transactionText: The body is no valid JSON from here on (line 1 column 42)
        body: The body is not UTF-8 (byte 35)
        ");
        assert!(object::<InitiatePayment>(&deep).is_err());
    }

    /// E6: whatever reads `Amount` as `amount` or does not, nobody may read a part as all that remains, or Express as
    /// regular.
    #[test]
    fn e6_a_name_in_another_letter_case_is_that_name() {
        let (read, unknown) = object::<Adjust>(
            br#"{"Transaction":{"AMOUNT":5,"b":1},"MerchantInfo":{"MERCHANTSERIALNUMBER":"123456"}}"#,
        )
        .unwrap();
        let amount = &read.transaction.get().unwrap().0.amount;
        assert_eq!(
            (amount.get(), unknown),
            (Some(&5), vec!["Transaction.b".to_owned()])
        );
        assert!(
            read.merchant_info
                .get()
                .unwrap()
                .0
                .merchant_serial_number
                .is_there()
        );
        for (body, place) in [
            (
                r#"{"transaction":{"amount":5,"Amount":6}}"#,
                "transaction.amount",
            ),
            (
                r#"{"transaction":{"Amount":5,"amount":5}}"#,
                "transaction.amount",
            ),
            (r#"{"transaction":{},"TRANSACTION":{}}"#, "transaction"),
            (
                r#"{"merchantInfo":{"paymentType":"a","payment\u0054YPE":"b"}}"#,
                "merchantInfo.paymentType",
            ),
        ] {
            let said = why(body.as_bytes());
            assert!(said.contains("Stands twice"), "{said}");
            let told = said.split(':').next().unwrap();
            assert!(told.eq_ignore_ascii_case(place), "{said}");
        }
        // Only letters of ASCII: a dotless i is another name.
        let (read, unknown) = object::<Adjust>("{\"transact\u{131}on\":{}}".as_bytes()).unwrap();
        assert!(!read.transaction.is_there() && unknown.len() == 1);
    }

    #[test]
    fn e7_unknown_members_are_listed_and_harmless() {
        let (read, unknown) = object::<Adjust>(
            br#"{"a":1,"transaction":{"amount":5,"b":{"c":[1]}},"merchantInfo":{}}"#,
        )
        .unwrap();
        assert_eq!(unknown, ["a", "transaction.b"]);
        assert_eq!(read.transaction.get().unwrap().0.amount.get(), Some(&5));
    }
}
