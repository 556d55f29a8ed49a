//! From bytes to a request: JSON of one object, nothing after it, no key with two readings.
//!
//! An error names the place, never the value (it may be personal). Members that the type does not know are listed, so
//! that they can be counted. Must not: judge the members (`translate` does).

use serde::de::DeserializeOwned;

/// Why bytes are not a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReadable {
    /// The member's path, or `body`.
    pub place: String,
    /// What is wrong.
    pub why: String,
}

/// Reads one object of type `T`; gives it with the paths of members that `T` does not know.
///
/// # Errors
/// `NotReadable` for anything that is not one JSON object in UTF-8, and for a known member that stands twice.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<(T, Vec<String>), NotReadable> {
    let body_is = |why: String| NotReadable {
        place: "body".to_owned(),
        why,
    };
    match body.iter().find(|b| !b.is_ascii_whitespace()) {
        None => return Err(body_is("is empty; a JSON object is expected".to_owned())),
        Some(b'{') => {}
        Some(_) => return Err(body_is("is not a JSON object in UTF-8".to_owned())),
    }
    let mut unknown = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let read = serde_ignored::deserialize(tracked, |path| {
        if unknown.len() < 16 {
            unknown.push(path.to_string());
        }
    });
    let value: T = read.map_err(|error: serde_json::Error| {
        let path = track.path().to_string();
        let known = path.trim_end_matches(['.', '?']);
        let place = if known.is_empty() { "body" } else { known }.to_owned();
        NotReadable {
            place,
            why: describe(&error),
        }
    })?;
    reader.end().map_err(|error| body_is(describe(&error)))?;
    Ok((value, unknown))
}

/// The reader's words, but for those that could quote a value.
fn describe(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            "is not valid JSON"
        }
        serde_json::error::Category::Data if error.to_string().starts_with("duplicate field") => {
            "has a member that stands twice"
        }
        serde_json::error::Category::Data => "has a value of the wrong type",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::super::request::{Adjust, InitiatePayment};
    use super::*;

    fn why(body: &[u8]) -> String {
        let error = object::<InitiatePayment>(body).unwrap_err();
        format!("{}: {}", error.place, error.why)
    }

    #[test]
    fn what_is_not_one_object_is_refused_with_its_place() {
        let deep = [b"{\"x\":".repeat(100_000), b"1".to_vec()].concat();
        let bodies: [&[u8]; 13] = [
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
            b"{\"transaction\":{\"transactionText\":\"\\ud800\"}}",
            b"{\"transaction\":{\"transactionText\":\"\xff\"}}",
        ];
        let said: Vec<_> = bodies.iter().map(|body| why(body)).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        body: is empty; a JSON object is expected
        body: is empty; a JSON object is expected
        body: is not a JSON object in UTF-8
        body: is not a JSON object in UTF-8
        body: is not a JSON object in UTF-8
        body: is not a JSON object in UTF-8
        body: ends too early (line 1, column 1)
        body: is not valid JSON (line 1, column 3)
        transaction: has a member that stands twice (line 1, column 35)
        transaction.amount: is not valid JSON (line 1, column 26)
        transaction.amount: is not valid JSON (line 1, column 30)
        transaction.transactionText: is not valid JSON (line 1, column 42)
        transaction.transactionText: is not valid JSON (line 1, column 36)
        ");
        assert!(object::<InitiatePayment>(&deep).is_err());
    }

    #[test]
    fn unknown_members_are_listed_and_harmless() {
        let (read, unknown) = object::<Adjust>(
            br#"{"a":1,"transaction":{"amount":5,"b":{"c":[1]}},"merchantInfo":{}}"#,
        )
        .unwrap();
        assert_eq!(unknown, ["a", "transaction.b"]);
        assert_eq!(read.transaction.get().unwrap().0.amount.get(), Some(&5));
    }
}
