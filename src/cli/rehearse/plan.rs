//! What is rehearsed: the operator's settings, one sales unit, and which way its calls go.
//!
//! Must not: decide a route itself (`routing` does).

use std::path::PathBuf;

use super::harmless::{self, Changed, Place};
use crate::ecom::route::Operation;
use crate::routing::explain::Question;
use crate::routing::rollout::bucket;
use crate::routing::{Known, Policy, Toggle};
use crate::settings::{Register, Settings, ShadowMode};
use crate::types::{Kind, Msn, OrderText, Origin};

/// A sales unit of somebody else, known to the simulator alone.
pub(super) const STRANGERS: [&str; 2] = ["999001", "999002"];
/// Where nothing is configured for any.
const SAMPLE: &str = "123456";

/// Which API a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Epayment,
    Ecom,
}

impl Way {
    /// As `bridge-route` has it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Epayment => "epayment",
            Self::Ecom => "ecom",
        }
    }
}

/// The plan.
pub(super) struct Plan {
    /// Where the operator has them.
    pub(super) files: Vec<PathBuf>,
    /// As the operator has them.
    pub(super) own: Settings,
    /// The same with shorter limits.
    limits: Settings,
    pub(super) msn: Msn,
    /// The other one that a row needs.
    pub(super) other: Msn,
    pub(super) policy: Policy,
    pub(super) replaced: Vec<Changed>,
    pub(super) shortened: Vec<Changed>,
}

impl Plan {
    /// For a sales unit; none: the first configured one.
    pub(super) fn new(
        own: Settings,
        files: Vec<PathBuf>,
        msn: Option<Msn>,
    ) -> Result<Self, String> {
        let msn = msn
            .or_else(|| own.merchants.keys().next().cloned())
            .or_else(|| Msn::parse(SAMPLE))
            .ok_or("there is no sales unit to rehearse with")?;
        let other = STRANGERS.iter().filter_map(|text| Msn::parse(text));
        let other = other
            .into_iter()
            .find(|other| *other != msn && !own.merchants.contains_key(other))
            .ok_or("there is no second sales unit to rehearse with")?;
        let (limits, shortened) = harmless::shorten(&own);
        Ok(Self {
            files,
            policy: own.policy(),
            replaced: harmless::replaced(&own),
            own,
            limits,
            msn,
            other,
            shortened,
        })
    }

    /// The settings of a bridge.
    pub(super) fn settings(&self, at: &Place<'_>) -> Result<Settings, String> {
        harmless::settings(&self.limits, at)
    }

    /// The limits in force.
    pub(super) const fn limits(&self) -> &Settings {
        &self.limits
    }

    /// Whether events of upstream reach the bridge.
    pub(super) fn has_webhooks(&self) -> bool {
        let webhooks = &self.own.webhooks;
        webhooks.public_url.is_some()
            && (webhooks.register == Register::Auto || self.needs_a_hook())
    }

    /// Why the shop hears late: events are counted on, and none can be believed.
    pub(super) fn hears_late(&self) -> Option<&'static str> {
        let is_deaf = self.own.webhooks.public_url.is_some() && !self.has_webhooks();
        is_deaf.then_some(
            "webhooks.register is off and this sales unit has no webhook_secret: the bridge hears of a payment by \
             polling alone, after a minute",
        )
    }

    /// Whether the registration must be made by somebody else than the bridge.
    pub(super) fn needs_a_hook(&self) -> bool {
        let own = self.own.merchants.get(&self.msn);
        self.own.webhooks.register == Register::Off
            && own.is_some_and(|merchant| merchant.webhook_secret.is_some())
    }

    /// Every sales unit that the simulator must know.
    pub(super) fn units(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.own.merchants.keys().map(Msn::as_str).collect();
        if !self.own.merchants.contains_key(&self.msn) {
            all.push(self.msn.as_str());
        }
        all
    }

    /// The sales units at the shadow upstream.
    pub(super) fn shadow_units(&self) -> Vec<&str> {
        let all = self.own.merchants.values();
        let all = all.filter_map(|merchant| merchant.shadow.msn.as_ref());
        all.map(Msn::as_str).collect()
    }

    pub(super) const fn shadow(&self) -> ShadowMode {
        self.own.shadow.mode
    }

    /// Whether the bridge captures by itself what is approved.
    pub(super) fn captures_directly(&self) -> bool {
        self.own.merchant(&self.msn).direct_capture && self.born() == Way::Epayment
    }

    /// Where the new payments of the rehearsal are born: in ePayment if any of the sales unit's are.
    pub(super) fn born(&self) -> Way {
        self.initiated(&self.order("born", 0))
    }

    /// Which way a new payment goes.
    pub(super) fn initiated(&self, order: &str) -> Way {
        self.explained(Operation::Initiate, order, Known::Nothing)
    }

    /// Which way a call about a payment goes, by the function that serves.
    pub(super) fn way(&self, operation: Operation, born: Way) -> Way {
        let origin = match born {
            Way::Epayment => Origin::Epayment,
            Way::Ecom => Origin::Ecom,
        };
        self.explained(operation, "any-order", Known::Born(origin, Kind::Regular))
    }

    fn explained(&self, operation: Operation, order: &str, known: Known) -> Way {
        let Some(order) = OrderText::parse(order) else {
            return Way::Ecom;
        };
        let question = Question {
            order,
            operation,
            msn: Some(self.msn.clone()),
            express: false,
        };
        match question.explain(known, &self.policy).route {
            "epayment" => Way::Epayment,
            _ => Way::Ecom,
        }
    }

    /// Whether any call of a payment that is no Express payment is translated.
    pub(super) fn translates(&self) -> bool {
        let others = [
            Operation::Capture,
            Operation::Cancel,
            Operation::Refund,
            Operation::Details,
            Operation::Status,
        ];
        self.born() == Way::Epayment
            || others
                .iter()
                .any(|operation| self.way(*operation, Way::Ecom) == Way::Epayment)
    }

    /// The id of a row's order. Where a share of new payments goes to ePayment, one of those that go there first.
    pub(super) fn order(&self, row: &str, number: usize) -> String {
        let initiate = self.own.routing_of(Some(&self.msn)).initiate;
        let name = format!("rehearse-{}-{number}", row.to_lowercase());
        let is_split = matches!(initiate, Toggle::Percent(1..=99)) || self.own.ramp.enabled;
        if !is_split {
            return name;
        }
        let is_first = |name: &String| {
            OrderText::parse(name).is_some_and(|o| bucket(Some(&self.msn), &o) == 0)
        };
        let names = (0..10_000).map(|n| format!("{name}-{n}"));
        names.into_iter().find(is_first).unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;

    fn plan(text: &str) -> Plan {
        Plan::new(settings::from_text(text).unwrap(), Vec::new(), None).unwrap()
    }

    #[test]
    fn a_share_is_rehearsed_with_orders_that_belong_to_it() {
        let split = plan("[routing]\ninitiate = { epayment_percent = 1 }");
        assert_eq!(split.born(), Way::Epayment);
        assert_eq!(split.initiated(&split.order("A1", 3)), Way::Epayment);
        let none = plan("[routing]\ninitiate = { epayment_percent = 0 }\ncapture = \"ecom\"");
        assert_eq!(none.born(), Way::Ecom);
        assert_eq!(none.way(Operation::Capture, Way::Ecom), Way::Ecom);
        assert_eq!(none.way(Operation::Refund, Way::Ecom), Way::Epayment);
        assert_eq!(none.way(Operation::Capture, Way::Epayment), Way::Epayment);
        assert!(none.translates());
    }
}
