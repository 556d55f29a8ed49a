//! JSON members as legacy clients write them: numbers as text, integral floats, nulls for absent.
//!
//! A member of the wrong type does not end the reading: it is remembered as `Wrong`, so that one answer can name every
//! field that is wrong. Must not: correct a value (a fraction is wrong, never rounded).

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fold::Folded;

/// One member of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Field<T> {
    /// Not there.
    #[default]
    Absent,
    /// There, as null: counts as absent for everything optional.
    Null,
    /// There, and of the right type.
    Is(T),
    /// There, and of another type.
    Wrong,
}

impl<T> Field<T> {
    /// The value, where there is one.
    pub const fn get(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null | Self::Wrong => None,
        }
    }

    /// Whether any value stands here, null excepted.
    pub const fn is_there(&self) -> bool {
        matches!(self, Self::Is(_) | Self::Wrong)
    }

    /// Whether a value of another type stands here.
    pub const fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong)
    }
}

/// A type that says itself which JSON values it takes; every default is "wrong".
pub trait FromJson: Sized {
    /// From a string.
    fn from_text(_text: &str) -> Option<Self> {
        None
    }
    /// From an integer literal.
    fn from_integer(_value: i64) -> Option<Self> {
        None
    }
    /// From a literal with a fraction or an exponent that is a whole number between -2^53 and 2^53.
    fn from_whole_float(_value: i64) -> Option<Self> {
        None
    }
    /// From `true` or `false`.
    fn from_bool(_value: bool) -> Option<Self> {
        None
    }
    /// From an object. Takes all of `map`.
    ///
    /// # Errors
    /// The reader's own, such as a key that stands twice.
    fn from_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// Text; a number is taken by its digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text(pub String);

impl FromJson for Text {
    fn from_text(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }
    fn from_integer(value: i64) -> Option<Self> {
        Some(Self(value.to_string()))
    }
}

/// Text only; a number is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StrictText(pub String);

impl FromJson for StrictText {
    fn from_text(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }
}

/// Minor units: an integer, or a float that is whole (`20000.0`).
impl FromJson for i64 {
    fn from_integer(value: i64) -> Option<Self> {
        Some(value)
    }
    fn from_whole_float(value: i64) -> Option<Self> {
        Some(value)
    }
}

impl FromJson for bool {
    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

/// Any value at all: only its presence counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Present;

impl FromJson for Present {
    fn from_text(_: &str) -> Option<Self> {
        Some(Self)
    }
    fn from_integer(_: i64) -> Option<Self> {
        Some(Self)
    }
    fn from_bool(_: bool) -> Option<Self> {
        Some(Self)
    }
}

/// An object; arrays and scalars are wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Object<T>(pub T);

impl<T: for<'a> Deserialize<'a>> FromJson for Object<T> {
    fn from_object<'de, A: MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
        T::deserialize(Folded(serde::de::value::MapAccessDeserializer::new(map)))
            .map(|inner| Some(Self(inner)))
    }
}

impl<'de, T: FromJson> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

fn or_wrong<T, E>(value: Option<T>) -> Result<Field<T>, E> {
    Ok(value.map_or(Field::Wrong, Field::Is))
}

impl<'de, T: FromJson> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        or_wrong(T::from_bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        or_wrong(T::from_integer(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        or_wrong(i64::try_from(value).ok().and_then(T::from_integer))
    }
    // From 2^53 on a number may have been rounded to a whole one.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and below 2^53, checked here"
    )]
    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        let whole = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
        or_wrong(whole.then_some(value as i64).and_then(T::from_whole_float))
    }
    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        or_wrong(T::from_text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Wrong)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::from_object(map).map(|value| value.map_or(Field::Wrong, Field::Is))
    }
}

/// What stands in every number that is too small for a double: a negative exponent, or hundreds of zeros behind the point.
const OF_SMALL_NUMBERS: [&str; 3] = ["e-", "E-", ".0000"];

/// Whether a number other than zero (1e-400) would be read as zero: an amount of zero means all that remains.
pub(super) fn vanishes(text: &str) -> bool {
    // Hardly any body has one of these, and the numbers of all others need not be looked for.
    OF_SMALL_NUMBERS.iter().any(|sign| text.contains(sign)) && has_vanishing_number(text)
}

fn has_vanishing_number(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        rest = &rest[at..];
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut escaped = false;
            let end = quoted.find(|c| {
                let is_end = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                is_end
            });
            rest = end.map_or("", |end| &quoted[end + 1..]);
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
        let (number, after) = rest.split_at(end.unwrap_or(rest.len()));
        let digits = number.split(['e', 'E']).next().unwrap_or("");
        if digits.contains(|c: char| ('1'..='9').contains(&c)) && number.parse() == Ok(0.0_f64) {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: FromJson>(json: &str) -> Field<T> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn amounts_take_whole_numbers_only() {
        for (json, want) in [
            ("20000", Field::Is(20_000)),
            ("20000.0", Field::Is(20_000)),
            ("2e4", Field::Is(20_000)),
            ("-5", Field::Is(-5)),
            ("null", Field::Null),
            ("199.9", Field::Wrong),
            ("\"20000\"", Field::Wrong),
            ("true", Field::Wrong),
            ("[1]", Field::Wrong),
            ("{\"a\":1}", Field::Wrong),
            ("9223372036854775808", Field::Wrong),
            ("1e300", Field::Wrong),
            ("9007199254740991.0", Field::Is(9_007_199_254_740_991)),
            // 2^53 + 1 is read as 2^53.
            ("9007199254740993.0", Field::Wrong),
            ("0", Field::Is(0)),
            ("0.0", Field::Is(0)),
        ] {
            assert_eq!(read::<i64>(json), want, "{json}");
        }
    }

    #[test]
    fn numbers_that_are_zero_or_stand_in_texts_do_not_vanish() {
        for text in [
            "0",
            "-0.000e-999",
            "1e-300",
            "{\"1e-999\":\"\\\"1e-999\"}",
            "\"1e-999",
            "e-999",
        ] {
            assert!(!vanishes(text), "{text}");
        }
        for text in ["1e-999", "[0,0.01E-999]", "{\"\\\\\":1e-999}"] {
            assert!(vanishes(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_number_vanishes_without_a_sign_of_it(
            before in "[01.eE+\\-\",]{0,12}",
            zeros in 0_usize..400,
            after in "[01.eE+\\-\",]{0,12}",
        ) {
            let text = format!("{before}0.{}{after}", "0".repeat(zeros));
            proptest::prop_assert_eq!(vanishes(&text), has_vanishing_number(&text));
        }
    }

    #[test]
    fn a_number_vanishes_in_zeros_too() {
        assert!(vanishes(&format!("[0.{}1]", "0".repeat(330))));
        assert!(!vanishes(&format!("[0.{}1]", "0".repeat(300))));
    }

    #[test]
    fn text_takes_numbers_by_their_digits() {
        assert_eq!(read::<Text>("123456"), Field::Is(Text("123456".into())));
        assert_eq!(read::<Text>("\"a\""), Field::Is(Text("a".into())));
        assert_eq!(read::<Text>("1.5"), Field::Wrong);
        assert_eq!(read::<Text>("[]"), Field::Wrong);
        assert_eq!(read::<StrictText>("1"), Field::Wrong);
    }

    #[test]
    fn an_object_is_never_read_from_an_array() {
        #[derive(Debug, Default, PartialEq, Eq, serde::Deserialize)]
        struct One {
            #[serde(default)]
            a: Field<i64>,
        }
        assert_eq!(
            read::<Object<One>>("{\"a\":1,\"b\":[2]}"),
            Field::Is(Object(One { a: Field::Is(1) }))
        );
        assert_eq!(read::<Object<One>>("[1]"), Field::Wrong);
        assert!(serde_json::from_str::<Field<Object<One>>>("{\"a\":1,\"a\":2}").is_err());
    }
}
