//! What a lever does when the store fails between recording it and telling what is in force.

use async_trait::async_trait;

use super::*;
use crate::store::{Change, ChangeView};
use crate::types::SystemClock;

/// Records, and can't be asked.
#[derive(Debug)]
struct Mute;

fn locked<T>() -> Result<T, StoreError> {
    Err(StoreError::Locked)
}

#[async_trait]
impl SteeringStore for Mute {
    async fn overrides(&self, _: Moment) -> Result<Vec<Override>, StoreError> {
        locked()
    }
    async fn set_override(&self, _: NewOverride, _: Moment) -> Result<OverrideId, StoreError> {
        Ok(OverrideId(1))
    }
    async fn end_override(
        &self,
        _: OverrideId,
        _: Reason,
        _: Moment,
    ) -> Result<Option<Override>, StoreError> {
        locked()
    }
    async fn expire_overrides(&self, _: Moment) -> Result<Vec<Override>, StoreError> {
        locked()
    }
    async fn list_change(&self, _: Change, _: Moment) -> Result<(), StoreError> {
        locked()
    }
    async fn changes(&self, _: Option<i64>, _: usize) -> Result<Vec<ChangeView>, StoreError> {
        locked()
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_in_force_even_if_the_store_then_falls_silent() {
    let settings = crate::settings::from_text("").unwrap();
    let live = Arc::new(Live::new(Arc::new(settings)));
    let steerer = Steerer::new(
        Arc::new(Mute),
        Arc::clone(&live),
        Arc::new(SystemClock),
        Arc::default(),
    );
    let kill = NewOverride {
        lever: Lever::KillSwitch,
        msn: None,
        toggle: Toggle::Ecom,
        reason: Reason::new("ann", "checkout fails").unwrap(),
        until: None,
    };
    steerer.set(kill).await.unwrap();
    assert!(live.snapshot().policy.steering.killed_all);
}
