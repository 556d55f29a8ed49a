//! Kinds of values that the bridge gives a meaning of its own: addresses, secrets, toggles, merchant numbers.
//!
//! Must not: show a secret, or accept an address that would send one in clear text.

use std::net::SocketAddr;

use secrecy::SecretString;

use super::file::{self, Section};
use super::shown;
use super::tree::{Origin, Table, Value};
use super::url::BaseUrl;
use crate::routing::Toggle;
use crate::types::Msn;

impl<'t> Section<'t, '_> {
    /// A merchant serial number, as text or number; `parsed` is what it was understood as.
    pub(super) fn msn(&mut self, key: &'static str, parsed: Option<Msn>) -> Option<Msn> {
        let node = self.node(key)?;
        self.show(key, shown::plain(node), node);
        let remedy = "Write it in quotes, such as \"123456\"";
        parsed.or_else(|| self.fail(key, "a merchant serial number is 4 to 7 digits", remedy))
    }

    /// An address to listen on.
    pub(super) fn listen(&mut self, key: &'static str) -> Option<SocketAddr> {
        self.parse(
            key,
            |text| {
                text.parse()
                    .map_err(|_| "this is no IP address with a port")
            },
            "Write it as \"127.0.0.1:8080\", \"0.0.0.0:8080\" or \"[::]:8080\"",
        )
    }

    /// A base URL, https unless on this machine; the inner `None`: left empty.
    pub(super) fn base_url(&mut self, key: &'static str) -> Option<Option<BaseUrl>> {
        let read = |text: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            let url = BaseUrl::parse(text)?;
            if url.is_https() || url.is_loopback() {
                Ok(Some(url))
            } else {
                Err("keys and tokens would cross the network in clear text")
            }
        };
        self.parse(
            key,
            read,
            "Write it as \"https://host\", with a path prefix where there is one; http is for a loopback host only",
        )
    }

    /// A secret that is sent in a header; the inner `None`: left empty.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Option<SecretString>> {
        let text = self.hidden(key)?;
        if text.is_empty() {
            return Some(None);
        }
        if !text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
            return self.fail(
                key,
                "it holds a blank, a line break or a character that no header can carry",
                "Copy it again, without what stands around it",
            );
        }
        Some(Some(SecretString::from(text)))
    }

    /// A text that is never shown.
    pub(super) fn hidden(&mut self, key: &'static str) -> Option<&'t str> {
        let node = self.node(key)?;
        let text = match &node.value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        };
        let mask = if text == Some("") {
            "\"\""
        } else {
            shown::MASK
        };
        self.show(key, mask.to_owned(), node);
        match text {
            None => self.wrong_kind(key, node, "a text", "Write it in quotes"),
            Some("(set)") => self.fail(
                key,
                "this is what `check` shows in place of a secret",
                "Write the secret itself",
            ),
            Some(text) => Some(text),
        }
    }

    /// A list of texts that are never shown; in the environment, separated by commas.
    pub(super) fn hidden_list(&mut self, key: &'static str) -> Option<Vec<&'t str>> {
        let node = self.node(key)?;
        let texts = file::texts_of(node);
        let mask = match &texts {
            Some(texts) => format!("[{}]", vec![shown::MASK; texts.len()].join(", ")),
            None => shown::MASK.to_owned(),
        };
        self.show(key, mask, node);
        match texts {
            None => self.wrong_kind(key, node, "a list of texts", "Write it as [\"…\", \"…\"]"),
            Some(texts) if texts.contains(&"(set)") => self.fail(
                key,
                "this is what `check` shows in place of a secret",
                "Write the secret itself",
            ),
            texts => texts,
        }
    }

    /// A routing toggle; a percentage only where `percent`.
    pub(super) fn toggle(&mut self, key: &'static str, percent: bool) -> Option<Toggle> {
        const WORDS: &str = "Write \"epayment\" or \"ecom\"";
        const SHARE: &str = "Write \"epayment\", \"ecom\" or { epayment_percent = 10 }";
        let node = self.node(key)?;
        let percentage = match &node.value {
            Value::Table(table) => share(table),
            _ => None,
        };
        let value = match percentage {
            Some(share) => format!("{{ epayment_percent = {share} }}"),
            None => shown::plain(node),
        };
        self.show(key, value, node);
        let remedy = if percent { SHARE } else { WORDS };
        match &node.value {
            Value::Text(text) if text == "epayment" => Some(Toggle::Epayment),
            Value::Text(text) if text == "ecom" => Some(Toggle::Ecom),
            Value::Table(_) if !percent => {
                self.fail(key, "only initiate can have a percentage", WORDS)
            }
            Value::Table(_) => match percentage {
                Some(share) => Some(Toggle::Percent(share)),
                None => self.fail(
                    key,
                    "a share is one key, epayment_percent, a whole number from 0 to 100",
                    SHARE,
                ),
            },
            _ => self.fail(key, "this is no route", remedy),
        }
    }
}

fn share(table: &Table) -> Option<u8> {
    let node = table.get("epayment_percent").filter(|_| table.len() == 1)?;
    let number = match (&node.value, &node.origin) {
        (Value::Whole(number), _) => *number,
        (Value::Text(text), Origin::Environment(_)) => text.trim().parse().ok()?,
        _ => return None,
    };
    u8::try_from(number).ok().filter(|share| *share <= 100)
}
