//! The operator's wishes: for each operation an API, for all sales units and for some.
//!
//! A wish counts only where the mixing rules leave a choice. Must not: know where the wishes are written down.

use std::collections::BTreeMap;

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

/// All wishes.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// For all sales units.
    pub all: Routing,
    /// For some.
    pub units: BTreeMap<Msn, RoutingOverride>,
}

impl Policy {
    /// The wish that counts, and whether it is the sales unit's own.
    #[must_use]
    pub fn wish(&self, operation: Operation, msn: Option<&Msn>) -> (Toggle, bool) {
        let own = msn
            .and_then(|msn| self.units.get(msn))
            .and_then(|unit| unit.of(operation));
        (own.unwrap_or_else(|| self.all.of(operation)), own.is_some())
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
