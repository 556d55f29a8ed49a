//! The description of the API (OpenAPI 3.1), put together from one part for each group of routes.
//!
//! A new group: a file under `openapi/` with `tags`, `paths` and `schemas`, and its line in `PARTS`. Must not: describe
//! what is not served, or leave out what is (`tests/it/api_document.rs` compares both).

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// What stands around the parts.
const FRAME: &str = include_str!("openapi/frame.json");
/// The parts.
const PARTS: [&str; 9] = [
    include_str!("openapi/automatic.json"),
    include_str!("openapi/callbacks.json"),
    include_str!("openapi/explain.json"),
    include_str!("openapi/ledger.json"),
    include_str!("openapi/payments.json"),
    include_str!("openapi/reload.json"),
    include_str!("openapi/shadow.json"),
    include_str!("openapi/steering.json"),
    include_str!("openapi/traffic.json"),
];

fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    value.as_object_mut()
}

/// The whole document.
///
/// # Errors
/// Where a part is no JSON; a test looks at each.
pub fn document() -> Result<Value, serde_json::Error> {
    let mut whole: Value = serde_json::from_str(FRAME)?;
    whole["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    for part in PARTS {
        let mut part: Value = serde_json::from_str(part)?;
        if let (Some(tags), Some(more)) =
            (whole["tags"].as_array_mut(), part["tags"].as_array_mut())
        {
            tags.append(more);
        }
        for (from, to) in [("paths", "/paths"), ("schemas", "/components/schemas")] {
            if let (Some(to), Some(from)) = (
                whole.pointer_mut(to).and_then(object),
                object(&mut part[from]),
            ) {
                to.append(from);
            }
        }
    }
    Ok(whole)
}

pub(super) async fn serve() -> Response {
    match document() {
        Ok(whole) => {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            (kind, whole.to_string()).into_response()
        }
        Err(_) => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
