//! The routing toggles as configured: in general, and per sales unit.
//!
//! Must not: decide a call; that takes the payment's origin as well.

/// Which API serves an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toggle {
    /// ePayment.
    Epayment,
    /// eCom.
    Ecom,
    /// Percent (0 to 100) of new orders to ePayment, the others to eCom. Only of initiate.
    Percent(u8),
}

impl Toggle {
    /// Whether any call may go to ePayment.
    #[must_use]
    pub const fn reaches_epayment(self) -> bool {
        !matches!(self, Self::Ecom | Self::Percent(0))
    }
}

/// Where the `transactionId` of an answer to a change comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionIdSource {
    /// From the event log: unique per change, one more read.
    Event,
    /// From the payment: the same for all its changes, no further read.
    Payment,
}

/// `[routing]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    /// New payments.
    pub initiate: Toggle,
    /// Of payments initiated in eCom, as all below; those created in ePayment always go there.
    pub capture: Toggle,
    /// See `capture`.
    pub cancel: Toggle,
    /// See `capture`.
    pub refund: Toggle,
    /// See `capture`.
    pub details: Toggle,
    /// See `capture`.
    pub status: Toggle,
    /// See [`TransactionIdSource`].
    pub transaction_id: TransactionIdSource,
}

/// `merchants.routing`: what is set replaces the general toggle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoutingOverride {
    /// See [`Routing::initiate`].
    pub initiate: Option<Toggle>,
    /// See [`Routing::capture`].
    pub capture: Option<Toggle>,
    /// See [`Routing::cancel`].
    pub cancel: Option<Toggle>,
    /// See [`Routing::refund`].
    pub refund: Option<Toggle>,
    /// See [`Routing::details`].
    pub details: Option<Toggle>,
    /// See [`Routing::status`].
    pub status: Option<Toggle>,
    /// See [`Routing::transaction_id`].
    pub transaction_id: Option<TransactionIdSource>,
}

impl RoutingOverride {
    /// The general routing with this merchant's own toggles put over it.
    #[must_use]
    pub fn over(&self, general: Routing) -> Routing {
        Routing {
            initiate: self.initiate.unwrap_or(general.initiate),
            capture: self.capture.unwrap_or(general.capture),
            cancel: self.cancel.unwrap_or(general.cancel),
            refund: self.refund.unwrap_or(general.refund),
            details: self.details.unwrap_or(general.details),
            status: self.status.unwrap_or(general.status),
            transaction_id: self.transaction_id.unwrap_or(general.transaction_id),
        }
    }
}
