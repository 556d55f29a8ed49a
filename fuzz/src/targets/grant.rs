//! The access token endpoint's answer. A token that is taken is one that a header can hold, is sent as it was granted, and is
//! shown nowhere.
//!
//! Must not: know a real token.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::Credentials;
use super::token::answer::Answer;
use crate::types::Msn;

pub fn run(data: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<Answer>(data) else {
        return;
    };
    // The reader of all members stumbles over half a surrogate in one that nobody knows.
    let Ok(all) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let Some(token) = all["access_token"].as_str() else {
        // Of an array the reader takes the entries for the members.
        return assert!(all.is_array());
    };
    let is_one = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let authorization = answer.authorization();
    assert_eq!(authorization.is_some(), is_one, "{token:?}");
    let seconds = match &all["expires_in"] {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    };
    assert_eq!(answer.expires_in(), seconds.map(Duration::from_secs));
    if let Some(authorization) = authorization {
        taken(token, authorization);
    }
}

fn taken(token: &str, authorization: HeaderValue) {
    assert_eq!(authorization.as_bytes(), format!("Bearer {token}").as_bytes());
    let other = answered("another-token").authorization().expect("a token");
    assert_eq!(format!("{authorization:?}"), format!("{other:?}"), "it is shown");
    let msn = Msn::parse("123456");
    let credentials = |value: &HeaderValue| {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value.clone())]);
        Credentials::of(&headers, msn.clone())
    };
    let (its, others) = (credentials(&authorization), credentials(&other));
    assert_eq!(format!("{its:?}"), format!("{others:?}"), "it is shown");
    // Else it is not found where it is kept when upstream refuses it.
    assert_eq!(its.authorization, Some(authorization), "another one is sent");
    assert_eq!(format!("{:?}", its.headers()), format!("{:?}", others.headers()), "it is shown");
    assert!(its.same_as(&its) && (token == "another-token" || !its.same_as(&others)));
    let shadow = its.clone().of_a_shadow();
    assert_eq!(shadow.authorization, its.authorization);
}

fn answered(token: &str) -> Answer {
    let body = serde_json::json!({"access_token": token}).to_string();
    serde_json::from_str(&body).expect("an answer")
}
