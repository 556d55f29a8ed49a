//! The signature of a webhook: what is signed, signing and checking. Pure.
//!
//! Source: Webhooks API, "Request authentication". The secret is used as its text, not decoded; host and path are those
//! of the registered URL. Checking is in constant time. Must not: look at the clock (a date window is the caller's).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// What a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// Path and query of the registered URL.
    pub path_and_query: &'a str,
    /// Host of the registered URL, with its port unless it is the default.
    pub host: &'a str,
    /// The `x-ms-date` header.
    pub date: &'a str,
    /// The exact bytes of the body.
    pub body: &'a [u8],
}

/// The three headers that carry a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// `x-ms-content-sha256`
    pub content_sha256: String,
    /// `Authorization`
    pub authorization: String,
}

const SCHEME: &str = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=";

fn content_hash(body: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(body))
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac(signed: &Signed<'_>, content_hash: &str, secret: &str) -> Hmac<Sha256> {
    let text = format!(
        "POST\n{}\n{};{};{content_hash}",
        signed.path_and_query, signed.date, signed.host
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("invariant: a key of any length fits");
    mac.update(text.as_bytes());
    mac
}

/// Makes the headers.
#[must_use]
pub fn sign(signed: &Signed<'_>, secret: &str) -> SignatureHeaders {
    let content_sha256 = content_hash(signed.body);
    let signature = STANDARD.encode(mac(signed, &content_sha256, secret).finalize().into_bytes());
    SignatureHeaders {
        authorization: format!("{SCHEME}{signature}"),
        content_sha256,
    }
}

/// Checks the headers against what was received. One answer for every kind of wrong.
#[must_use]
pub fn verify(signed: &Signed<'_>, headers: &SignatureHeaders, secret: &str) -> bool {
    let hash = content_hash(signed.body);
    let body_as_hashed: bool =
        subtle::ConstantTimeEq::ct_eq(hash.as_bytes(), headers.content_sha256.as_bytes()).into();
    let Some(signature) = headers
        .authorization
        .strip_prefix(SCHEME)
        .and_then(|s| STANDARD.decode(s).ok())
    else {
        return false;
    };
    mac(signed, &hash, secret).verify_slice(&signature).is_ok() && body_as_hashed
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str =
        "A0+AeKBRG2KRGvnNwJpQlb6IJFk48CKXCIcrLoHncVJKDILsQSxS6NWCccwWm6r6FhGKhiHTBsG2wo/xU6FY/A==";

    fn published() -> Signed<'static> {
        Signed {
            path_and_query: "/e2cee29b-012e-4f1d-8ef4-e95fd74a7a63",
            host: "webhook.site",
            date: "Thu, 30 Mar 2023 08:38:32 GMT",
            body: br#"{"some-unique-content":"ee6e441b-cc4a-46f8-895d-a5af79bcc233/hello-world"}"#,
        }
    }

    #[test]
    fn the_published_vector_signs_and_verifies() {
        let headers = sign(&published(), SECRET);
        assert_eq!(
            headers.content_sha256,
            "lNlsp1XA03N34HrQsVzPgJKtC+r7l/RBF4V3JQUWMj4="
        );
        assert!(
            headers
                .authorization
                .ends_with("&Signature=agAiSyogQbDHpeucoNwYz+yAr5nJ+v+zasdkSbqzv+U=")
        );
        assert!(verify(&published(), &headers, SECRET));
    }

    #[test]
    fn anything_changed_is_refused() {
        let headers = sign(&published(), SECRET);
        assert!(!verify(&published(), &headers, "another secret"));
        assert!(!verify(
            &Signed {
                body: b"{}",
                ..published()
            },
            &headers,
            SECRET
        ));
        assert!(!verify(
            &Signed {
                host: "other.site",
                ..published()
            },
            &headers,
            SECRET
        ));
        assert!(!verify(
            &Signed {
                path_and_query: "/",
                ..published()
            },
            &headers,
            SECRET
        ));
        assert!(!verify(
            &Signed {
                date: "x",
                ..published()
            },
            &headers,
            SECRET
        ));
        let unsigned = SignatureHeaders {
            authorization: String::new(),
            ..headers.clone()
        };
        assert!(!verify(&published(), &unsigned, SECRET));
        let wrong_hash = SignatureHeaders {
            content_sha256: "x".into(),
            ..headers
        };
        assert!(!verify(&published(), &wrong_hash, SECRET));
    }
}
