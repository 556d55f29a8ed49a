//! What may become of a change whose answer was spoilt, and how the shop comes to the truth: shared by many rows.
//!
//! Must not: take a definite failure for the truth where upstream may have done it.

use crate::cli::rehearse::plan::Way;
use crate::cli::rehearse::play::{Going, Payment, Play};
use crate::cli::scene::shop::Heard;
use crate::simulator::{Action, Fault};

/// Minor units that each row moves.
pub(super) const AMOUNT: i64 = 4_000;
/// Of the payment that it moves them of.
pub(super) const WHOLE: i64 = 10_000;

/// What the shop must be told where the change goes to ePayment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Done: evidence is at hand.
    Done,
    /// Unknown: no evidence can be had.
    Unknown,
    /// One of the two, by what the time allows.
    Either,
}

/// 502 with 94.
pub(super) fn is_unknown(heard: &Heard) -> bool {
    heard.is_error(502, "94")
}

fn is_done(heard: &Heard) -> bool {
    let at = ["/transactionInfo/amount", "/transaction/amount"];
    heard.status == 200 && at.iter().any(|at| heard.number(at) == Some(AMOUNT))
}

/// 503 for reads of the event log.
pub(super) fn no_log() -> Fault {
    Fault::always("/events", status(503, false))
}

/// Another status, after the work or in place of it.
pub(super) const fn status(status: u16, processed: bool) -> Action {
    Action::Status {
        status,
        body: None,
        headers: Vec::new(),
        processed,
    }
}

/// A change with these faults, the truth in the end, and one effect.
pub(super) async fn doubt(p: &mut Play<'_>, faults: Vec<Fault>, told: Told) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    for fault in faults {
        p.fault(fault);
    }
    let call = p.money(&payment, AMOUNT, "1");
    let heard = p.call(&call).await;
    judge(p, &payment, &heard, told);
    p.world().clear_faults();
    settle(p, &payment, &heard).await;
    Ok(())
}

/// Whether the shop was told what it may be told.
pub(super) fn judge(p: &mut Play<'_>, payment: &Payment, heard: &Heard, told: Told) {
    let (done, unknown) = (is_done(heard), is_unknown(heard));
    let way = p.way(payment);
    p.expect(
        heard.route == way.word(),
        format!("it went to {}", way.word()),
    );
    match (way, told) {
        (Way::Epayment, Told::Done) => p.expect(done, "told as done: the event log shows it"),
        (Way::Epayment, Told::Unknown) => p.expect(
            unknown,
            "told as unknown (502 with 94): neither success nor failure",
        ),
        (Way::Epayment, Told::Either) => p.expect(
            done || unknown,
            "told as done, or as unknown (502 with 94); never as failed",
        ),
        // eCom's own answers are passed on as they come.
        (Way::Ecom, _) => p.expect(
            heard.status == 200 || heard.status >= 500,
            "eCom's own answer, or unknown (502 with 94); never as failed",
        ),
    }
}

/// The shop repeats with its X-Request-Id what was not told as done; then there is one effect.
pub(super) async fn settle(p: &mut Play<'_>, payment: &Payment, heard: &Heard) {
    if !is_done(heard) {
        let call = p.money(payment, AMOUNT, "1");
        let again = p.call(&call).await;
        p.expect(
            is_done(&again),
            "the repeat with the same X-Request-Id is told as done",
        );
    }
    let once = p.moved_once(payment, AMOUNT);
    p.expect(once, "upstream did it once");
    let sent = p.changes();
    let keys: std::collections::BTreeSet<_> = sent
        .iter()
        .filter_map(|one| one.header("idempotency-key"))
        .collect();
    p.expect(
        keys.len() <= 1,
        "every sending had the same Idempotency-Key",
    );
}
