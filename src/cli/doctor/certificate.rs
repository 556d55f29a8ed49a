//! The certificate of the merchants' listener: can it be served, and how long still.
//!
//! Must not: judge whom it names or who signed it; that is known to the shops alone.

use std::time::Duration;

use super::finding::{Area, Finding};
use crate::proxy::tls::Ready;
use crate::settings::Settings;
use crate::types::Moment;

const DAY: Duration = Duration::from_hours(24);
/// Who renews by machine does it earlier; who does it by hand needs some days.
const SOON: Duration = Duration::from_hours(14 * 24);

const RENEW: &str = "Whoever renews it: put the new one into the files of proxy.tls_cert and proxy.tls_key; the bridge \
    takes it without a restart";

/// Nothing with plain HTTP.
pub(super) fn judge(settings: &Settings, now: Moment) -> Option<Finding> {
    let files = settings.proxy.tls.as_ref()?;
    Some(match Ready::read(files).map(|ready| ready.ends()) {
        Err(error) => Area::Tls.fail(
            format!("{error}"),
            "Whoever runs this machine: name a certificate chain and the key that belongs to it, both PEM, readable for \
             the bridge",
        ),
        Ok(None) => Area::Tls.warn("the certificate can be served; its end can't be read", RENEW),
        Ok(Some(end)) => lasting(end, now),
    })
}

fn lasting(end: Moment, now: Moment) -> Finding {
    if end < now {
        return Area::Tls.fail(format!("the certificate ended at {end}"), RENEW);
    }
    let left = end.since(now);
    let days = left.as_secs() / DAY.as_secs();
    let said = format!("the certificate is good until {end}, {days} days");
    if left < SOON {
        Area::Tls.warn(said, RENEW)
    } else {
        Area::Tls.ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn two_weeks_before_its_end_somebody_should_look() {
        let end = Moment::from_millis(1_800_000_000_000);
        let before = |left: Duration| {
            let now = end.millis() - i64::try_from(left.as_millis()).unwrap();
            lasting(end, Moment::from_millis(now)).verdict
        };
        assert_eq!(before(SOON), Verdict::Ok);
        assert_eq!(before(13 * DAY), Verdict::Warn);
        assert_eq!(before(Duration::ZERO), Verdict::Warn);
        let after = end.plus(Duration::from_millis(1));
        assert_eq!(lasting(end, after).verdict, Verdict::Fail);
    }
}
