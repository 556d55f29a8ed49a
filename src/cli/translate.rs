//! `translate`: one eCom call from standard input, the ePayment request on standard output, losses on standard error.
//!
//! The same functions as `serve`, without a network or a store: what depends on the payment's sums is said, not guessed.

use std::io::Read;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::Config;
use crate::ecom::error::Failure;
use crate::ecom::read;
use crate::ecom::request::{Adjust, ForceApprove, InitiatePayment};
use crate::ecom::route::Operation;
use crate::epayment::model::{Modification, Money};
use crate::settings::Settings;
use crate::translate::adjust::{self, Asked};
use crate::translate::initiate::{self, CreateContext, PaymentType, Rules};
use crate::translate::loss::Loss;
use crate::translate::{approve, recovery};
use crate::types::{
    IdempotencyKey, KeyMaker, MoneyOp, Msn, OrderText, RequestId, Scope, Untranslatable,
};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// initiate, capture, cancel, refund, details, status or approve
    operation: String,
    /// The sales unit, where the body does not name it
    #[arg(long)]
    msn: Option<String>,
    /// The order id, for all but initiate
    #[arg(long)]
    order: Option<String>,
    /// The X-Request-Id
    #[arg(long)]
    request_id: Option<String>,
    #[command(flatten)]
    config: Config,
}

/// What goes out: the request, and what is to be said of it.
struct Translated {
    method: &'static str,
    path: String,
    key: Option<IdempotencyKey>,
    msn: Option<Msn>,
    body: Option<String>,
    losses: Vec<Loss>,
    notes: Vec<String>,
}

enum Refused {
    /// eCom's answer.
    Failure(Failure),
    /// It goes to eCom as it came.
    ToEcom(&'static str, &'static str),
    /// The command line.
    Usage(String),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

pub(super) fn run(options: &Options) -> ExitCode {
    let settings = match options.config.load() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let mut input = Vec::new();
    if let Err(error) = std::io::stdin().take(1 << 20).read_to_end(&mut input) {
        eprintln!("error: standard input can't be read: {error}");
        return ExitCode::FAILURE;
    }
    match translate(options, &settings, &input) {
        Ok(translated) => {
            print!("{translated}");
            for loss in &translated.losses {
                eprintln!("loss {}: {}", loss.code(), loss.told());
            }
            for note in &translated.notes {
                eprintln!("note: {note}");
            }
            ExitCode::SUCCESS
        }
        Err(Refused::ToEcom(code, told)) => {
            eprintln!("refused {code}: {told}; the call goes to eCom as it came");
            ExitCode::FAILURE
        }
        Err(Refused::Failure(failure)) => {
            for (group, code, message) in &failure.entries {
                eprintln!(
                    "refused {group:?} {code}: {message} (HTTP {})",
                    failure.status
                );
            }
            ExitCode::FAILURE
        }
        Err(Refused::Usage(why)) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn translate(options: &Options, settings: &Settings, input: &[u8]) -> Result<Translated, Refused> {
    let usage = |why: &str| Refused::Usage(why.to_owned());
    let operation = Operation::parse(&options.operation).ok_or_else(|| {
        usage("the operation is initiate, capture, cancel, refund, details, status or approve")
    })?;
    if operation == Operation::Initiate {
        return create(options, settings, input);
    }
    let order = options
        .order
        .as_deref()
        .and_then(OrderText::parse)
        .ok_or_else(|| usage("name the order: --order ID"))?;
    let reference = order
        .reference()
        .ok_or_else(|| to_ecom(Untranslatable::of_order(&order)))?;
    let mut losses = Vec::new();
    if reference.as_str() != order.as_str() {
        losses.push(Loss::OrderPrefixed);
    }
    let base = format!("/epayment/v1/payments/{reference}");
    let msn = options.msn.as_deref().and_then(Msn::parse);
    let plain = |method, path, body| Translated {
        method,
        path,
        key: None,
        msn: msn.clone(),
        body,
        losses: losses.clone(),
        notes: vec![],
    };
    match operation {
        Operation::Details | Operation::Status => {
            let mut read = plain("GET", base.clone(), None);
            read.notes
                .push(format!("and at the same time GET {base}/events"));
            Ok(read)
        }
        Operation::Approve => {
            let (body, _) = read::object::<ForceApprove>(input)?;
            let country = unit(settings, msn.as_ref()).country_code;
            let json = pretty(&approve::to_approve(&body, &country)?);
            Ok(plain(
                "POST",
                format!("/epayment/v1/test/payments/{reference}/approve"),
                Some(json),
            ))
        }
        Operation::Capture => change(
            options,
            settings,
            input,
            MoneyOp::Capture,
            (order, base, losses),
        ),
        Operation::Cancel => change(
            options,
            settings,
            input,
            MoneyOp::Cancel,
            (order, base, losses),
        ),
        Operation::Refund => change(
            options,
            settings,
            input,
            MoneyOp::Refund,
            (order, base, losses),
        ),
        Operation::Initiate => Err(usage("initiate was handled above")),
    }
}

fn to_ecom(reason: Option<Untranslatable>) -> Refused {
    let reason = reason.unwrap_or(Untranslatable::OrderCharacters);
    Refused::ToEcom(reason.code(), reason.told())
}

fn unit(settings: &Settings, msn: Option<&Msn>) -> crate::settings::MerchantSettings {
    msn.map_or_else(
        || settings.merchant_defaults.clone(),
        |msn| settings.merchant(msn),
    )
}

fn create(options: &Options, settings: &Settings, input: &[u8]) -> Result<Translated, Refused> {
    let (body, unknown) = read::object::<InitiatePayment>(input)?;
    match initiate::payment_type(&body) {
        PaymentType::Regular => {}
        PaymentType::Express => {
            return Err(Refused::ToEcom(
                "express",
                "an Express payment is created in eCom",
            ));
        }
        PaymentType::Other => return Err(to_ecom(Some(Untranslatable::PaymentType))),
    }
    let (msn, _) = initiate::identity(&body, options.msn.as_deref());
    let unit = unit(settings, msn.as_ref());
    let rules = Rules {
        country: unit.country_code,
        allow_http_callbacks: settings.callbacks.allow_http,
    };
    let command = initiate::check(&body, options.msn.as_deref(), &rules)?;
    if let Some(reason) = command.untranslatable() {
        return Err(to_ecom(Some(reason)));
    }
    let reference = command
        .order
        .reference()
        .ok_or_else(|| to_ecom(Untranslatable::of_order(&command.order)))?;
    let key = IdempotencyKey::own(uuid::Uuid::new_v4());
    let metadata = settings
        .store
        .recovery_metadata
        .then(|| recovery::write(&key, None).0);
    let context = CreateContext {
        currency: unit.currency,
        interaction: unit.customer_interaction,
        metadata,
    };
    let (create, mut losses) = initiate::to_create(&command, reference, context);
    if !unknown.is_empty() {
        losses.push(Loss::UnknownMemberDropped);
    }
    let mut notes =
        vec!["callbackPrefix and authToken are remembered by the bridge, not sent".to_owned()];
    if settings.store.encryption_key.is_some() && settings.store.recovery_metadata {
        notes.push("a running bridge seals them into metadata, too".to_owned());
    }
    Ok(Translated {
        method: "POST",
        path: "/epayment/v1/payments".to_owned(),
        key: Some(key),
        msn: Some(command.msn.clone()),
        body: Some(pretty(&create)),
        losses,
        notes,
    })
}

fn change(
    options: &Options,
    settings: &Settings,
    input: &[u8],
    op: MoneyOp,
    (order, base, mut losses): (OrderText, String, Vec<Loss>),
) -> Result<Translated, Refused> {
    let (body, unknown) = read::object::<Adjust>(input)?;
    let command = adjust::check(op, &body, options.msn.as_deref())?;
    losses.extend(&command.losses);
    if !unknown.is_empty() {
        losses.push(Loss::UnknownMemberDropped);
    }
    let request =
        match options
            .request_id
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            Some(text) => Some(RequestId::parse(text).ok_or_else(|| {
                Refused::Usage("--request-id has at most 64 characters".to_owned())
            })?),
            None => None,
        };
    let mut notes = Vec::new();
    let key = match (&request, order.strict(), &command.msn) {
        (Some(id), Some(strict), Some(msn)) => {
            let scope = Scope::Unit(msn.clone());
            let maker = KeyMaker {
                scope: &scope,
                order: &strict,
            };
            let key = maker.key(op, id, 0);
            if !key.as_str().starts_with(id.as_str()) {
                losses.push(Loss::RequestIdHashed);
            }
            key
        }
        _ => {
            notes.push(
                "without X-Request-Id and MSN the key is made up for each request".to_owned(),
            );
            IdempotencyKey::own(uuid::Uuid::new_v4())
        }
    };
    let currency = unit(settings, command.msn.as_ref()).currency;
    let body = match (op, command.asked) {
        (MoneyOp::Cancel, _) => {
            if !command.release {
                notes.push("GET the payment first: once anything is captured the answer is Payment 51 and nothing is sent".to_owned());
            }
            None
        }
        (_, Asked::Exactly(value)) => Some(pretty(&Modification {
            modification_amount: Money { currency, value },
        })),
        (_, Asked::AllThatRemains) => {
            notes.push(
                "GET the payment first: modificationAmount is all that remains then".to_owned(),
            );
            None
        }
    };
    Ok(Translated {
        method: "POST",
        path: format!("{base}/{}", op.word()),
        key: Some(key),
        msn: command.msn,
        body,
        losses,
        notes,
    })
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

impl std::fmt::Display for Translated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} {}", self.method, self.path)?;
        if let Some(msn) = &self.msn {
            writeln!(f, "Merchant-Serial-Number: {msn}")?;
        }
        if let Some(key) = &self.key {
            writeln!(f, "Idempotency-Key: {key}")?;
        }
        match &self.body {
            Some(body) => writeln!(f, "Content-Type: application/json\n\n{body}"),
            None => Ok(()),
        }
    }
}
