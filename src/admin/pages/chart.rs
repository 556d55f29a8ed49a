//! Traffic by route as small pictures: bars over the last hour, drawn as SVG by the template.
//!
//! Bars are integers on a fixed grid; colours are the style sheet's. Must not: use a style attribute (the content security
//! policy forbids it), or show anything that is not told in numbers beside it.

/// Requests by route, in steps of equal length.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// The length of one step.
    pub step_seconds: u32,
    /// One for each route.
    pub series: Vec<Series>,
}

/// The requests of one route.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its word: `epayment`, `ecom`, `refused`, `pass`.
    pub route: &'static str,
    /// Oldest first; the last one is not over yet.
    pub requests: Vec<u64>,
    /// How many of them were answered with an error of a server (5xx).
    pub errors: Vec<u64>,
}

/// Width of a bar with its gap, and height of the picture.
const STEP: u64 = 4;
const HEIGHT: u64 = 40;

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) height: u64,
}

/// A picture and what it shows in numbers.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) route: &'static str,
    pub(super) name: &'static str,
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) bars: Vec<Bar>,
    pub(super) errors: Vec<Bar>,
    /// In the last whole step.
    pub(super) now: u64,
    pub(super) total: u64,
    pub(super) failed: u64,
    /// The most in one step.
    pub(super) most: u64,
}

fn name(route: &str) -> &'static str {
    match route {
        "epayment" => "to ePayment",
        "ecom" => "to eCom",
        "refused" => "refused by the bridge",
        "pass" => "passed through",
        _ => "other",
    }
}

fn bars(counts: &[u64], most: u64) -> Vec<Bar> {
    let places = (0_u64..).map(|at| at * STEP);
    counts
        .iter()
        .zip(places)
        .filter(|(count, _)| **count > 0)
        .map(|(count, x)| {
            // What is there at all is seen.
            let height = (count.saturating_mul(HEIGHT) / most.max(1)).clamp(1, HEIGHT);
            let y = HEIGHT - height;
            Bar { x, y, height }
        })
        .collect()
}

/// All pictures on one scale, so that they can be compared.
pub(super) fn charts(traffic: &Traffic) -> Vec<Chart> {
    let all = traffic.series.iter().flat_map(|series| &series.requests);
    let scale = all.copied().max().unwrap_or(0);
    let one = |series: &Series| {
        let requests = &series.requests;
        let whole = requests.len().saturating_sub(2);
        Chart {
            route: series.route,
            name: name(series.route),
            width: u64::try_from(requests.len()).unwrap_or(0) * STEP,
            height: HEIGHT,
            bars: bars(requests, scale),
            errors: bars(&series.errors, scale),
            now: requests.get(whole).copied().unwrap_or(0),
            total: requests.iter().sum(),
            failed: series.errors.iter().sum(),
            most: requests.iter().copied().max().unwrap_or(0),
        }
    };
    traffic.series.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_share_a_scale_and_the_least_is_seen() {
        let traffic = Traffic {
            step_seconds: 60,
            series: vec![
                Series {
                    route: "epayment",
                    requests: vec![0, 1_000, 500, 3],
                    errors: vec![0, 1, 0, 0],
                },
                Series {
                    route: "ecom",
                    requests: vec![1, 0, 0, 0],
                    errors: Vec::new(),
                },
            ],
        };
        let charts = charts(&traffic);
        let bar = |x, y, height| Bar { x, y, height };
        assert_eq!(
            charts[0].bars,
            [bar(4, 0, 40), bar(8, 20, 20), bar(12, 39, 1)]
        );
        assert_eq!(charts[0].errors, [bar(4, 39, 1)]);
        assert_eq!(charts[1].bars, [bar(0, 39, 1)]);
        assert_eq!(
            (charts[0].now, charts[0].total, charts[0].failed),
            (500, 1_503, 1)
        );
        assert_eq!(charts[0].width, 16);
        let none = super::charts(&Traffic {
            step_seconds: 60,
            series: vec![Series {
                route: "pass",
                requests: Vec::new(),
                errors: Vec::new(),
            }],
        });
        assert!(none[0].bars.is_empty() && none[0].width == 0);
    }
}
