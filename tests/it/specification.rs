//! The project's table of eCom's members against the published specification, where that is at hand.
//!
//! `ECOM_BRIDGE_SPECS` names a folder with `ecom.yaml` (and, if it is there, `epayment.yaml`). The files are not part of
//! this repository. Read line by line: they are written with two blanks a level.

use std::collections::{BTreeMap, BTreeSet};

use ecom_bridge::translate::coverage::{Fate, HEADERS, Member, REQUESTS, RESPONSES};

/// Schemas that the bridge has nothing to do with, and why.
const NOT_OURS: &[(&str, &str)] = &[
    ("AddressExpress", "Express callback"),
    ("ShippingDetailsRequest", "Express callback"),
    ("ExpressCheckOutPaymentRequest", "Express callback"),
    ("CallbackTransactionInfoExpress", "Express callback"),
    ("ShippingCostAndMethod", "Express shipping call"),
    ("FetchShippingCostResponse", "Express shipping call"),
    (
        "RegularCheckOutPaymentRequest",
        "callbacks come in a later release",
    ),
    (
        "CallbackTransactionInfoRegular",
        "callbacks come in a later release",
    ),
    (
        "AuthorizePaymentRequest",
        "no call of the specification uses it",
    ),
    (
        "ErrorFromAzure",
        "the gateway's own answer, passed as it comes",
    ),
];

fn folder() -> Option<String> {
    let folder = std::env::var("ECOM_BRIDGE_SPECS").ok();
    if folder.is_none() {
        eprintln!(
            "SKIPPED: set ECOM_BRIDGE_SPECS to a folder with ecom.yaml to hold the table of members against it"
        );
    }
    folder
}

fn file(name: &str) -> Option<String> {
    let path = format!("{}/{name}", folder()?);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => panic!("{path}: {error}"),
    }
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// A line `name:` or `name: value` as its name.
fn key(line: &str) -> Option<&str> {
    let (name, _) = line.trim().split_once(':')?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// Schema names with their members: `components.schemas.X.properties`, one level only.
fn schemas(yaml: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    let (mut inside, mut in_properties) = (false, false);
    let mut schema = String::new();
    for line in yaml.lines().filter(|line| !line.trim().is_empty()) {
        match depth(line) {
            0 => inside = false,
            2 => inside = line.trim() == "schemas:",
            4 if inside => {
                schema = key(line).unwrap_or_default().to_owned();
                in_properties = false;
            }
            6 if inside => in_properties = line.trim() == "properties:",
            8 if inside && in_properties => {
                let members: &mut BTreeSet<String> = found.entry(schema.clone()).or_default();
                members.extend(key(line).map(str::to_owned));
            }
            _ => {}
        }
    }
    found
}

/// Every header parameter, wherever it stands.
fn headers(yaml: &str) -> BTreeSet<String> {
    let lines: Vec<&str> = yaml.lines().map(str::trim).collect();
    let is_header = |line: &&str| line.trim_start_matches("- ") == "in: header";
    lines
        .windows(3)
        .filter(|near| near.iter().any(is_header))
        .flatten()
        .filter_map(|line| line.trim_start_matches("- ").strip_prefix("name: "))
        .map(str::to_owned)
        .collect()
}

fn names(members: &[Member]) -> BTreeSet<String> {
    members.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn the_table_names_every_member_of_the_specification_and_no_other() {
    let Some(yaml) = file("ecom.yaml") else {
        return;
    };
    let mut published = schemas(&yaml);
    assert!(published.len() > 25, "the specification was read");
    for (schema, members) in REQUESTS.iter().chain(RESPONSES) {
        let said = published
            .remove(*schema)
            .unwrap_or_else(|| panic!("the specification has no {schema}"));
        assert_eq!(said, names(members), "{schema}");
    }
    for (schema, why) in NOT_OURS {
        assert!(published.remove(*schema).is_some(), "{schema}: {why}");
    }
    let forgotten: Vec<_> = published.keys().collect();
    assert!(forgotten.is_empty(), "in no table: {forgotten:?}");
    assert_eq!(headers(&yaml), names(HEADERS));
}

#[test]
fn what_requests_become_is_in_epayments_specification() {
    let Some(yaml) = file("epayment.yaml") else {
        return;
    };
    let published = schemas(&yaml);
    let known: BTreeSet<&String> = [
        "CreatePaymentRequest",
        "CaptureModificationRequest",
        "ForceApprove",
        "AirlineData",
        "IndustryData",
        "Amount",
        "ProfileRequest",
        "CustomerPhoneNumber",
    ]
    .iter()
    .flat_map(|schema| &published[*schema])
    .collect();
    let headers: BTreeSet<_> = headers(&yaml)
        .into_iter()
        .map(|name| name.to_lowercase())
        .collect();
    let targets = REQUESTS
        .iter()
        .flat_map(|(_, members)| members.iter())
        .chain(HEADERS)
        .flat_map(|(_, fates)| fates.iter());
    for fate in targets {
        let Fate::Mapped(target) = fate else { continue };
        match target.strip_prefix("header ") {
            Some("Authorization") => {}
            Some(name) => assert!(headers.contains(&name.to_lowercase()), "{target}"),
            None => {
                for part in target.split('.') {
                    assert!(known.contains(&part.to_owned()), "{target}");
                }
            }
        }
    }
}

#[test]
fn the_reader_of_the_specification_sees_what_stands_there() {
    let yaml = "paths:\n  '/a':\n    post:\n      parameters:\n        - in: header\n          name: X-One\n\
                components:\n  parameters:\n    Two:\n      in: header\n      name: Two\n  schemas:\n    Thing:\n\
                \x20     type: object\n      required:\n        - id\n      properties:\n        id:\n          type: string\n\
                \x20       list:\n          items:\n            properties:\n              deep:\n                type: string\n\
                \x20   Empty:\n      type: object\n";
    let found = schemas(yaml);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["Thing"]);
    assert_eq!(found["Thing"].iter().collect::<Vec<_>>(), ["id", "list"]);
    assert_eq!(
        headers(yaml).into_iter().collect::<Vec<_>>(),
        ["Two", "X-One"]
    );
}
