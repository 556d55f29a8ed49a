//! Problem JSON, as ePayment words its refusals.
//!
//! Identity: the number in `extraDetails` under the name `ErrorCode`; without one the title. `type` only repeats the
//! status. Must not: decide what a problem means to eCom (`translate::error`).

use serde::{Deserialize, Serialize};

/// One refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Repeats the status.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// Its name; may be reworded.
    pub title: String,
    /// This occurrence.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// Repeats the HTTP status; not used, so its type does not matter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<serde_json::Value>,
    /// Finds it in Vipps' logs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace_id: Option<String>,
    /// Stands in for `traceId` in some answers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance: Option<String>,
    /// The error code, and invalid members.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        default,
        deserialize_with = "or_none"
    )]
    pub extra_details: Vec<ExtraDetail>,
}

/// One entry of `extraDetails`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraDetail {
    /// `ErrorCode`, or a member's path.
    #[serde(default)]
    pub name: String,
    /// The number, or what is wrong.
    #[serde(default, deserialize_with = "text_or_number")]
    pub reason: String,
}

/// A list; null counts as none, for a refusal must be read whatever its trimmings.
fn or_none<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Vec<ExtraDetail>, D::Error> {
    Option::<Vec<ExtraDetail>>::deserialize(reader).map(Option::unwrap_or_default)
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    Ok(match serde_json::Value::deserialize(reader)? {
        serde_json::Value::String(text) => text,
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    })
}

impl Problem {
    /// Reads a problem; `None` for what has no title (the gateway's own shapes).
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The domain error's number.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        self.extra_details
            .iter()
            .find(|d| d.name == "ErrorCode")
            .and_then(|d| d.reason.trim().parse().ok())
    }

    /// The invalid members.
    pub fn fields(&self) -> impl Iterator<Item = &ExtraDetail> {
        self.extra_details.iter().filter(|d| d.name != "ErrorCode")
    }

    /// What finds it in Vipps' logs.
    #[must_use]
    pub fn trace(&self) -> Option<&str> {
        self.trace_id.as_deref().or(self.instance.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_whatever_its_trimmings() {
        for (body, code) in [
            (
                r#"{"title":"t","status":400,"extraDetails":[{"name":"ErrorCode","reason":"6080"}]}"#,
                Some(6080),
            ),
            (
                r#"{"title":"t","status":"400","extraDetails":[{"name":"ErrorCode","reason":6080}]}"#,
                Some(6080),
            ),
            (r#"{"title":"t","extraDetails":null}"#, None),
            (
                r#"{"title":"t","extraDetails":[{"name":"amount"}],"new":{}}"#,
                None,
            ),
        ] {
            assert_eq!(
                Problem::read(body.as_bytes()).expect(body).code(),
                code,
                "{body}"
            );
        }
        assert_eq!(Problem::read(br#"{"statusCode":401,"message":"no"}"#), None);
    }
}
