//! From the bytes of an answer to a tree that is safe to walk: bounded in size, in depth, and in what is in it.
//!
//! A member that stands twice is noted, because readers differ on which one counts; the last one is kept, as most do.
//! Numbers beyond 64 bits become doubles, as in the clients. Must not: compare.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::difference::{CompareFailure, Side};
use super::place::Step;

/// The largest body that is compared, in bytes. The answers of eCom are far below 64 KiB.
pub const LARGEST: usize = 2 * 1024 * 1024;
/// How much may be in a body: 1 for each value, 16 for each object (what it costs in memory).
pub const BUDGET: u32 = 600_000;
/// How deep a body may be nested. The answers of eCom have four levels; the parser's own stack ends at 128.
pub const DEEPEST: usize = 64;
/// How many members that stand twice are noted.
const NOTED: usize = 8;

/// A body that was read.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: Value,
    /// Where a member stands twice.
    pub(super) doubled: Vec<Vec<Step<'static>>>,
}

/// Reads a body. `None` where it is empty.
pub(super) fn read(body: &[u8], side: Side) -> Result<Option<Tree>, CompareFailure> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    if body.len() > LARGEST {
        return Err(CompareFailure::TooLarge(side));
    }
    let mut state = Reading {
        left: BUDGET,
        at: Vec::new(),
        doubled: Vec::new(),
        end: None,
    };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Seed(&mut state).deserialize(&mut reader);
    let read = read.and_then(|root| reader.end().map(|()| root));
    match (read, state.end) {
        (Ok(root), _) => Ok(Some(Tree {
            root,
            doubled: state.doubled,
        })),
        (Err(_), Some(End::Large)) => Err(CompareFailure::TooLarge(side)),
        (Err(_), Some(End::Deep)) => Err(CompareFailure::TooDeep(side)),
        (Err(_), None) => Err(CompareFailure::NotJson(side)),
    }
}

/// Why the reading was given up.
#[derive(Clone, Copy)]
enum End {
    Large,
    Deep,
}

struct Reading {
    left: u32,
    at: Vec<Step<'static>>,
    doubled: Vec<Vec<Step<'static>>>,
    end: Option<End>,
}

impl Reading {
    fn take<E: serde::de::Error>(&mut self, cost: u32) -> Result<(), E> {
        match self.left.checked_sub(cost) {
            Some(left) => self.left = left,
            None => {
                self.end = Some(End::Large);
                return Err(E::custom("too large"));
            }
        }
        Ok(())
    }

    fn deeper<E: serde::de::Error>(&mut self, step: Step<'static>) -> Result<(), E> {
        self.at.push(step);
        if self.at.len() > DEEPEST {
            self.end = Some(End::Deep);
            return Err(E::custom("too deep"));
        }
        Ok(())
    }
}

struct Seed<'r>(&'r mut Reading);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.0.take(1)?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let state = self.0;
        let mut list = Vec::new();
        loop {
            state.deeper::<A::Error>(Step::Item(list.len()))?;
            let Some(value) = seq.next_element_seed(Seed(state))? else {
                break;
            };
            state.at.pop();
            list.push(value);
        }
        state.at.pop();
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let state = self.0;
        state.take::<A::Error>(15)?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            state.deeper::<A::Error>(Step::Member(name.clone().into()))?;
            let value = map.next_value_seed(Seed(state))?;
            if members.insert(name, value).is_some() && state.doubled.len() < NOTED {
                state.doubled.push(state.at.clone());
            }
            state.at.pop();
        }
        Ok(Value::Object(members))
    }
}
