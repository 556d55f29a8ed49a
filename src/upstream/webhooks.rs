//! The Webhooks API: what is registered for a sales unit, registering, deleting.
//!
//! Source: `Webhooks API v1`. The secret is shown once, in the answer to registering. Must not: decide what to keep.

use http::Method;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::epayment::{Call, Epayment, Request, Sent};
use super::{Reply, epayment::refusal};

/// One registration as the API lists it.
#[derive(Clone, Debug, Deserialize)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Where events go.
    pub url: String,
    /// Which events.
    pub events: Vec<String>,
}

/// A new registration.
#[derive(Clone, Debug, Deserialize)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// Signs its events.
    pub secret: SecretString,
}

#[derive(Deserialize)]
struct Listing {
    webhooks: Vec<Listed>,
}

#[derive(Serialize)]
struct Wanted<'a> {
    url: &'a str,
    events: &'a [&'a str],
}

const PATH: &str = "/webhooks/v1/webhooks";

impl Epayment {
    /// `GET /webhooks/v1/webhooks`
    pub async fn list_webhooks(&self, call: Call<'_>) -> Sent<Vec<Listed>> {
        let listing: Sent<Listing> = self
            .send(call, Request::get("webhooks-list", PATH.to_owned()))
            .await;
        listing.map(|reply| match reply {
            Reply::Done(listing) => Reply::Done(listing.webhooks),
            Reply::Problem {
                status,
                problem,
                retry_after,
            } => Reply::Problem {
                status,
                problem,
                retry_after,
            },
            Reply::Gateway(raw) => Reply::Gateway(raw),
            Reply::Other(status) => Reply::Other(status),
        })
    }

    /// `POST /webhooks/v1/webhooks`
    pub async fn register_webhook(&self, call: Call<'_>, url: &str, events: &[&str]) -> Sent<Made> {
        let body = Wanted { url, events };
        let request = Request {
            body: Some(&body),
            ..Request::post("webhooks-register", PATH.to_owned())
        };
        self.send(call, request).await
    }

    /// `DELETE /webhooks/v1/webhooks/{id}`
    pub async fn delete_webhook(&self, call: Call<'_>, id: &str) -> Sent<()> {
        let id = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
        let mut request = Request::get(
            "webhooks-delete",
            format!("{PATH}/{id}").replace("%2D", "-"),
        );
        request.method = Method::DELETE;
        match self.exchange(call, request).await? {
            raw if (200..300).contains(&raw.status) => Ok(Reply::Done(())),
            raw => Ok(refusal(raw)),
        }
    }
}
