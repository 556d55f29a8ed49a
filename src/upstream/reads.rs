//! What can be asked of upstream without changing anything, and the clients that can do nothing else.
//!
//! Shadows ask the primary upstream through these: they have connections and counts of their own, and no method that
//! captures, refunds, cancels or creates. Must not: get one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE};
use http::{HeaderMap, Method, Request, Uri};

use super::ecom::{Forwarder, ForwarderError};
use super::epayment::{Call, Epayment, Sent};
use super::{Budget, ClientError, RawReply, SendFailure};
use crate::epayment::event::PaymentEvent;
use crate::epayment::model::{Payment, Userinfo};
use crate::telemetry::Meters;
use crate::types::Reference;

/// The reads of ePayment.
pub trait Reads: Sync {
    /// `GET /epayment/v1/payments/{reference}`
    fn get(
        &self,
        call: Call<'_>,
        reference: &Reference,
    ) -> impl Future<Output = Sent<Payment>> + Send;
    /// `GET /epayment/v1/payments/{reference}/events`
    fn events(
        &self,
        call: Call<'_>,
        reference: &Reference,
    ) -> impl Future<Output = Sent<Vec<PaymentEvent>>> + Send;
    /// `GET /vipps-userinfo-api/userinfo/{sub}`
    fn userinfo(&self, call: Call<'_>, sub: &str) -> impl Future<Output = Sent<Userinfo>> + Send;
}

/// For looks: what one shows is noted by who looks, as a whole.
impl Reads for Epayment {
    async fn get(&self, call: Call<'_>, reference: &Reference) -> Sent<Payment> {
        self.get_only(call, reference).await
    }

    async fn events(&self, call: Call<'_>, reference: &Reference) -> Sent<Vec<PaymentEvent>> {
        self.events_only(call, reference).await
    }

    async fn userinfo(&self, call: Call<'_>, sub: &str) -> Sent<Userinfo> {
        Self::userinfo(self, call, sub).await
    }
}

/// Reads ePayment, and nothing else.
#[derive(Clone, Debug)]
pub struct Reader(Epayment);

impl Reader {
    /// A client of its own for the API at `base_url`; `meters` are not those of the primary path.
    ///
    /// # Errors
    /// When the TLS set-up of the machine can't be used.
    pub fn new(
        base_url: &str,
        connect_timeout: Duration,
        meters: Arc<Meters>,
    ) -> Result<Self, ClientError> {
        Epayment::new(base_url, connect_timeout, meters).map(Self)
    }
}

impl Reads for Reader {
    async fn get(&self, call: Call<'_>, reference: &Reference) -> Sent<Payment> {
        self.0.get(call, reference).await
    }

    async fn events(&self, call: Call<'_>, reference: &Reference) -> Sent<Vec<PaymentEvent>> {
        self.0.events(call, reference).await
    }

    async fn userinfo(&self, call: Call<'_>, sub: &str) -> Sent<Userinfo> {
        self.0.userinfo(call, sub).await
    }
}

/// Reads eCom, and nothing else.
#[derive(Clone, Debug)]
pub struct EcomReader(Forwarder);

impl EcomReader {
    /// A client of its own for the API at `base_url`. `connect_timeout` covers DNS, TCP and TLS; `idle` is the longest
    /// that upstream may be silent.
    ///
    /// # Errors
    /// When the URL has another form, or the machine's certificates can't be used.
    pub fn new(
        base_url: &str,
        connect_timeout: Duration,
        idle: Duration,
    ) -> Result<Self, ForwarderError> {
        Forwarder::new(base_url, connect_timeout, idle).map(|all| Self(all.marked()))
    }

    /// The answer to a `GET` of this target with these headers, within `limit`. Whatever the call was, this is a read.
    ///
    /// # Errors
    /// When there is no answer, or not all of it.
    pub async fn read(
        &self,
        target: &Uri,
        headers: &HeaderMap,
        limit: Duration,
    ) -> Result<RawReply, SendFailure> {
        let mut request = Request::new(());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = target.clone();
        *request.headers_mut() = headers.clone();
        // A whole answer, as it is now, and in a form that can be read.
        for name in [
            CONTENT_LENGTH,
            ACCEPT_ENCODING,
            IF_MODIFIED_SINCE,
            IF_NONE_MATCH,
            RANGE,
        ] {
            request.headers_mut().remove(name);
        }
        let (head, ()) = request.into_parts();
        self.0
            .forward_bytes(&head, Bytes::new(), Budget::of(limit))
            .await
    }
}
