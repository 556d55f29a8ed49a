//! `demo`: a legacy shop's whole day on this machine, each call beside what reached upstream.
//!
//! Simulator, bridge and toy shop in one process, over real HTTP on loopback. Nothing is logged, so that nothing disturbs
//! the printout. Must not: need an account, a configuration or a network.

mod callbacks;
mod day;
mod ecom;
mod orders;
mod shadow;
mod stage;
mod summary;
mod told;
mod trouble;

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use self::day::Day;
use self::stage::Stage;
use super::scene::page::Page;
use super::scene::shop::{self, Shop};
use crate::lifecycle::Lifecycle;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Leave everything running at the end, until Ctrl-C
    #[arg(long)]
    keep_running: bool,
}

pub(super) fn run(options: &Options) -> ExitCode {
    let runtime = match super::runtime(usize::MAX) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    match runtime.block_on(play(options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Plays the day. Whether all was as it must be, or why it could not be played.
async fn play(options: &Options) -> Result<bool, String> {
    let mut signals =
        Lifecycle::signals().map_err(|e| format!("signals can't be taken over: {e}"))?;
    let stage = Box::pin(Stage::set_up()).await?;
    let shop = Shop::new(shop::OWN).map_err(|e| format!("the shop's client can't be made: {e}"))?;
    let mut day = Day::new(Page::stdout(), shop, &stage);
    let whole = async {
        let good = Box::pin(whole_day(&mut day)).await;
        if options.keep_running {
            day.still_running();
            std::future::pending::<()>().await;
        }
        good
    };
    let played = tokio::select! {
        good = whole => Some(good),
        _ = signals.next() => None,
    };
    let good = played.unwrap_or(day.finished && day.tally.differences.is_empty());
    drop(day);
    stage.take_down().await?;
    Ok(good)
}

async fn whole_day(day: &mut Day<'_>) -> bool {
    let began = Instant::now();
    day.page.text(
        "A legacy shop's day through ecom-bridge. Everything runs in this one process on this machine: a simulator of both \
         APIs (the upstream), the bridge, and a shop that only speaks eCom v2. No account, no network.",
    );
    day.page.gap();
    day.page
        .exact("  shop        what the shop sends, as it always did");
    day.page
        .exact("  upstream    what reached the upstream, and how it answered");
    day.page.exact("  answer      what the shop got back");
    day.page
        .exact("  webhook     what ePayment told the bridge, and its answer");
    day.page
        .exact("  callback    what the shop was told because of it, and its answer");
    day.page.gap();
    day.page
        .text("Amounts in JSON are in minor units: 49900 is 499.00.");
    orders::token(day).await;
    orders::order(day).await;
    day.be_brief();
    orders::cancelled(day).await;
    orders::rejected(day).await;
    orders::expired(day).await;
    orders::short(day).await;
    ecom::express(day).await;
    ecom::before_the_bridge(day).await;
    shadow::compared(day).await;
    trouble::lost_answer(day).await;
    trouble::unknown_outcome(day).await;
    trouble::errors(day).await;
    callbacks::shop_is_down(day).await;
    callbacks::who_paid(day).await;
    callbacks::direct_capture(day).await;
    orders::force_approved(day).await;
    orders::outside(day).await;
    let good = day.sum_up(began.elapsed().as_secs_f64());
    day.next_steps();
    good
}

impl Day<'_> {
    /// The addresses and the first commands.
    fn still_running(&mut self) {
        let (bridge, simulator) = (self.stage.bridge.clone(), self.stage.simulator.base_url());
        let page = &mut self.page;
        page.heading("Still running, until Ctrl-C");
        for (what, where_it_is) in [
            ("bridge", bridge.clone()),
            (
                "operator",
                format!("http://{}/metrics, /readyz", self.stage.admin),
            ),
            ("simulator", simulator.clone()),
            ("", format!("{simulator}/_simulator/payments")),
            ("", format!("{simulator}/_simulator/requests")),
        ] {
            page.exact(&format!("  {what:<10}{where_it_is}"));
        }
        page.gap();
        page.text("A token, kept in AUTH (these keys are the simulator's own):");
        let key = format!("-H 'Ocp-Apim-Subscription-Key: {}'", shop::SUBSCRIPTION_KEY);
        let commands = [
            format!("  AUTH=$(curl -s -X POST {bridge}/accesstoken/get \\"),
            format!("    -H 'client_id: {}' \\", shop::CLIENT_ID),
            format!("    -H 'client_secret: {}' \\", shop::CLIENT_SECRET),
            format!("    {key} \\"),
            "    | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/Authorization: \\1/')".to_owned(),
        ];
        commands.iter().for_each(|line| page.exact(line));
        page.gap();
        page.text("The details of an order of today, in eCom's words, and a refund:");
        let order = "woo-shop-1001";
        let commands = [
            format!("  curl -s {bridge}/ecomm/v2/payments/{order}/details \\"),
            format!("    {key} -H \"$AUTH\""),
            format!("  curl -s {bridge}/ecomm/v2/payments/{order}/refund \\"),
            format!("    {key} -H \"$AUTH\" \\"),
            "    -H 'Content-Type: application/json' -H 'X-Request-Id: 9' \\".to_owned(),
            format!(
                "    -d '{{\"merchantInfo\":{{\"merchantSerialNumber\":\"{}\"}},",
                shop::MSN
            ),
            "         \"transaction\":{\"amount\":1000,\"transactionText\":\"By hand\"}}'"
                .to_owned(),
        ];
        commands.iter().for_each(|line| page.exact(line));
        page.gap();
        page.text("Approve a payment of your own as the user would:");
        page.exact("  curl -s -X POST \\");
        page.exact(&format!(
            "    {simulator}/_simulator/payments/{}/ORDER/approve",
            shop::MSN
        ));
        page.gap();
        page.text("The operator's page, in a browser:");
        page.exact(&format!("  http://{}/", self.stage.admin));
        page.gap();
        page.text("What the shop was told, the ledger, and the registrations:");
        let setting = format!("ECOM_BRIDGE__ADMIN__LISTEN={}", self.stage.admin);
        page.exact(&format!("  export {setting}"));
        page.exact("  ecom-bridge callbacks list; ecom-bridge webhooks list");
        page.exact("  ecom-bridge shadow report");
        page.exact("  ecom-bridge ledger show woo-shop-1001; ecom-bridge readiness");
    }
}
