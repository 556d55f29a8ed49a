//! Typed clients, their policies and their connections.
//!
//! Certificates are judged by the platform's verifier; HTTP/2 is spoken where upstream offers it. Must not: follow a
//! redirect, retry, or take a proxy from the environment.

use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::ConfigBuilderExt;
use tokio_rustls::rustls::{self, ClientConfig, crypto::aws_lc_rs};

use crate::workers::PerWorker;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client itself.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// Where it is to call.
    #[error("the base URL can't be used: {0}")]
    BaseUrl(String),
    /// The machine's certificates, mostly.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// A typed client with its policies stated: no redirects, no retries, no proxies from the environment.
pub(super) fn client(connect_timeout: Duration) -> Result<reqwest::Client, ClientError> {
    Ok(policies(connect_timeout).build()?)
}

fn policies(connect_timeout: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(50))
        .user_agent(concat!("ecom-bridge/", env!("CARGO_PKG_VERSION")))
}

/// One with connections of its own for each worker. The machine's certificates are read once, for all.
pub(super) fn clients(
    connect_timeout: Duration,
) -> Result<PerWorker<reqwest::Client>, ClientError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .try_with_platform_verifier()?
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let one = move || {
        let policies = policies(connect_timeout);
        policies.tls_backend_preconfigured(tls.clone()).build()
    };
    let first = one()?;
    // What could be made once can be made again; should it not, connections are shared.
    Ok(PerWorker::new(first, move |first| {
        one().unwrap_or_else(|_| first.clone())
    }))
}
