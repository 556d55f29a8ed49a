//! Which way a call would go, told with every rule: for an operator, by the function that serves.
//!
//! Must not: decide anything itself.

use super::policy::{Ask, Facts, Known, Route, trail};
use super::toggles::Policy;
use crate::ecom::route::{self, Operation, Target};
use crate::types::{Kind, Msn, OrderText, Origin, Untranslatable};

/// A call that may never be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// As it stands in the path, or as it was told; of the body in an initiate.
    pub order: OrderText,
    /// What is asked.
    pub operation: Operation,
    /// The sales unit, where it is told.
    pub msn: Option<Msn>,
    /// The payment is, or is to be, an Express payment.
    pub express: bool,
}

/// What can be said at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It takes a decision.
    Question(Question),
    /// It is no call of eCom: the answer is always the same.
    Settled(Explanation),
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// `epayment`, `ecom`, `ecom then epayment`, `refused` or `pass`.
    pub route: &'static str,
    /// The rule that decided, in a word.
    pub why: &'static str,
    /// Every rule that was asked, in order.
    pub steps: Vec<String>,
}

impl Explanation {
    fn of(route: &'static str, why: &'static str, step: impl Into<String>) -> Self {
        Self {
            route,
            why,
            steps: vec![step.into()],
        }
    }
}

/// Reads a call as it would be sent; `order` is that of an initiate's body.
///
/// # Errors
/// What is missing or can't be read.
pub fn ask(
    (method, path): (&str, &str),
    msn: Option<&str>,
    order: Option<&str>,
    express: bool,
) -> Result<Asked, &'static str> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let settled = |route, why, step: String| Ok(Asked::Settled(Explanation::of(route, why, step)));
    let (operation, in_path) = match route::parse(&method.to_ascii_uppercase(), path) {
        Target::Outside => {
            let step = "outside /ecomm/: streamed through as it comes";
            return settled("pass", "outside-ecom", step.to_owned());
        }
        Target::Unknown => {
            let step = "404: under /ecomm/, but no call of eCom v2";
            return settled("refused", "no-call", step.to_owned());
        }
        Target::Refused => {
            return settled(
                "refused",
                "no-call",
                "400: a '.' or '..' segment".to_owned(),
            );
        }
        Target::WrongMethod(operation) => {
            let step = format!("405: {} is {}", operation.word(), operation.method());
            return settled("refused", "no-call", step);
        }
        Target::Call { operation, order } => (operation, order),
    };
    let order = if in_path.is_empty() {
        order
    } else {
        Some(in_path.as_str())
    };
    let order = order.ok_or("name the order with --order: the decision depends on it")?;
    Ok(Asked::Question(Question {
        order: OrderText::parse(order).ok_or("an order id is 1 to 50 characters")?,
        operation,
        msn: msn
            .map(|text| Msn::parse(text).ok_or("an MSN is 4 to 7 digits"))
            .transpose()?,
        express,
    }))
}

impl Question {
    /// What may be taken as known of the payment where nothing is recorded: an Express payment was born in eCom.
    #[must_use]
    pub const fn unrecorded(&self) -> Known {
        match (self.express, self.operation) {
            (true, Operation::Initiate) | (false, _) => Known::Nothing,
            (true, _) => Known::Born(Origin::Ecom, Kind::Express),
        }
    }

    /// Decides as `serve` does, by what is known of the payment.
    #[must_use]
    pub fn explain(&self, known: Known, policy: &Policy) -> Explanation {
        let ask = match self.operation {
            Operation::Initiate => Ask::Initiate {
                express: self.express,
                untranslatable: Untranslatable::of_order(&self.order),
            },
            operation => Ask::About(operation),
        };
        let facts = Facts {
            ask,
            msn: self.msn.as_ref(),
            order: &self.order,
            known,
            open_at: None,
        };
        let (decision, steps) = trail(&facts, policy);
        Explanation {
            route: match decision.route {
                Route::Epayment => "epayment",
                Route::Ecom => "ecom",
                Route::EcomThenEpayment => "ecom then epayment",
                Route::Refused => "refused",
            },
            why: decision.why.word(),
            steps,
        }
    }
}

/// The first word is the route; the rules follow, a line each.
impl std::fmt::Display for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.route, self.why)?;
        for (n, step) in self.steps.iter().enumerate() {
            write!(f, "\n  {}. {step}", n + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_call_is_settled_and_what_is_missing_is_named() {
        for (method, path, route) in [
            ("GET", "/accesstoken/get", "pass"),
            ("GET", "/ecomm/v2/nothing", "refused"),
            ("GET", "/ecomm/v2/payments/a/../b/details", "refused"),
            ("post", "/ecomm/v2/payments/a/details", "refused"),
        ] {
            let Ok(Asked::Settled(told)) = ask((method, path), None, None, false) else {
                panic!("{method} {path}");
            };
            assert_eq!(told.route, route, "{method} {path}");
        }
        let initiate = ("POST", "/ecomm/v2/payments");
        assert!(ask(initiate, None, None, false).is_err());
        assert!(ask(initiate, Some("1"), Some("order-1"), false).is_err());
        assert!(ask(initiate, Some("123456"), Some(""), false).is_err());
        let path = "/ecomm/v2/payments/order-0001/capture?x=1";
        let Ok(Asked::Question(question)) = ask(("post", path), None, Some("other"), true) else {
            panic!("a call");
        };
        assert_eq!(question.order.as_str(), "order-0001");
        let known = question.unrecorded();
        assert_eq!(known, Known::Born(Origin::Ecom, Kind::Express));
        let told = question.explain(known, &Policy::default());
        assert_eq!(
            told.to_string(),
            "epayment (toggle)\n  1. born in eCom (Express)\n  2. routing.capture for all says epayment"
        );
    }
}
