//! The operator's wishes: for each operation an API, for all sales units and for some.
//!
//! A wish counts only where the mixing rules leave a choice. Must not: know where the wishes are written down.

use std::collections::BTreeMap;
use std::fmt;

use super::steering::Steering;
use crate::ecom::route::Operation;
use crate::types::Msn;

/// Where an operation goes when both APIs may take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toggle {
    /// To ePayment.
    Epayment,
    /// To eCom.
    Ecom,
    /// So many percent of orders to ePayment, 0 to 100; initiate only.
    Percent(u8),
}

impl Toggle {
    /// Whether any call may go to ePayment.
    #[must_use]
    pub const fn reaches_epayment(self) -> bool {
        !matches!(self, Self::Ecom | Self::Percent(0))
    }

    /// The share that may go to ePayment, in percent.
    #[must_use]
    pub const fn percent(self) -> u8 {
        match self {
            Self::Epayment => 100,
            Self::Ecom => 0,
            Self::Percent(share) => share,
        }
    }

    /// Reads `epayment`, `ecom`, or a percentage: `25%` or `25`, 0 to 100.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "epayment" => Some(Self::Epayment),
            "ecom" => Some(Self::Ecom),
            _ => {
                let number = text.strip_suffix('%').unwrap_or(text);
                let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
                let share = number.parse().ok().filter(|share| *share <= 100)?;
                digits.then_some(Self::Percent(share))
            }
        }
    }
}

/// As [`Toggle::parse`] reads it.
impl fmt::Display for Toggle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epayment => f.write_str("epayment"),
            Self::Ecom => f.write_str("ecom"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

/// Where `transactionId` in the answer to a money call comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionIdSource {
    /// The operation's own event: one read more.
    Event,
    /// The payment's pspReference: no read.
    Payment,
}

/// The wishes for all sales units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the operation of its name")]
pub struct Routing {
    pub initiate: Toggle,
    pub capture: Toggle,
    pub cancel: Toggle,
    pub refund: Toggle,
    pub details: Toggle,
    pub status: Toggle,
    pub transaction_id: TransactionIdSource,
}

/// The wishes for one sales unit; what is not wished for is as for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the operation of its name")]
pub struct RoutingOverride {
    pub initiate: Option<Toggle>,
    pub capture: Option<Toggle>,
    pub cancel: Option<Toggle>,
    pub refund: Option<Toggle>,
    pub details: Option<Toggle>,
    pub status: Option<Toggle>,
    pub transaction_id: Option<TransactionIdSource>,
}

impl Default for Routing {
    fn default() -> Self {
        let epayment = Toggle::Epayment;
        Self {
            initiate: epayment,
            capture: epayment,
            cancel: epayment,
            refund: epayment,
            details: epayment,
            status: epayment,
            transaction_id: TransactionIdSource::Event,
        }
    }
}

impl Routing {
    /// The wish for an operation; force approve follows initiate, though it has no choice.
    #[must_use]
    pub const fn of(&self, operation: Operation) -> Toggle {
        match operation {
            Operation::Initiate | Operation::Approve => self.initiate,
            Operation::Capture => self.capture,
            Operation::Cancel => self.cancel,
            Operation::Refund => self.refund,
            Operation::Details => self.details,
            Operation::Status => self.status,
        }
    }
}

impl RoutingOverride {
    /// The wishes for all with this sales unit's own put over them.
    #[must_use]
    pub fn over(&self, all: Routing) -> Routing {
        Routing {
            initiate: self.initiate.unwrap_or(all.initiate),
            capture: self.capture.unwrap_or(all.capture),
            cancel: self.cancel.unwrap_or(all.cancel),
            refund: self.refund.unwrap_or(all.refund),
            details: self.details.unwrap_or(all.details),
            status: self.status.unwrap_or(all.status),
            transaction_id: self.transaction_id.unwrap_or(all.transaction_id),
        }
    }

    /// Wishes something for an operation.
    pub const fn set(&mut self, operation: Operation, toggle: Toggle) {
        let place = match operation {
            Operation::Initiate | Operation::Approve => &mut self.initiate,
            Operation::Capture => &mut self.capture,
            Operation::Cancel => &mut self.cancel,
            Operation::Refund => &mut self.refund,
            Operation::Details => &mut self.details,
            Operation::Status => &mut self.status,
        };
        *place = Some(toggle);
    }

    /// The wish for an operation, where there is one.
    #[must_use]
    pub const fn of(&self, operation: Operation) -> Option<Toggle> {
        match operation {
            Operation::Initiate | Operation::Approve => self.initiate,
            Operation::Capture => self.capture,
            Operation::Cancel => self.cancel,
            Operation::Refund => self.refund,
            Operation::Details => self.details,
            Operation::Status => self.status,
        }
    }
}

/// Whose wish counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A kill switch, of this sales unit (true) or of all.
    KillSwitch(bool),
    /// A run-time override, of this sales unit (true) or for all.
    Override(bool),
    /// The configuration, of this sales unit (true) or for all.
    Configured(bool),
}

/// The wish that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Where to.
    pub toggle: Toggle,
    /// Whose.
    pub source: Source,
    /// At most so many percent, as ramp and rollback have it; only below 100 and only of new initiates.
    pub cap: Option<u8>,
}

/// All wishes, and what lies over them at run time.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// For all sales units, as configured.
    pub all: Routing,
    /// For some, as configured.
    pub units: BTreeMap<Msn, RoutingOverride>,
    /// What is steered at run time.
    pub steering: Steering,
}

impl Policy {
    /// The wish that counts: kill switch, override for this unit, for all, configuration for this unit, for all.
    #[must_use]
    pub fn wish(&self, operation: Operation, msn: Option<&Msn>) -> Wish {
        let steering = &self.steering;
        let (toggle, source) = match (self.killed(operation, msn), msn) {
            (Some(own), _) => (Toggle::Ecom, Source::KillSwitch(own)),
            (None, msn) => {
                let own = msn
                    .and_then(|msn| steering.units.get(msn))
                    .and_then(|unit| unit.of(operation));
                match (own, steering.all.of(operation)) {
                    (Some(toggle), _) => (toggle, Source::Override(true)),
                    (None, Some(toggle)) => (toggle, Source::Override(false)),
                    (None, None) => self.configured(operation, msn),
                }
            }
        };
        let cap = match (operation, source, msn) {
            (Operation::Initiate, Source::Configured(_), Some(msn)) => {
                let cap = steering.caps.get(msn).copied();
                cap.or(steering.cap_others).filter(|cap| *cap < 100)
            }
            _ => None,
        };
        Wish {
            toggle,
            source,
            cap,
        }
    }

    /// What the configuration wishes, whatever is steered.
    #[must_use]
    pub fn configured(&self, operation: Operation, msn: Option<&Msn>) -> (Toggle, Source) {
        let own = msn
            .and_then(|msn| self.units.get(msn))
            .and_then(|unit| unit.of(operation));
        match own {
            Some(toggle) => (toggle, Source::Configured(true)),
            None => (self.all.of(operation), Source::Configured(false)),
        }
    }

    /// Whether a kill switch is on for an operation that it stops; whether it is the sales unit's own.
    fn killed(&self, operation: Operation, msn: Option<&Msn>) -> Option<bool> {
        match operation {
            Operation::Initiate | Operation::Capture | Operation::Cancel | Operation::Refund => {}
            // Reads harm nothing, and approve has no choice.
            Operation::Details | Operation::Status | Operation::Approve => return None,
        }
        let own = msn.is_some_and(|msn| self.steering.killed.contains(msn));
        (own || self.steering.killed_all).then_some(own)
    }

    /// Where `transactionId` comes from.
    #[must_use]
    pub fn transaction_id(&self, msn: Option<&Msn>) -> TransactionIdSource {
        let own = msn
            .and_then(|msn| self.units.get(msn))
            .and_then(|unit| unit.transaction_id);
        own.unwrap_or(self.all.transaction_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toggles_are_read_as_they_are_shown() {
        for (text, toggle) in [
            ("epayment", Some(Toggle::Epayment)),
            ("ecom", Some(Toggle::Ecom)),
            ("0%", Some(Toggle::Percent(0))),
            ("100%", Some(Toggle::Percent(100))),
            ("101%", None),
            ("+5%", None),
            ("-5", None),
            ("%", None),
            ("", None),
            ("eCom", None),
            ("1.5%", None),
        ] {
            assert_eq!(Toggle::parse(text), toggle, "{text}");
            if let Some(toggle) = toggle {
                assert_eq!(toggle.to_string(), text);
            }
        }
        assert_eq!(Toggle::parse("25"), Some(Toggle::Percent(25)));
    }

    #[test]
    fn a_kill_switch_wishes_for_ecom() {
        let msn = Msn::parse("123456").unwrap();
        let mut policy = Policy::default();
        policy.steering.killed_all = true;
        let wish = policy.wish(Operation::Capture, Some(&msn));
        let want = (Toggle::Ecom, Source::KillSwitch(false));
        assert_eq!((wish.toggle, wish.source), want);
        policy.steering.killed.insert(msn.clone());
        let wish = policy.wish(Operation::Capture, Some(&msn));
        let want = (Toggle::Ecom, Source::KillSwitch(true));
        assert_eq!((wish.toggle, wish.source), want);
        assert_eq!(
            policy.wish(Operation::Details, Some(&msn)).toggle,
            Toggle::Epayment
        );
    }

    #[test]
    fn a_units_own_ramp_goes_before_that_of_the_others() {
        let (msn, other) = (Msn::parse("123456").unwrap(), Msn::parse("654321").unwrap());
        let mut policy = Policy::default();
        policy.steering.cap_others = Some(5);
        policy.steering.caps.insert(msn.clone(), 50);
        let cap = |msn| policy.wish(Operation::Initiate, Some(msn)).cap;
        assert_eq!((cap(&msn), cap(&other)), (Some(50), Some(5)));
    }

    #[test]
    fn each_wish_of_a_unit_is_put_over_that_of_all() {
        for operation in Operation::ALL {
            let mut own = RoutingOverride::default();
            own.set(operation, Toggle::Ecom);
            let put = own.over(Routing::default());
            for one in Operation::ALL {
                // Force approve follows initiate.
                let is_own = put.of(one) == Toggle::Ecom;
                assert_eq!(Some(put.of(one)), own.of(one).or(Some(Toggle::Epayment)));
                assert!(is_own || one != operation, "{operation:?} {one:?}");
            }
        }
    }
}
