//! The decision: one function from facts to a route, with the rule that made it.
//!
//! Order of rules: what binds the order already, then what can't be translated, then Express, then the toggles. Total:
//! every combination of facts has exactly one answer. Must not: look anything up.

use super::mixing;
use super::rollout;
use super::toggles::{Policy, Source, Toggle, Wish};
use crate::ecom::route::Operation;
use crate::types::{Kind, Msn, OrderText, Origin, Untranslatable};

/// What is known of the payment that a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Its birth.
    Born(Origin, Kind),
    /// Nothing: it was created before the bridge, or elsewhere, or the store was lost.
    Nothing,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A new payment; `express` and `untranslatable` as its body says.
    Initiate {
        /// Whether `paymentType` says Express.
        express: bool,
        /// Why its body can't be translated.
        untranslatable: Option<Untranslatable>,
    },
    /// Anything about an existing payment.
    About(Operation),
}

impl Ask {
    /// The operation.
    #[must_use]
    pub const fn operation(self) -> Operation {
        match self {
            Self::Initiate { .. } => Operation::Initiate,
            Self::About(operation) => operation,
        }
    }
}

/// Everything that a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What is asked.
    pub ask: Ask,
    /// The sales unit, where known.
    pub msn: Option<&'a Msn>,
    /// As the merchant wrote it.
    pub order: &'a OrderText,
    /// What is known of its payment.
    pub known: Known,
    /// Where an open money call of the same request was sent: its repeat goes the same way.
    pub open_at: Option<Origin>,
}

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Translated.
    Epayment,
    /// As it came.
    Ecom,
    /// As it came; where eCom says that there is no such order, translated.
    EcomThenEpayment,
    /// Nowhere.
    Refused,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The order is bound to ePayment.
    BornInEpayment,
    /// The order is bound to eCom, and this call must stay there.
    BornInEcom,
    /// An Express initiate of an order that ePayment has.
    ExpressOnEpaymentOrder,
    /// Express goes to eCom.
    Express,
    /// May be Express: read where Express is complete.
    MaybeExpress,
    /// Can't be translated.
    Untranslatable(Untranslatable),
    /// The order id is too short to be a reference as it stands.
    ShortOrder,
    /// A repeat of an open money call.
    OpenCall,
    /// Unknown birth: changes go to the API that serves both.
    UnknownChange,
    /// Unknown birth: asked of eCom first.
    UnknownRead,
    /// The toggle for all.
    Toggle,
    /// The sales unit's own toggle.
    UnitToggle,
    /// The percentage: the order's bucket decided.
    Bucket,
    /// An override for all, made at run time.
    Override,
    /// An override for the sales unit, made at run time.
    UnitOverride,
    /// The kill switch for all.
    KillSwitch,
    /// The kill switch for the sales unit.
    UnitKillSwitch,
    /// The ramp has not come to the order's bucket yet, or the rollback has taken it back.
    Automatic,
}

impl Why {
    /// Its word in logs and `explain`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::BornInEpayment => "born-in-epayment",
            Self::BornInEcom => "born-in-ecom",
            Self::ExpressOnEpaymentOrder => "express-on-epayment-order",
            Self::Express => "express",
            Self::MaybeExpress => "maybe-express",
            Self::Untranslatable(reason) => reason.code(),
            Self::ShortOrder => "short-order",
            Self::OpenCall => "open-call",
            Self::UnknownChange => "unknown-change",
            Self::UnknownRead => "unknown-read",
            Self::Toggle => "toggle",
            Self::UnitToggle => "unit-toggle",
            Self::Bucket => "bucket",
            Self::Override => "override",
            Self::UnitOverride => "unit-override",
            Self::KillSwitch => "kill-switch",
            Self::UnitKillSwitch => "unit-kill-switch",
            Self::Automatic => "automatic",
        }
    }
}

/// A route and the rule behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Where.
    pub route: Route,
    /// Which rule.
    pub why: Why,
}

const fn to(route: Route, why: Why) -> Decision {
    Decision { route, why }
}

/// Decides.
#[must_use]
pub fn decide(facts: &Facts<'_>, policy: &Policy) -> Decision {
    run(facts, policy, &mut |_| ())
}

/// Decides, and tells every rule that was asked.
#[must_use]
pub fn trail(facts: &Facts<'_>, policy: &Policy) -> (Decision, Vec<String>) {
    let mut steps = Vec::new();
    let decision = run(facts, policy, &mut |step| steps.push(step.to_string()));
    (decision, steps)
}

type Tell<'t> = &'t mut dyn FnMut(std::fmt::Arguments<'_>);

fn run(facts: &Facts<'_>, policy: &Policy, tell: Tell<'_>) -> Decision {
    match (facts.ask, facts.known) {
        (
            Ask::Initiate {
                express,
                untranslatable,
            },
            known,
        ) => initiate(facts, policy, express, untranslatable, known, tell),
        (Ask::About(operation), Known::Nothing) => unknown(facts, operation, tell),
        (Ask::About(operation), Known::Born(origin, kind)) => {
            about(facts, policy, operation, (origin, kind), tell)
        }
    }
}

fn initiate(
    facts: &Facts<'_>,
    policy: &Policy,
    express: bool,
    untranslatable: Option<Untranslatable>,
    known: Known,
    tell: Tell<'_>,
) -> Decision {
    match known {
        Known::Born(Origin::Epayment, _) if express => {
            tell(format_args!(
                "the order is bound to ePayment, and an Express payment can't be created there"
            ));
            return to(Route::Refused, Why::ExpressOnEpaymentOrder);
        }
        Known::Born(Origin::Epayment, _) => {
            tell(format_args!(
                "the order is bound to ePayment: eCom does not know it"
            ));
            return to(Route::Epayment, Why::BornInEpayment);
        }
        Known::Born(Origin::Ecom, _) => {
            tell(format_args!("the order is bound to eCom"));
            return to(Route::Ecom, Why::BornInEcom);
        }
        Known::Nothing => tell(format_args!("nothing binds the order to an API yet")),
    }
    if express {
        tell(format_args!(
            "an Express payment is created in eCom, always"
        ));
        return to(Route::Ecom, Why::Express);
    }
    if let Some(reason) = untranslatable {
        tell(format_args!("can't be translated: {}", reason.told()));
        return to(Route::Ecom, Why::Untranslatable(reason));
    }
    by_toggle(facts, policy, Operation::Initiate, tell)
}

fn unknown(facts: &Facts<'_>, operation: Operation, tell: Tell<'_>) -> Decision {
    tell(format_args!("where the payment was born is not known"));
    if let Some(api) = facts.open_at {
        return open_call(api, tell);
    }
    let Some(reference) = facts.order.reference() else {
        let reason =
            Untranslatable::of_order(facts.order).unwrap_or(Untranslatable::OrderCharacters);
        tell(format_args!("ePayment can't know it: {}", reason.told()));
        return to(Route::Ecom, Why::Untranslatable(reason));
    };
    if reference.as_str() != facts.order.as_str() {
        tell(format_args!(
            "the order id is too short for ePayment as it stands: eCom is asked, then ePayment"
        ));
        return to(Route::EcomThenEpayment, Why::ShortOrder);
    }
    match operation {
        Operation::Capture | Operation::Cancel | Operation::Refund => {
            tell(format_args!(
                "a change goes to ePayment: it serves payments of either birth"
            ));
            to(Route::Epayment, Why::UnknownChange)
        }
        Operation::Details | Operation::Status | Operation::Approve | Operation::Initiate => {
            tell(format_args!(
                "eCom is asked; where it knows no such order, ePayment: that fixes the birth"
            ));
            to(Route::EcomThenEpayment, Why::UnknownRead)
        }
    }
}

fn about(
    facts: &Facts<'_>,
    policy: &Policy,
    operation: Operation,
    (origin, kind): (Origin, Kind),
    tell: Tell<'_>,
) -> Decision {
    if origin == Origin::Epayment {
        tell(format_args!(
            "born in ePayment: eCom does not know it, and no toggle changes that"
        ));
        return to(Route::Epayment, Why::BornInEpayment);
    }
    tell(format_args!("born in eCom ({kind:?})"));
    if let Some(reason) = Untranslatable::of_order(facts.order) {
        tell(format_args!("ePayment can't name it: {}", reason.told()));
        return to(Route::Ecom, Why::Untranslatable(reason));
    }
    if facts
        .order
        .reference()
        .is_none_or(|reference| reference.as_str() != facts.order.as_str())
    {
        tell(format_args!(
            "ePayment can't name it: the order id is shorter than a reference"
        ));
        return to(Route::Ecom, Why::ShortOrder);
    }
    if !mixing::allowed(origin, kind, operation, Origin::Epayment) {
        let why = match (operation, kind) {
            (Operation::Details | Operation::Status, Kind::Express) => Why::Express,
            (Operation::Details | Operation::Status, Kind::Unproven) => Why::MaybeExpress,
            _ => Why::BornInEcom,
        };
        tell(format_args!(
            "{} stays with eCom for such a payment",
            operation.word()
        ));
        return to(Route::Ecom, why);
    }
    if let Some(api) = facts.open_at {
        return open_call(api, tell);
    }
    by_toggle(facts, policy, operation, tell)
}

fn open_call(api: Origin, tell: Tell<'_>) -> Decision {
    tell(format_args!(
        "this request is open at {} already: its repeat goes the same way",
        api.word()
    ));
    match api {
        Origin::Ecom => to(Route::Ecom, Why::OpenCall),
        Origin::Epayment => to(Route::Epayment, Why::OpenCall),
    }
}

fn by_toggle(facts: &Facts<'_>, policy: &Policy, operation: Operation, tell: Tell<'_>) -> Decision {
    let wish = policy.wish(operation, facts.msn);
    let Wish {
        toggle,
        source,
        cap,
    } = wish;
    let op = operation.word();
    let (why, whose) = match source {
        Source::KillSwitch(own) => {
            let (why, whose) = if own {
                (Why::UnitKillSwitch, "for this sales unit")
            } else {
                (Why::KillSwitch, "for all")
            };
            tell(format_args!(
                "the kill switch {whose} is on: {op} goes to eCom"
            ));
            return to(Route::Ecom, why);
        }
        Source::Override(true) => (Why::UnitOverride, "overridden for this sales unit,"),
        Source::Override(false) => (Why::Override, "overridden for all,"),
        Source::Configured(true) => (Why::UnitToggle, "of this sales unit"),
        Source::Configured(false) => (Why::Toggle, "for all"),
    };
    let bucket = match (toggle, cap) {
        (Toggle::Percent(_), _) | (Toggle::Epayment, Some(_)) => {
            Some(rollout::bucket(facts.msn, facts.order))
        }
        _ => None,
    };
    let (epayment, why) = match (toggle, bucket) {
        (Toggle::Percent(percent), Some(bucket)) => {
            let inside = bucket < percent;
            let side = if inside { "ePayment" } else { "eCom" };
            tell(format_args!(
                "routing.{op} {whose} says {percent} %: bucket {bucket} goes to {side}"
            ));
            (inside, Why::Bucket)
        }
        _ => {
            let epayment = toggle.reaches_epayment();
            let api = if epayment {
                Origin::Epayment
            } else {
                Origin::Ecom
            };
            tell(format_args!("routing.{op} {whose} says {}", api.word()));
            (epayment, why)
        }
    };
    match (epayment, cap, bucket) {
        (true, Some(cap), Some(bucket)) if bucket >= cap => {
            tell(format_args!(
                "the ramp stands at {cap} % for this sales unit: bucket {bucket} goes to eCom"
            ));
            to(Route::Ecom, Why::Automatic)
        }
        (true, Some(cap), Some(bucket)) => {
            tell(format_args!(
                "the ramp stands at {cap} % for this sales unit: bucket {bucket} is within"
            ));
            to(Route::Epayment, why)
        }
        (true, ..) => to(Route::Epayment, why),
        (false, ..) => to(Route::Ecom, why),
    }
}

#[cfg(test)]
mod tests;
