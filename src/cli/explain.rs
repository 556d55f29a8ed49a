//! `explain`: which way a call would go, and every rule that led there, by the function that `serve` uses.
//!
//! The first word of the first line is the route. Where a bridge of this configuration runs, it is asked: it knows what was
//! overridden and where the payment was born. Else the configuration alone speaks. Must not: send anything upstream.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::Config;
use super::running::{Running, Trouble, plain};
use crate::routing::explain::{Asked, Explanation, Question, ask};
use crate::routing::{Known, Policy};
use crate::settings::Settings;
use crate::types::{Kind, Origin};

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
    /// Where the payment was born, instead of what the running bridge has recorded
    #[arg(long, value_enum)]
    born: Option<Born>,
    /// By the configuration alone: the running bridge is not asked
    #[arg(long)]
    offline: bool,
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
    match options.answer(&settings) {
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

impl Options {
    fn answer(&self, settings: &Settings) -> Result<String, String> {
        let call = (self.method.as_str(), self.path.as_str());
        let (msn, order) = (self.msn.as_deref(), self.order.as_deref());
        let question = match ask(call, msn, order, self.express)? {
            Asked::Settled(told) => return Ok(told.to_string()),
            Asked::Question(question) => question,
        };
        if !self.offline {
            match self.ask_the_bridge(settings) {
                Ok(told) => return Ok(told),
                Err(trouble) => eprintln!(
                    "note: by the configuration alone, as no running bridge could be asked ({})",
                    trouble.told
                ),
            }
        }
        Ok(self.explain(&question, &settings.policy()).to_string())
    }

    fn explain(&self, question: &Question, policy: &Policy) -> Explanation {
        let known = match self.born {
            Some(Born::Epayment) => Known::Born(Origin::Epayment, Kind::Regular),
            Some(Born::Ecom) if self.express => Known::Born(Origin::Ecom, Kind::Express),
            Some(Born::Ecom) => Known::Born(Origin::Ecom, Kind::Regular),
            None => question.unrecorded(),
        };
        question.explain(known, policy)
    }

    fn ask_the_bridge(&self, settings: &Settings) -> Result<String, Trouble> {
        let running = Running::new(settings.admin.listen, settings.admin.token.clone())?;
        let mut query = vec![
            ("method", self.method.clone()),
            ("path", self.path.clone()),
            ("express", self.express.to_string()),
        ];
        query.extend(self.msn.clone().map(|msn| ("msn", msn)));
        query.extend(self.order.clone().map(|order| ("order", order)));
        query.extend(self.born.map(|born| ("born", born.word().to_owned())));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Trouble::new(format!("the runtime can't be started: {error}")))?;
        let told = runtime.block_on(running.get("/api/explain", &query))?;
        read(&told).ok_or_else(|| Trouble::new("its answer can't be understood"))
    }
}

impl Born {
    const fn word(self) -> &'static str {
        match self {
            Self::Ecom => "ecom",
            Self::Epayment => "epayment",
        }
    }
}

fn read(told: &Value) -> Option<String> {
    let mut text = format!(
        "{} ({})",
        plain(told["route"].as_str()?),
        plain(told["why"].as_str()?)
    );
    for (n, step) in told["steps"].as_array()?.iter().enumerate() {
        text.push_str(&format!("\n  {}. {}", n + 1, plain(step.as_str()?)));
    }
    Some(text)
}
