//! Where callbacks may go. The address comes from a request, so it is hostile until proven.
//!
//! Judged twice: the URL as written, and each address its name resolves to, right where the connection is made; so no
//! name can point elsewhere between check and connection. Of a name with good and bad addresses the bad ones are left
//! out: none of them is connected to, and a shop with a stray private record is still reached. Must not: call anything.

pub mod reach;
mod text;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

pub use self::text::{AddressRule, Refusal, Targets};

/// More addresses of one name are not tried.
const ADDRESSES_MAX: usize = 16;

/// Resolves names and leaves out what may not be connected to. The connection is made to what this returns and to
/// nothing else.
pub struct GuardedResolver {
    inner: Arc<dyn Resolve>,
    rule: AddressRule,
}

impl GuardedResolver {
    /// Guards another resolver.
    #[must_use]
    pub fn new(inner: Arc<dyn Resolve>, rule: AddressRule) -> Self {
        Self { inner, rule }
    }
}

impl fmt::Debug for GuardedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GuardedResolver").field(&self.rule).finish()
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (asked, rule) = (self.inner.resolve(name), self.rule);
        Box::pin(async move {
            let mut good: Vec<SocketAddr> = Vec::new();
            let mut refusal = None;
            for address in asked.await?.take(ADDRESSES_MAX) {
                match rule.judge(address.ip()) {
                    Ok(()) => good.push(address),
                    Err(why) => refusal = Some(refusal.unwrap_or(why)),
                }
            }
            match refusal {
                Some(why) if good.is_empty() => Err(why.into()),
                _ if good.is_empty() => Err("the name has no address".into()),
                _ => {
                    let addresses: Addrs = Box::new(good.into_iter());
                    Ok(addresses)
                }
            }
        })
    }
}

/// The machine's own resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests;
