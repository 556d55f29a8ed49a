//! When a certificate ends, by the library that judges certificates.
//!
//! Must not: judge anything else of it, such as whom it names or who signed it; its clients do.

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier as _;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore};

use crate::types::Moment;

/// The last moment of the server's own certificate, which stands first; none where the library can't read it.
pub(super) fn of(chain: &[CertificateDer<'static>]) -> Option<Moment> {
    let (own, others) = chain.split_first()?;
    let mut roots = RootCertStore::empty();
    roots.add(own.clone()).ok()?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let name = ServerName::try_from("localhost").ok()?;
    // Nothing lasts as long: the verifier says when the certificate will have ended.
    let then = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
    let judged = verifier
        .build()
        .ok()?
        .verify_server_cert(own, others, &name, &[], then);
    match judged {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            let since = Duration::from_secs(not_after.as_secs());
            Some(Moment::default().plus(since))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(year: i32) -> CertificateDer<'static> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 3, 1);
        params.self_signed(&key).unwrap().into()
    }

    #[test]
    fn the_end_is_that_of_the_first_certificate() {
        let of = |chain: &[CertificateDer<'static>]| super::of(chain).map(|end| end.to_string());
        let [over, soon, late] = [2001, 2030, 2071].map(until);
        let end = |year| Some(format!("{year}-03-01T00:00:00.000Z"));
        assert_eq!(of(std::slice::from_ref(&over)), end(2001));
        assert_eq!(of(&[soon.clone(), over.clone()]), end(2030));
        assert_eq!(of(&[late, soon]), end(2071));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[CertificateDer::from(vec![0x30, 0])]), None);
    }
}
