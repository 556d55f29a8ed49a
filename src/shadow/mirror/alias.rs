//! The names that stand in a shadow for a merchant's: of an order, of a request, of a text.
//!
//! Keyed with the process's own randomness, so that nothing can be found again from one, and the same for the same, so
//! that both answers can be compared. Each keeps the class of what it stands for (short, too long, empty), because the
//! APIs judge by it. Must not: keep what it stands for, or let a letter of it through.

use crate::types::{KeyMaker, OrderId, OrderText, RequestId, Scope, StoreSecret};

/// What the longer ones begin with.
const MARK: &str = "shadow-";
/// Order ids below this length have a prefix in ePayment.
const SHORT: usize = 8;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes them.
#[derive(Clone, Debug)]
pub(super) struct Aliases(StoreSecret);

impl Aliases {
    /// From fresh randomness.
    pub(super) const fn new(random: [u8; 32]) -> Self {
        Self(StoreSecret::new(random))
    }

    /// For an order; none where ePayment could not have it.
    pub(super) fn order(&self, scope: &Scope, order: &OrderText) -> Option<OrderId> {
        order.reference()?;
        let digest = self
            .0
            .hash("order", format!("{}/{order}", scope.text()).as_bytes());
        let text = if order.as_str().len() < SHORT {
            let letters = digest.iter().take(SHORT - 2).map(letter);
            std::iter::once('s').chain(letters).collect()
        } else {
            format!("{MARK}{}", hex(&digest))
        };
        OrderId::parse(&text)
    }

    /// For an `X-Request-Id` of a shadow's order: one that can't be read stays so, one that is carried in a key or not,
    /// too. Empty is none.
    pub(super) fn request_id(&self, shadow: &OrderId, text: &str) -> String {
        let text = text.trim();
        if text.is_empty() {
            return String::new();
        }
        let Some(id) = RequestId::parse(text) else {
            return "x".repeat(65);
        };
        let of = |part: &str| {
            hex(&self
                .0
                .hash("request", format!("{shadow}/{part}").as_bytes()))
        };
        if KeyMaker::is_carried(&id) {
            of(text)
        } else {
            format!("{}{}", of(text), of(&format!("{text}/")))
        }
    }

    /// For a text: as many characters, the same control characters, and blanks around it.
    pub(super) fn text(&self, text: &str) -> String {
        let core = text.trim();
        if core.is_empty() {
            return text.to_owned();
        }
        let head = text.len() - text.trim_start().len();
        let count = core.chars().count();
        let digest = self.0.hash("text", core.as_bytes());
        let letters = digest
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|four| char::from(b'a' + four));
        let mark = if count > 2 * MARK.len() { MARK } else { "" };
        let mut stand_in = mark
            .chars()
            .chain(letters.clone().collect::<Vec<_>>().into_iter().cycle());
        let middle: String = core
            .chars()
            .map(|c| match c {
                control if control.is_control() => control,
                _ => stand_in.next().unwrap_or('x'),
            })
            .collect();
        format!("{}{middle}{}", &text[..head], &text[head + core.len()..])
    }
}

/// For a code of letters and digits: the form of it.
pub(super) fn code(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '0'..='9' => '1',
            _ => 'X',
        })
        .collect()
}

fn letter(byte: &u8) -> char {
    char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])
}

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::Reference;

    fn aliases() -> Aliases {
        Aliases::new([7; 32])
    }

    fn scope() -> Scope {
        Scope::parse("123456").unwrap()
    }

    #[test]
    fn an_order_s_alias_is_valid_in_both_apis_and_of_the_same_class() {
        let of = |text: &str| aliases().order(&scope(), &OrderText::parse(text).unwrap());
        let long = of("order-0001").unwrap();
        assert!(long.as_str().starts_with(MARK) && long.as_str().len() <= 50);
        assert!(Reference::parse(long.as_str()).is_some());
        let short = of("W17").unwrap();
        assert_eq!(short.as_str().len(), 7);
        assert_ne!(of("order-0002").unwrap(), long);
        assert_eq!(of("order-0001").unwrap(), long);
        for not in ["a b c d e f", "ecom-id-W17", "ærlig-0001"] {
            assert_eq!(of(not), None, "{not}");
        }
        let other = Scope::parse("123457").unwrap();
        let order = OrderText::parse("order-0001").unwrap();
        assert_ne!(aliases().order(&other, &order).unwrap(), long);
        assert_ne!(
            Aliases::new([8; 32]).order(&scope(), &order).unwrap(),
            long,
            "of another process"
        );
    }

    #[test]
    fn request_ids_keep_what_a_key_makes_of_them() {
        let shadow = OrderId::parse("shadow-1").unwrap();
        let of = |text: &str| aliases().request_id(&shadow, text);
        assert_eq!(of("  "), "");
        assert_eq!(of("a1").len(), 32);
        assert_eq!(of(" a1 "), of("a1"));
        assert_ne!(of("a1"), of("a2"));
        for hashed in ["a,b", &"x".repeat(41)] {
            let alias = RequestId::parse(&of(hashed)).unwrap();
            assert!(!KeyMaker::is_carried(&alias), "{hashed}");
        }
        for wrong in ["y".repeat(65), "æ".to_owned()] {
            assert_eq!(RequestId::parse(&of(&wrong)), None, "{wrong}");
        }
        let other = OrderId::parse("shadow-2").unwrap();
        assert_ne!(aliases().request_id(&other, "a1"), of("a1"));
    }

    #[test]
    fn texts_keep_their_form() {
        let of = |text: &str| aliases().text(text);
        assert_eq!(of(""), "");
        assert_eq!(of("  "), "  ");
        assert_eq!(of(" Ada ").trim(), of("Ada"));
        assert!(of(" Ada ").starts_with(' ') && of(" Ada ").ends_with(' '));
        assert!(of("To Ada Lovelace, with thanks").starts_with(MARK));
        assert_eq!(of("a\nb").chars().nth(1), Some('\n'));
        assert_ne!(of("order of Ada"), of("order of Bob"));
    }

    proptest! {
        #[test]
        fn a_text_s_alias_is_as_long_and_says_nothing(text in "\\PC{0,120}") {
            let alias = aliases().text(&text);
            prop_assert_eq!(alias.chars().count(), text.chars().count());
            prop_assert_eq!(&alias, &aliases().text(&text));
            let core = text.trim();
            prop_assert!(alias.trim().chars().all(|c| c == '-' || c.is_ascii_lowercase()));
            prop_assert!(core.chars().count() < 8 || !alias.contains(core));
        }
    }
}
