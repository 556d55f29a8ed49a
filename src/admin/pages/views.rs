//! Rows that more than one page shows: moments, toggles, overrides, in plain words.
//!
//! Must not: ask a store.

use crate::ecom::route::Operation;
use crate::routing::{Lever, Policy, Source, Toggle};
use crate::store::Override;
use crate::types::{Moment, Msn};

/// A moment for people and for machines.
#[derive(Clone, Debug)]
pub(super) struct When {
    pub(super) iso: String,
    pub(super) shown: String,
}

impl When {
    pub(super) fn of(at: Moment) -> Self {
        let iso = at.to_string();
        let second: String = iso.chars().take(19).collect();
        let shown = format!("{} UTC", second.replace('T', " "));
        Self { iso, shown }
    }
}

/// The operations that have a toggle, and what they mean.
pub(super) const OPERATIONS: [(Operation, &str); 6] = [
    (Operation::Initiate, "new payments"),
    (Operation::Capture, "of payments created in eCom"),
    (Operation::Cancel, "of payments created in eCom"),
    (Operation::Refund, "of payments created in eCom"),
    (Operation::Details, "of payments created in eCom"),
    (Operation::Status, "of payments created in eCom"),
];

/// Where a toggle points, as it is shown.
pub(super) fn goes(toggle: Toggle) -> String {
    match toggle {
        Toggle::Epayment => "ePayment".to_owned(),
        Toggle::Ecom => "eCom".to_owned(),
        Toggle::Percent(share) => format!("{share} % to ePayment"),
    }
}

/// Whose wish counts, in words.
pub(super) const fn decided(source: Source) -> &'static str {
    match source {
        Source::KillSwitch(true) => "kill switch of this sales unit",
        Source::KillSwitch(false) => "kill switch for all",
        Source::Override(true) => "override for this sales unit",
        Source::Override(false) => "override for all",
        Source::Configured(true) => "configuration of this sales unit",
        Source::Configured(false) => "configuration for all",
    }
}

const fn tone(source: Source) -> &'static str {
    match source {
        Source::KillSwitch(_) => "bad",
        Source::Override(_) => "warn",
        Source::Configured(_) => "plain",
    }
}

/// One toggle as it stands.
#[derive(Clone, Debug)]
pub(super) struct ToggleRow {
    pub(super) operation: &'static str,
    pub(super) meaning: &'static str,
    pub(super) goes: String,
    pub(super) configured: String,
    pub(super) decided: &'static str,
    pub(super) tone: &'static str,
    /// How far ramp or rollback let it go.
    pub(super) held: Option<u8>,
}

/// All toggles as they stand for a sales unit; for all where there is none.
pub(super) fn toggles(policy: &Policy, msn: Option<&Msn>) -> Vec<ToggleRow> {
    let row = |(operation, meaning): (Operation, &'static str)| {
        let wish = policy.wish(operation, msn);
        let (configured, _) = policy.configured(operation, msn);
        ToggleRow {
            operation: operation.word(),
            meaning,
            goes: goes(wish.toggle),
            configured: goes(configured),
            decided: decided(wish.source),
            tone: tone(wish.source),
            held: wish.cap,
        }
    };
    OPERATIONS.into_iter().map(row).collect()
}

/// An override in force.
#[derive(Clone, Debug)]
pub(super) struct OverrideRow {
    pub(super) id: i64,
    pub(super) key: &'static str,
    pub(super) goes: String,
    /// `all` or the sales unit, as paths have it.
    pub(super) scope: String,
    pub(super) whom: String,
    pub(super) who: String,
    pub(super) why: String,
    pub(super) since: When,
    pub(super) until: Option<When>,
}

impl OverrideRow {
    pub(super) fn of(one: &Override) -> Self {
        Self {
            id: one.id.0,
            key: one.lever.word(),
            goes: match one.lever {
                Lever::Toggle(_) => goes(one.toggle),
                Lever::KillSwitch => "on".to_owned(),
            },
            scope: scope(one.msn.as_ref()),
            whom: whom(one.msn.as_ref()),
            who: one.reason.who().to_owned(),
            why: one.reason.why().to_owned(),
            since: When::of(one.made_at),
            until: one.until.map(When::of),
        }
    }
}

/// Overrides of toggles, and kill switches that are on.
pub(super) fn overrides(all: &[Override]) -> (Vec<OverrideRow>, Vec<OverrideRow>) {
    let of = |kill: bool| {
        all.iter()
            .filter(|one| (one.lever == Lever::KillSwitch) == kill)
            .map(OverrideRow::of)
            .collect()
    };
    (of(false), of(true))
}

/// A sales unit as paths have it.
pub(super) fn scope(msn: Option<&Msn>) -> String {
    msn.map_or_else(|| "all".to_owned(), Msn::to_string)
}

/// A sales unit as sentences have it.
pub(super) fn whom(msn: Option<&Msn>) -> String {
    msn.map_or_else(
        || "all sales units".to_owned(),
        |msn| format!("sales unit {msn}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::Steering;

    #[test]
    fn a_toggle_says_whose_wish_it_is_and_what_was_configured() {
        let mut policy = Policy::default();
        let mut steering = Steering::default();
        steering.set(Lever::KillSwitch, None, Toggle::Ecom);
        steering.set(Lever::Toggle(Operation::Details), None, Toggle::Ecom);
        policy.steering = steering;
        let rows = toggles(&policy, None);
        assert_eq!(rows.len(), 6);
        assert_eq!((rows[0].goes.as_str(), rows[0].tone), ("eCom", "bad"));
        assert_eq!(rows[0].configured, "ePayment");
        assert_eq!(rows[4].decided, "override for all");
        assert_eq!((rows[5].goes.as_str(), rows[5].tone), ("ePayment", "plain"));
        assert_eq!(goes(Toggle::Percent(5)), "5 % to ePayment");
        let when = When::of(Moment::parse("2026-11-24T14:18:15.742Z").unwrap());
        assert_eq!(when.shown, "2026-11-24 14:18:15 UTC");
    }
}
