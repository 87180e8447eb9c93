//! Figures, percentiles and the table that they end in.

use std::time::Duration;

/// One line of the table.
#[derive(Debug)]
struct Row {
    what: String,
    goal: String,
    found: String,
    met: Option<bool>,
}

/// What was measured so far.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// A figure with a goal.
    pub(super) fn goal(&mut self, what: &str, goal: &str, found: String, met: bool) {
        self.rows.push(Row {
            what: what.to_owned(),
            goal: goal.to_owned(),
            found,
            met: Some(met),
        });
    }

    /// A figure to compare with, such as a physical limit.
    pub(super) fn floor(&mut self, what: &str, found: String) {
        self.rows.push(Row {
            what: what.to_owned(),
            goal: "–".to_owned(),
            found,
            met: None,
        });
    }

    /// Goal beside figure, with the machine.
    pub(super) fn print(&self) {
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        println!("\nmachine: {cores} cores, {}", std::env::consts::ARCH);
        println!("{:<62} {:<34} {:<30} met", "what", "goal", "found");
        for row in &self.rows {
            let met = row.met.map_or("", |met| if met { "yes" } else { "NO" });
            println!("{:<62} {:<34} {:<30} {met}", row.what, row.goal, row.found);
        }
    }
}

/// Durations, to be asked for percentiles.
#[derive(Debug)]
pub(super) struct Times(Vec<Duration>);

impl Times {
    /// Sorts once.
    pub(super) fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The duration that `percent` of all do not exceed.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    /// How many in a second, one after the other.
    pub(super) fn rate(&self) -> f64 {
        rate(self.0.len(), self.0.iter().sum())
    }
}

/// How many in a second.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(super) fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

/// Milliseconds with three digits.
pub(super) fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

/// A rate per second, in thousands where that reads better.
pub(super) fn per_second(rate: f64) -> String {
    if rate >= 10_000.0 {
        format!("{:.1} k/s", rate / 1e3)
    } else {
        format!("{rate:.0} /s")
    }
}
