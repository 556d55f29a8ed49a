//! Whose payment it was, for callbacks of payments with a scope: asked of ePayment when the callback leaves.
//!
//! Nothing of it is stored. What can't be had is left out (the dispatcher gives it a short grace). Must not: show more
//! than the scope asked for.

use std::sync::Arc;

use async_trait::async_trait;

use super::dispatch::UserSource;
use super::poll::caller;
use crate::ecom::response::UserDetails;
use crate::payments::Payments;
use crate::settings::Live;
use crate::store::DueCallback;
use crate::translate::details::{ScopeAsked, user_details};
use crate::upstream::Reply;
use crate::upstream::keyring::Keyring;

/// Asks ePayment.
#[derive(Debug)]
pub struct AskUpstream {
    /// The clients.
    pub payments: Arc<Payments>,
    /// Credentials.
    pub keyring: Keyring,
    /// The settings in force: one snapshot for each question.
    pub live: Arc<Live>,
}

#[async_trait]
impl UserSource for AskUpstream {
    async fn user(&self, due: &DueCallback) -> Option<(String, UserDetails)> {
        let scope = due.scope_asked.clone()?;
        let settings = self.live.settings();
        let (credentials, from) = self.keyring.of(&due.msn).await?;
        let caller = caller(credentials, due.caller, &settings);
        let asked = self.payments.epayment.get(caller.call(), &due.reference);
        let payment = match asked.await {
            Ok(Reply::Done(payment)) => payment,
            Ok(reply) if reply.refused_status() == Some(401) => {
                // The next try finds others, where there are any.
                self.keyring
                    .refused(&due.msn, from, &caller.credentials)
                    .await;
                return None;
            }
            Ok(_) | Err(_) => return None,
        };
        let sub = payment.profile.sub?;
        let user = match payment.user_details {
            Some(user) => user,
            None => match self.payments.epayment.userinfo(caller.call(), &sub).await {
                Ok(Reply::Done(user)) => user.into(),
                Ok(_) | Err(_) => return None,
            },
        };
        let country = settings.merchant(&due.msn).country_code;
        let shown = user_details(&sub, &user, &ScopeAsked::Yes(scope), &country)?;
        Some((sub, shown))
    }
}
