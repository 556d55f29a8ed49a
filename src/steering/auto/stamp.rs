//! Moments in the machine's memory: milliseconds since 1970.
//!
//! Must not: be shown to anyone; what is shown is text.

use serde::{Deserialize, Deserializer, Serializer};

use crate::types::Moment;

pub(super) fn serialize<S: Serializer>(moment: &Moment, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i64(moment.millis())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Moment, D::Error> {
    i64::deserialize(from).map(Moment::from_millis)
}

/// Those that may be absent.
pub(super) mod maybe {
    use super::{Deserialize, Deserializer, Moment, Serializer};

    #[expect(clippy::ref_option, reason = "the form that serde asks for")]
    pub(in super::super) fn serialize<S: Serializer>(
        moment: &Option<Moment>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match moment {
            Some(moment) => to.serialize_some(&moment.millis()),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Moment>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(Moment::from_millis))
    }
}
