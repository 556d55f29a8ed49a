//! Member names without regard to letter case.
//!
//! Whether eCom takes `Amount` for `amount` is not documented. To pass over it would be the worst answer: a part of the
//! sum would become all that remains, and Express regular. So another spelling of a known name is that member, and two
//! spellings of one name stand twice, which is refused. Must not: touch a name that no member has, or a value.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

thread_local! {
    // Serde hands nothing down to where a name is judged, and paths for a list of the unknown ones cost an allocation for
    // each name, in every body, for what hardly any body has.
    static HAS_UNKNOWN: Cell<bool> = const { Cell::new(false) };
}

/// What `read` gives, and whether it met a name that no member has.
pub(super) fn noticing_unknown<T>(read: impl FnOnce() -> T) -> (T, bool) {
    HAS_UNKNOWN.set(false);
    let value = read();
    (value, HAS_UNKNOWN.get())
}

/// Reads a struct's members whatever the letter case of their names.
pub(super) struct Folded<D>(pub(super) D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Folded<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = Members {
            names,
            inner: visitor,
        };
        self.0.deserialize_struct(name, names, visitor)
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A struct's visitor, or the members that it is given.
struct Members<T> {
    names: &'static [&'static str],
    inner: T,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Members<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Members {
            names: self.names,
            inner: map,
        })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(name) = self.inner.next_key_seed(Name(self.names))? else {
            return Ok(None);
        };
        seed.deserialize(name.into_deserializer()).map(Some)
    }
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(seed)
    }
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// A name in the spelling of the one that is known; another as it came.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'static, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Cow<'static, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        // Nearly all are written as they are known.
        let same = self.0.iter().find(|known| **known == name);
        let known = same.or_else(|| self.0.iter().find(|known| known.eq_ignore_ascii_case(name)));
        Ok(known.map_or_else(
            || {
                HAS_UNKNOWN.set(true);
                Cow::Owned(name.to_owned())
            },
            |known| Cow::Borrowed(*known),
        ))
    }
}
