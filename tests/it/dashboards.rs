//! The dashboard and the alert rules ask only for metrics and labels that exist.

use std::collections::{BTreeMap, BTreeSet};

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::telemetry::{Api, BreakerState, Meters, Route, ShadowOf, ShadowSnapshot};
use ecom_bridge::types::Moment;

const DASHBOARD: &str = include_str!("../../deploy/grafana/ecom-bridge.json");
const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yaml");

/// Labels that Prometheus itself adds, or a histogram has.
const COMMON: [&str; 3] = ["instance", "job", "le"];

/// Each metric by the name that a query uses, with its labels; of everything that is measured, one.
fn measured() -> BTreeMap<String, BTreeSet<String>> {
    let meters = Meters::default();
    meters.request(Operation::Initiate, Route::Epayment, 200, 0.1);
    meters.upstream(Api::Epayment, "create", 0.1);
    meters.upstream_error(Api::Epayment, "timeout");
    meters.breaker_state(Api::Epayment, BreakerState::Open);
    meters.retry_refused(Api::Epayment);
    meters.untranslatable("reason");
    meters.shed();
    meters.certificate_ends(Moment::from_millis(1));
    meters.store("begin_payment", 0.1);
    meters.details_cache("hit");
    meters.callback("delivered");
    meters.callback_delay(0.1);
    meters.webhook("authorized", "queued");
    meters.ledger.set_open("ecom", "reserved", 1);
    meters.ledger.set_amount("ecom", "reserved", "NOK", 1);
    meters.ledger.set_mismatches("captured_twice", 1);
    meters.ledger.read("read");
    meters.automatic_move("back", true);
    meters.automatic_move("back", false);
    meters.reload_refused();
    meters.admin_refused("wrong-token");
    let of = ShadowOf {
        dropped: BTreeMap::from([("queue-full", 1)]),
        ..ShadowOf::default()
    };
    meters.shadow.show(ShadowSnapshot {
        operations: BTreeMap::from([("details", of)]),
        fields: Some(1),
        ..ShadowSnapshot::default()
    });
    let mut found = BTreeMap::new();
    for line in meters
        .render()
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let series = line.split(' ').next().unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split(',');
        let labels = labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
        let known: &mut BTreeSet<String> = found.entry(name.to_owned()).or_default();
        known.extend(labels);
    }
    found
}

/// Everything that Prometheus is asked.
fn queries() -> Vec<String> {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array())
        .flatten();
    let asked = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    let rules = ALERTS
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    let all: Vec<String> = asked.chain(rules.map(str::to_owned)).collect();
    assert!(all.len() > 35, "{}", all.len());
    all
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
}

/// The names of labels that a query mentions: in braces before a comparison, and behind `by`.
fn labels(query: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for part in query.split('{').skip(1) {
        let inside = part.split('}').next().unwrap();
        found.extend(inside.split(',').map(|one| words(one).next().unwrap()));
    }
    for part in query.split("by (").skip(1) {
        let inside = part.split(')').next().unwrap();
        found.extend(inside.split(',').map(str::trim));
    }
    found
}

#[test]
fn every_query_asks_for_what_is_measured() {
    let measured = measured();
    for query in queries() {
        let names: Vec<&str> = words(&query)
            .filter(|word| word.starts_with("bridge_"))
            .collect();
        let mut known: BTreeSet<&str> = COMMON.into_iter().collect();
        for name in &names {
            let labels = measured.get(*name);
            let labels = labels.unwrap_or_else(|| panic!("{name} is not measured: {query}"));
            known.extend(labels.iter().map(String::as_str));
        }
        assert!(!names.is_empty() || query.starts_with("up{"), "{query}");
        for label in labels(&query) {
            assert!(known.contains(label), "no label {label}: {query}");
        }
    }
}

#[test]
fn the_look_is_not_blind() {
    assert_eq!(
        labels("sum by (le, api) (rate(x{a=\"1\",b=~\"2\"}[5m]))"),
        ["a", "b", "le", "api"]
    );
    assert!(!measured().contains_key("bridge_nothing"));
}

/// Panels stand beside and below each other, not upon each other.
#[test]
fn no_two_panels_share_a_place() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()));
        assert!(!panel["title"].as_str().unwrap().is_empty());
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{}", panel["title"]);
            }
        }
    }
}
