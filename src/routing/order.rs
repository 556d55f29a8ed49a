//! What a combination of toggles means: how far a sales unit is in the published order of migration, and what would break
//! if the bridge were taken away now.
//!
//! The published order moves *create* last, because a payment created in ePayment is unknown to eCom. The bridge makes
//! any order safe: it knows where each payment was born. Without it, every call goes where its toggle points, whatever
//! the payment. Must not: know what payments there are.

use super::toggles::Routing;
use crate::ecom::route::Operation;

/// The operations on existing payments, in the order in which they are best moved: reads harm nothing.
pub const FOLLOW_UPS: [Operation; 5] = [
    Operation::Details,
    Operation::Status,
    Operation::Capture,
    Operation::Cancel,
    Operation::Refund,
];

/// All toggles in the published order.
pub const PUBLISHED: [Operation; 6] = [
    Operation::Details,
    Operation::Status,
    Operation::Capture,
    Operation::Cancel,
    Operation::Refund,
    Operation::Initiate,
];

/// How far a sales unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Everything is eCom's.
    NotBegun,
    /// Some calls about existing payments go to ePayment; payments are created in eCom.
    Following,
    /// All of them do; payments are created in eCom.
    ReadyForCreate,
    /// All of them do, and some payments are created in ePayment.
    CreateMoving,
    /// Everything goes to ePayment.
    Moved,
    /// Payments are created in ePayment while calls about payments of eCom stay with eCom.
    CreateFirst,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NotBegun,
        Self::Following,
        Self::ReadyForCreate,
        Self::CreateMoving,
        Self::Moved,
        Self::CreateFirst,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotBegun => "not-begun",
            Self::Following => "following",
            Self::ReadyForCreate => "ready-for-create",
            Self::CreateMoving => "create-moving",
            Self::Moved => "moved",
            Self::CreateFirst => "create-first",
        }
    }

    /// Whether the published order comes by here.
    #[must_use]
    pub const fn is_published_order(self) -> bool {
        !matches!(self, Self::CreateFirst)
    }
}

/// What a combination means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// How far it is.
    pub stage: Stage,
    /// Percent of new payments that are created in ePayment.
    pub created_in_epayment: u8,
    /// Calls about existing payments whose toggle points to eCom, in the order of [`FOLLOW_UPS`].
    pub left: Vec<Operation>,
}

/// Reads a combination.
#[must_use]
pub fn meaning(routing: &Routing) -> Meaning {
    let left: Vec<Operation> = FOLLOW_UPS
        .into_iter()
        .filter(|operation| !routing.of(*operation).reaches_epayment())
        .collect();
    let created_in_epayment = routing.initiate.percent();
    let stage = match (created_in_epayment, left.len()) {
        (0, 0) => Stage::ReadyForCreate,
        (0, all) if all == FOLLOW_UPS.len() => Stage::NotBegun,
        (0, _) => Stage::Following,
        (100, 0) => Stage::Moved,
        (_, 0) => Stage::CreateMoving,
        (_, _) => Stage::CreateFirst,
    };
    Meaning {
        stage,
        created_in_epayment,
        left,
    }
}

impl Meaning {
    /// The calls that would fail without the bridge, of payments created from now on: they would ask eCom about a
    /// payment that only ePayment knows.
    #[must_use]
    pub fn strands(&self) -> &[Operation] {
        if self.created_in_epayment == 0 {
            &[]
        } else {
            &self.left
        }
    }

    /// The calls that would fail without the bridge, of payments that were created in ePayment before, whatever new ones
    /// do.
    #[must_use]
    pub fn strands_earlier(&self) -> &[Operation] {
        &self.left
    }

    /// The operation that the published order moves next; none where all have moved. Initiate while any of its
    /// payments are still created in eCom.
    #[must_use]
    pub fn next(&self) -> Option<Operation> {
        let create = (self.created_in_epayment < 100).then_some(Operation::Initiate);
        self.left.first().copied().or(create)
    }

    /// What it means, in a sentence or two.
    #[must_use]
    pub fn told(&self) -> String {
        let left = words(&self.left);
        match self.stage {
            Stage::NotBegun => {
                "Every call goes to eCom, as without the bridge. The published order begins with the reads and moves initiate last.".to_owned()
            }
            Stage::Following => format!(
                "Payments are created in eCom, and ePayment has some of the calls about them; {left} of them stay with eCom. This is the published order: initiate comes last."
            ),
            Stage::ReadyForCreate => {
                "Payments are created in eCom, and ePayment has every call about them. This is the published order: initiate is what is left to move.".to_owned()
            }
            Stage::CreateMoving => format!(
                "{} % of new payments are created in ePayment, and ePayment has every call about existing ones. This is the published order: its last step is on the way.",
                self.created_in_epayment
            ),
            Stage::Moved => {
                "Every call that can be translated goes to ePayment. This is the end of the published order.".to_owned()
            }
            Stage::CreateFirst => format!(
                "New payments are created in ePayment while {left} of eCom's payments stay with eCom. The published order moves initiate last; this order is safe only because the bridge knows where each payment was created."
            ),
        }
    }

    /// What would become of payments if the bridge were taken away now and each call went where its toggle points;
    /// `earlier`: how many payments created in ePayment are still open, where that is known.
    #[must_use]
    pub fn without_the_bridge(&self, earlier: Option<u64>) -> String {
        let strands = words(self.strands());
        match (self.strands().is_empty(), self.left.is_empty(), earlier) {
            (false, ..) => format!(
                "If the bridge were removed now, {strands} of payments created in ePayment would fail: they would ask eCom, which does not know them."
            ),
            (true, true, _) => {
                "No call would ask eCom about a payment that only ePayment knows. Express payments and order ids that ePayment can't name still need eCom for what they are.".to_owned()
            }
            (true, false, Some(0)) => {
                "Nothing created in ePayment is open, so no call would ask the wrong API.".to_owned()
            }
            (true, false, Some(open)) => format!(
                "New payments would be safe, but of the {open} open ones that were created in ePayment before, {} would fail.",
                words(&self.left)
            ),
            (true, false, None) => format!(
                "New payments would be safe. Of any that were created in ePayment before, {} would fail.",
                words(&self.left)
            ),
        }
    }
}

/// The words of operations: `capture`, `capture and refund`, `capture, cancel and refund`.
fn words(operations: &[Operation]) -> String {
    let words: Vec<&str> = operations.iter().map(|one| one.word()).collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::toggles::Toggle;
    use super::*;

    /// Each bit one toggle at ePayment, in the published order; initiate as given.
    fn combination(bits: usize, initiate: Toggle) -> Routing {
        let at = |bit: usize| {
            if bits >> bit & 1 == 1 {
                Toggle::Epayment
            } else {
                Toggle::Ecom
            }
        };
        Routing {
            details: at(0),
            status: at(1),
            capture: at(2),
            cancel: at(3),
            refund: at(4),
            initiate,
            ..Routing::default()
        }
    }

    #[test]
    fn every_combination_has_one_meaning() {
        let percents = (0..=100).map(Toggle::Percent);
        for initiate in [Toggle::Ecom, Toggle::Epayment].into_iter().chain(percents) {
            for bits in 0..32 {
                let meaning = meaning(&combination(bits, initiate));
                let created = initiate.percent();
                let expected = match (created, bits) {
                    (0, 0) => Stage::NotBegun,
                    (0, 31) => Stage::ReadyForCreate,
                    (0, _) => Stage::Following,
                    (100, 31) => Stage::Moved,
                    (_, 31) => Stage::CreateMoving,
                    _ => Stage::CreateFirst,
                };
                assert_eq!(meaning.stage, expected, "{initiate} {bits:05b}");
                assert_eq!(meaning.left.len(), 5 - bits.count_ones() as usize);
                let strands = created > 0 && bits != 31;
                assert_eq!(!meaning.strands().is_empty(), strands);
                assert_eq!(!meaning.stage.is_published_order(), strands);
                assert_eq!(meaning.next().is_none(), (created, bits) == (100, 31));
                for text in [meaning.told(), meaning.without_the_bridge(None)] {
                    assert!(
                        text.ends_with('.') && text.matches(". ").count() <= 1,
                        "{text}"
                    );
                }
                for operation in meaning.strands() {
                    assert!(
                        meaning
                            .without_the_bridge(Some(0))
                            .contains(operation.word())
                    );
                }
            }
        }
    }

    #[test]
    fn the_sentences_say_what_is_left() {
        let create_first = meaning(&combination(0b00111, Toggle::Percent(5)));
        assert_eq!(
            create_first.without_the_bridge(None),
            "If the bridge were removed now, cancel and refund of payments created in ePayment would fail: they would ask eCom, which does not know them."
        );
        assert_eq!(create_first.next(), Some(Operation::Cancel));
        let back = meaning(&combination(0b11110, Toggle::Ecom));
        assert_eq!(
            back.without_the_bridge(Some(3)),
            "New payments would be safe, but of the 3 open ones that were created in ePayment before, details would fail."
        );
        assert_eq!(
            back.told(),
            "Payments are created in eCom, and ePayment has some of the calls about them; details of them stay with eCom. This is the published order: initiate comes last."
        );
    }

    #[test]
    fn the_published_order_comes_by_every_stage_but_one() {
        let mut bits = 0;
        let mut stages = vec![meaning(&combination(0, Toggle::Ecom)).stage];
        for (at, _) in FOLLOW_UPS.iter().enumerate() {
            bits |= 1 << at;
            stages.push(meaning(&combination(bits, Toggle::Ecom)).stage);
        }
        for initiate in [Toggle::Percent(1), Toggle::Epayment] {
            stages.push(meaning(&combination(bits, initiate)).stage);
        }
        stages.dedup();
        let all: Vec<Stage> = Stage::ALL
            .into_iter()
            .filter(|stage| stage.is_published_order())
            .collect();
        assert_eq!(stages, all);
    }
}
