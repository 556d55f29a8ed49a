//! Names, labels and help texts as they are scraped.

use super::*;
use crate::ecom::route::Operation;
use crate::telemetry::BreakerState;
use crate::types::Moment;

fn moved() -> Meters {
    let meters = Meters::default();
    meters.request(Operation::Capture, Route::Epayment, 200, 0.2);
    meters.request(Op::Pass, Route::Pass, 404, 0.2);
    meters.certificate_ends(Moment::from_millis(983_404_800_000));
    meters.upstream(Api::Epayment, "capture", 0.1);
    meters.upstream_error(Api::Token, "timeout");
    meters.breaker_state(Api::Ecom, BreakerState::Open);
    meters.retry_refused(Api::Epayment);
    meters.untranslatable("fallback_intent");
    meters.shed();
    meters.store("begin_payment", 0.0007);
    meters.set_ambiguous_open(2);
    meters.details_cache("hit");
    meters.callback("delivered");
    meters.callback_delay(0.2);
    meters.set_callbacks(3, 1, 2);
    meters.set_overrides(2, 1);
    meters.reload_refused();
    meters.admin_refused("wrong-token");
    meters.ledger.set_open("ecom", "reserved", 3);
    meters.ledger.set_amount("ecom", "reserved", "NOK", 900);
    meters.ledger.set_expiring(2);
    meters.ledger.set_mismatches("captured_twice", 1);
    meters.ledger.read("read");
    meters
}

#[test]
fn names_kinds_and_help_are_these() {
    let text = moved().render();
    let heads: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    insta::assert_snapshot!(heads.join("\n"), @r#"
    # HELP bridge_requests_total Requests of merchants answered, by operation, the way they went and HTTP status.
    # TYPE bridge_requests_total counter
    # HELP bridge_request_seconds Time from a merchant's request to the bridge's answer.
    # TYPE bridge_request_seconds histogram
    # HELP bridge_upstream_seconds Time of single calls to the APIs behind the bridge, failed ones included.
    # TYPE bridge_upstream_seconds histogram
    # HELP bridge_upstream_errors_total Calls to the APIs behind the bridge that brought no usable answer, by kind of failure.
    # TYPE bridge_upstream_errors_total counter
    # HELP bridge_untranslatable_total Calls that ePayment cannot express, by reason.
    # TYPE bridge_untranslatable_total counter
    # HELP bridge_in_flight Requests of merchants being served now.
    # TYPE bridge_in_flight gauge
    # HELP bridge_shed_total Requests answered 503 at once because all places in flight, or the memory for bodies, were taken.
    # TYPE bridge_shed_total counter
    # HELP bridge_store_seconds Time of single steps of the store, waiting for it included.
    # TYPE bridge_store_seconds histogram
    # HELP bridge_ambiguous_open Changes of payments whose outcome is not known yet; more than zero for long needs a look.
    # TYPE bridge_ambiguous_open gauge
    # HELP bridge_details_cache_total Reads of payments that may share a look at ePayment (reads.details_cache): hit (a look made before), joined (one under way) or miss (one of its own).
    # TYPE bridge_details_cache_total counter
    # HELP bridge_upstream_breaker_state 0: calls go to the API; 1: one call tries whether it answers again; 2: none goes, they are answered 502 at once.
    # TYPE bridge_upstream_breaker_state gauge
    # HELP bridge_upstream_breaker_opened_total Times that calls to the API were stopped, because too many in a row had failed or the one that tried did.
    # TYPE bridge_upstream_breaker_opened_total counter
    # HELP bridge_upstream_retries_refused_total Calls that were not repeated because too many others were (a fifth of the calls may be).
    # TYPE bridge_upstream_retries_refused_total counter
    # HELP bridge_callbacks_total Attempts to call a merchant back, by what came of them: delivered, retried (failed, to be repeated) or dead (given up).
    # TYPE bridge_callbacks_total counter
    # HELP bridge_callbacks_pending Callbacks that wait for their direct capture or their delivery.
    # TYPE bridge_callbacks_pending gauge
    # HELP bridge_callbacks_dead Callbacks that were given up and wait for an operator; more than zero needs a look.
    # TYPE bridge_callbacks_dead gauge
    # HELP bridge_events_unmatched Events of payments that the bridge does not know: its own are found by asking ePayment, others are another system's.
    # TYPE bridge_events_unmatched gauge
    # HELP bridge_callback_delay_seconds Time from a payment's event to the merchant's 2xx to its callback.
    # TYPE bridge_callback_delay_seconds histogram
    # HELP bridge_overrides Overrides in force that were made at run time, kill switches included.
    # TYPE bridge_overrides gauge
    # HELP bridge_kill_switches Kill switches that are on.
    # TYPE bridge_kill_switches gauge
    # HELP bridge_admin_refused_total Requests to the admin listener that were turned away: wrong-token, too-many (wrong ones from one address), cross-site, not-local.
    # TYPE bridge_admin_refused_total counter
    # HELP bridge_reloads_total Times that the configuration was read again, by what came of it: applied, unchanged or refused.
    # TYPE bridge_reloads_total counter
    # HELP bridge_reload_failed 1 while the configuration that was read last is not in force, because it was refused.
    # TYPE bridge_reload_failed gauge
    # HELP bridge_tls_certificate_end_seconds When the certificate of the merchants' listener ends, in seconds since 1970; none with plain HTTP.
    # TYPE bridge_tls_certificate_end_seconds gauge
    # HELP bridge_payments_open Payments that may still change, by where they were created and how: unknown or created (nobody has told of an approval), reserved, partly_captured, refundable.
    # TYPE bridge_payments_open gauge
    # HELP bridge_payments_open_amount What may still be captured, and of refundable ones refunded, in minor units.
    # TYPE bridge_payments_open_amount gauge
    # HELP bridge_payments_expiring Reserved payments whose guaranteed time to be captured ends within three days or has ended.
    # TYPE bridge_payments_expiring gauge
    # HELP bridge_ledger_mismatches Open mismatches of the money ledger by kind; more than zero needs a look at once.
    # TYPE bridge_ledger_mismatches gauge
    # HELP bridge_ledger_reads_total Looks of the money ledger at payments, by what came of them: read, later (limits), no_credentials, no_answer, never.
    # TYPE bridge_ledger_reads_total counter
    # HELP bridge_log_lines_dropped_total Log lines lost because standard output did not take them in time.
    # TYPE bridge_log_lines_dropped_total counter
    # HELP bridge_shadow_offered_total Calls whose answer shadowing was shown, by operation.
    # TYPE bridge_shadow_offered_total counter
    # HELP bridge_shadow_total What became of them: clean, differing, filtered (not to be compared), dropped (no room or time) or failed.
    # TYPE bridge_shadow_total counter
    # HELP bridge_shadow_dropped_total Calls that shadowing had no room or no time for, by reason.
    # TYPE bridge_shadow_dropped_total counter
    # HELP bridge_shadow_in_flight Calls that are being compared or wait for it, by operation.
    # TYPE bridge_shadow_in_flight gauge
    # HELP bridge_shadow_silent 1 where calls are offered and nothing is compared: shadowing is on and proves nothing.
    # TYPE bridge_shadow_silent gauge
    "#);
}

#[test]
fn values_carry_the_words_of_the_program() {
    let text = moved().render();
    let mut values: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("_bucket"))
        .collect();
    values.sort_unstable();
    insta::assert_snapshot!(values.join("\n"), @r#"
    bridge_admin_refused_total{reason="wrong-token"} 1
    bridge_ambiguous_open 2
    bridge_callback_delay_seconds_count 1
    bridge_callback_delay_seconds_sum 0.2
    bridge_callbacks_dead 1
    bridge_callbacks_pending 3
    bridge_callbacks_total{outcome="delivered"} 1
    bridge_details_cache_total{outcome="hit"} 1
    bridge_events_unmatched 2
    bridge_in_flight 0
    bridge_kill_switches 1
    bridge_ledger_mismatches{kind="captured_twice"} 1
    bridge_ledger_reads_total{outcome="read"} 1
    bridge_log_lines_dropped_total 0
    bridge_overrides 2
    bridge_payments_expiring 2
    bridge_payments_open_amount{origin="ecom",class="reserved",currency="NOK"} 900
    bridge_payments_open{origin="ecom",class="reserved"} 3
    bridge_reload_failed 1
    bridge_reloads_total{outcome="refused"} 1
    bridge_request_seconds_count{operation="capture",route="epayment"} 1
    bridge_request_seconds_count{operation="pass",route="pass"} 1
    bridge_request_seconds_sum{operation="capture",route="epayment"} 0.2
    bridge_request_seconds_sum{operation="pass",route="pass"} 0.2
    bridge_requests_total{operation="capture",route="epayment",status="200"} 1
    bridge_requests_total{operation="pass",route="pass",status="404"} 1
    bridge_shadow_silent 0
    bridge_shed_total 1
    bridge_store_seconds_count{step="begin_payment"} 1
    bridge_store_seconds_sum{step="begin_payment"} 0.0007
    bridge_tls_certificate_end_seconds 983404800
    bridge_untranslatable_total{reason="fallback_intent"} 1
    bridge_upstream_breaker_opened_total{api="ecom"} 1
    bridge_upstream_breaker_state{api="ecom"} 2
    bridge_upstream_errors_total{api="token",kind="timeout"} 1
    bridge_upstream_retries_refused_total{api="epayment"} 1
    bridge_upstream_seconds_count{api="epayment",operation="capture"} 1
    bridge_upstream_seconds_sum{api="epayment",operation="capture"} 0.1
    "#);
}

#[test]
fn requests_in_flight_are_counted_until_they_end() {
    let meters = Meters::default();
    meters.began();
    meters.began();
    assert!(meters.render().contains("\nbridge_in_flight 2\n"));
    meters.ended();
    meters.ended();
    assert!(meters.render().contains("\nbridge_in_flight 0\n"));
}
