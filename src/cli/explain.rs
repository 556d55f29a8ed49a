//! `explain`: which way a call would go, and every rule that led there, by the function that `serve` uses.
//!
//! The first word of the first line is the route. Where the payment was born is said with `--born` (the running bridge has
//! it in its record); without it the birth counts as unknown. Must not: send anything.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::Config;
use crate::ecom::route::{self, Operation, Target};
use crate::routing::{self, Ask, Facts, Known};
use crate::types::{Kind, Msn, OrderText, Origin, Untranslatable};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The HTTP method
    method: String,
    /// The path, as the shop writes it
    path: String,
    /// The sales unit
    #[arg(long)]
    msn: Option<String>,
    /// The order id (of an initiate: the body's)
    #[arg(long)]
    order: Option<String>,
    /// The payment is, or is to be, an Express payment
    #[arg(long)]
    express: bool,
    /// Where the payment was born, where that is known
    #[arg(long, value_enum)]
    born: Option<Born>,
    #[command(flatten)]
    config: Config,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Born {
    /// Created in eCom
    Ecom,
    /// Created in ePayment
    Epayment,
}

pub(super) fn run(options: &Options) -> ExitCode {
    let settings = match options.config.load() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    match explain(options, &settings.policy()) {
        Ok(lines) => {
            println!("{lines}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn explain(options: &Options, policy: &routing::Policy) -> Result<String, String> {
    let path = options.path.split(['?', '#']).next().unwrap_or_default();
    let (operation, in_path) = match route::parse(&options.method.to_ascii_uppercase(), path) {
        Target::Outside => {
            return Ok(
                "pass (outside-ecom)\n  outside /ecomm/: streamed through as it comes".to_owned(),
            );
        }
        Target::Unknown => {
            return Ok(
                "refused (no-call)\n  404: under /ecomm/, but no call of eCom v2".to_owned(),
            );
        }
        Target::Refused => return Ok("refused (no-call)\n  400: a '.' or '..' segment".to_owned()),
        Target::WrongMethod(operation) => {
            return Ok(format!(
                "refused (no-call)\n  405: {} is {}",
                operation.word(),
                operation.method()
            ));
        }
        Target::Call { operation, order } => (operation, order),
    };
    let order = if in_path.is_empty() {
        options.order.clone()
    } else {
        Some(in_path)
    };
    let order = order.ok_or("name the order with --order: the decision depends on it")?;
    let order = OrderText::parse(&order).ok_or("an order id is 1 to 50 characters")?;
    let msn = options
        .msn
        .as_deref()
        .map(|text| Msn::parse(text).ok_or("an MSN is 4 to 7 digits"))
        .transpose()?;
    let ask = match operation {
        Operation::Initiate => Ask::Initiate {
            express: options.express,
            untranslatable: Untranslatable::of_order(&order),
        },
        operation => Ask::About(operation),
    };
    let kind = if options.express {
        Kind::Express
    } else {
        Kind::Regular
    };
    let known = match (options.born, options.express, operation) {
        (Some(Born::Epayment), _, _) => Known::Born(Origin::Epayment, Kind::Regular),
        (Some(Born::Ecom), _, _) => Known::Born(Origin::Ecom, kind),
        (None, true, op) if op != Operation::Initiate => Known::Born(Origin::Ecom, Kind::Express),
        (None, _, _) => Known::Nothing,
    };
    let facts = Facts {
        ask,
        msn: msn.as_ref(),
        order: &order,
        known,
        open_at: None,
    };
    let (decision, steps) = routing::trail(&facts, policy);
    let route = match decision.route {
        routing::Route::Epayment => "epayment",
        routing::Route::Ecom => "ecom",
        routing::Route::EcomThenEpayment => "ecom then epayment",
        routing::Route::Refused => "refused",
    };
    let mut lines = format!("{route} ({})", decision.why.word());
    for (n, step) in steps.iter().enumerate() {
        lines.push_str(&format!("\n  {}. {step}", n + 1));
    }
    Ok(lines)
}
