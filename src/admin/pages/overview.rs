//! The overview: is the bridge well, where do calls go, is anything waiting for a person; and the kill switch at hand.
//!
//! It is shown whole even when the store can't be asked. Must not: hide that something is unknown.

use askama::Template;
use axum::response::Response;

use super::super::Readiness;
use super::chart::{Chart, charts};
use super::figures::{Figure, Figures, Verdict};
use super::frame::{Frame, Look};
use super::views::{OverrideRow, ToggleRow, overrides, toggles};
use super::{merchants, page};
use crate::store::CallbackCounts;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    readiness: Readiness,
    tiles: Vec<Tile>,
    toggles: Vec<ToggleRow>,
    overrides: Figure<Vec<OverrideRow>>,
    kills: Vec<OverrideRow>,
    /// For whom a kill switch may be chosen here.
    scopes: Vec<String>,
    /// Where the kill switch's form leads back to.
    back: &'static str,
    traffic: Figure<Vec<Chart>>,
    step: String,
    verdicts: Figure<Vec<Verdict>>,
    warnings: usize,
}

/// One figure, with its state in a word beside its colour.
struct Tile {
    name: &'static str,
    value: String,
    tone: &'static str,
    word: String,
    href: &'static str,
}

fn tile(
    name: &'static str,
    href: &'static str,
    figure: &Figure<u64>,
    judge: impl Fn(u64) -> (&'static str, &'static str),
) -> Tile {
    match figure {
        Figure::Known(number) => {
            let (tone, word) = judge(*number);
            Tile {
                name,
                value: number.to_string(),
                tone,
                word: word.to_owned(),
                href,
            }
        }
        missing => Tile {
            name,
            value: "?".to_owned(),
            tone: "warn",
            word: missing.missing().to_owned(),
            href,
        },
    }
}

fn tiles(figures: &Figures) -> Vec<Tile> {
    let of = |pick: fn(CallbackCounts) -> u64| figures.callbacks.clone().map(pick);
    vec![
        tile("In flight", "", &figures.in_flight, |_| {
            ("plain", "calls being served now")
        }),
        tile("Outcome unknown", "", &figures.ambiguous, |n| match n {
            0 => ("good", "every change is accounted for"),
            _ => ("warn", "being found out; look if it stays for an hour"),
        }),
        tile(
            "Ledger mismatches",
            "/payments",
            &figures.mismatches,
            |n| match n {
                0 => ("good", "records and event log agree"),
                _ => ("bad", "a payment does not add up: look at once"),
            },
        ),
        tile(
            "Guarantee ends",
            "/payments",
            &figures.expiring,
            |n| match n {
                0 => ("good", "no reservation is about to lose it"),
                _ => ("warn", "capture soon: the guaranteed time ends"),
            },
        ),
        tile(
            "Callbacks waiting",
            "/callbacks?state=pending",
            &of(|c| c.pending),
            |n| match n {
                0 => ("good", "none waits"),
                _ => ("plain", "on their way or to be repeated"),
            },
        ),
        tile(
            "Callbacks given up",
            "/callbacks?state=dead",
            &of(|c| c.dead),
            |n| match n {
                0 => ("good", "none is dead"),
                _ => ("bad", "the shop has not heard: repair, then replay"),
            },
        ),
        tile("Events unmatched", "", &of(|c| c.unmatched), |n| match n {
            0 => ("good", "none"),
            _ => (
                "plain",
                "of payments that are not the bridge's, or not known yet",
            ),
        }),
    ]
}

fn length(seconds: u32) -> String {
    match seconds {
        60 => "minute".to_owned(),
        other => format!("{other} s"),
    }
}

pub(super) async fn show(look: Look) -> Response {
    let pages = &look.pages;
    let (readiness, figures) = tokio::join!(pages.admin.readiness(), (pages.sources.figures)(()),);
    let steerer = &pages.steerer;
    let found = steerer.store().overrides(steerer.now()).await;
    let snapshot = steerer.live().snapshot();
    // Without them the kill switch is for all only, which is what matters then.
    let scopes = merchants::units(pages).await.unwrap_or_default();
    let (rows, kills) = match &found {
        Ok(all) => {
            let (rows, kills) = overrides(all);
            (Figure::Known(rows), kills)
        }
        Err(error) => (Figure::Unknown(error.to_string()), Vec::new()),
    };
    let step = figures.traffic.known().map_or(60, |t| t.step_seconds);
    page(&Overview {
        frame: look.frame("Overview", "/"),
        readiness,
        tiles: tiles(&figures),
        toggles: toggles(&snapshot.policy, None),
        overrides: rows,
        kills,
        scopes: std::iter::once("all".to_owned())
            .chain(scopes.iter().map(ToString::to_string))
            .collect(),
        back: "overview",
        traffic: figures.traffic.map(|traffic| charts(&traffic)),
        step: length(step),
        verdicts: figures.verdicts,
        warnings: snapshot.settings.warnings().len(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::chart::{Series, Traffic};
    use super::super::figures::Answer;
    use super::super::views::When;
    use super::*;
    use crate::types::{Moment, Msn};

    fn full() -> Overview {
        let wave = |n: u64| (0..60).map(|at| (at * at * n) % 97).collect::<Vec<u64>>();
        let series = |route, n| Series {
            route,
            requests: wave(n),
            errors: wave(n).into_iter().map(|count| count / 30).collect(),
        };
        let traffic = Traffic {
            step_seconds: 60,
            series: vec![
                series("epayment", 7),
                series("ecom", 3),
                series("refused", 0),
            ],
        };
        let policy = crate::routing::Policy::default();
        Overview {
            frame: Frame {
                title: "Overview".to_owned(),
                here: "/",
                signed_in: true,
                csrf: "c".to_owned(),
                once: "o".to_owned(),
                told: None,
                killed: Vec::new(),
                now: When::of(Moment::from_millis(0)),
            },
            readiness: Readiness::of(None, false),
            tiles: tiles(&Figures {
                in_flight: Figure::Known(3),
                ambiguous: Figure::Unknown("the store is slow".to_owned()),
                mismatches: Figure::Known(2),
                expiring: Figure::Known(0),
                callbacks: Figure::Known(CallbackCounts {
                    pending: 2,
                    dead: 1,
                    unmatched: 0,
                }),
                ..Figures::default()
            }),
            toggles: toggles(&policy, None),
            overrides: Figure::Unknown("disk full".to_owned()),
            kills: Vec::new(),
            scopes: vec!["all".to_owned()],
            back: "overview",
            traffic: Figure::Known(charts(&traffic)),
            step: length(60),
            verdicts: Figure::Known(vec![Verdict {
                msn: Msn::parse("123456").unwrap(),
                step: "initiate to 25%".to_owned(),
                answer: Answer::Wait,
                reasons: vec!["31 of 300 initiates seen".to_owned()],
            }]),
            warnings: 1,
        }
    }

    #[test]
    fn measured_figures_become_charts_and_verdicts_and_unknown_ones_say_so() {
        let html = full().render().unwrap();
        // To be looked at in a browser.
        if let Some(folder) = std::env::var_os("PAGES_SHOTS") {
            let file = std::path::Path::new(&folder).join("full.html");
            std::fs::write(file, &html).unwrap();
        }
        for part in [
            "<svg class=\"chart epayment\" viewBox=\"0 0 240 40\"",
            "<rect class=\"error\"",
            "aria-label=\"At most 96 requests in one minute\"",
            "<span class=\"badge warn\">wait</span>",
            "31 of 300 initiates seen",
            "the store is slow",
            "The store can&#39;t say what is overridden: disk full",
            "1 warning.",
            "a payment does not add up: look at once",
            ">1</a></dd>",
        ] {
            assert!(
                html.contains(part) || html.replace("'", "&#39;").contains(part),
                "{part}"
            );
        }
        assert!(!html.contains("not measured") && !html.contains("style="));
    }
}
