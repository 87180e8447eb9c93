//! The chart: a row of bars for each figure, drawn as plain SVG with the numbers written out.

use std::fmt::Write as _;

use super::super::figures::per_second;
use super::{BEFORE_THE_END, Figures};

const WIDTH: f64 = 900.0;
const NAMES: f64 = 310.0;
const BAR: f64 = 18.0;
const GAP: f64 = 6.0;
const HEAD: f64 = 34.0;

/// One figure of all contenders.
struct Panel {
    title: String,
    /// Value, and how it is written.
    bars: Vec<(f64, String)>,
}

/// Draws all figures; ours is the first of each row.
pub(super) fn draw(all: &[Figures]) -> String {
    let panels = panels(all);
    #[expect(clippy::cast_precision_loss, reason = "a drawing")]
    let rows = all.len() as f64;
    let panel = HEAD + rows * (BAR + GAP) + 14.0;
    #[expect(clippy::cast_precision_loss, reason = "a drawing")]
    let height = 20.0 + panel * panels.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <title>Holding sales in a store and bringing them on</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut top = 10.0;
    for Panel { title, bars } in &panels {
        let most = bars
            .iter()
            .map(|(value, _)| *value)
            .fold(f64::MIN_POSITIVE, f64::max);
        // writing to a String cannot fail
        let _ = writeln!(
            out,
            "<text x=\"12\" y=\"{}\" font-weight=\"600\" fill=\"#1c1c1a\">{title}</text>",
            top + 20.0
        );
        for ((row, (value, written)), one) in bars.iter().enumerate().zip(all) {
            #[expect(clippy::cast_precision_loss, reason = "a drawing")]
            let y = top + HEAD + row as f64 * (BAR + GAP);
            let width = (WIDTH - NAMES - 150.0) * value / most;
            let colour = if row == 0 { "#0b6e4f" } else { "#8a8f98" };
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#3d3d3a\">{}</text>\
                 <rect x=\"{NAMES}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{}\" fill=\"#3d3d3a\">{written}</text>",
                NAMES - 10.0,
                y + 14.0,
                one.name,
                NAMES + width + 8.0,
                y + 14.0
            );
        }
        top += panel;
    }
    out + "</svg>\n"
}

#[expect(clippy::cast_precision_loss, reason = "a drawing")]
fn panels(all: &[Figures]) -> Vec<Panel> {
    let panel = |title: String, of: &dyn Fn(&Figures) -> (f64, String)| Panel {
        title,
        bars: all.iter().map(of).collect(),
    };
    let bytes = |count: u64| (count as f64, format!("{count} bytes"));
    let lost = |count: Option<usize>| match count {
        Some(count) => (count as f64, format!("{count} of {BEFORE_THE_END}")),
        None => (0.0, "not measured".to_owned()),
    };
    vec![
        panel(
            "Acknowledged sales lost by a power cut right after".to_owned(),
            &|one| lost(one.lost_cut),
        ),
        panel("Acknowledged sales lost by kill -9".to_owned(), &|one| {
            lost(Some(one.lost_killed))
        }),
        panel("Acknowledged in the store, sales a second".to_owned(), &|one| {
            (one.accepted, per_second(one.accepted))
        }),
        panel(
            "Arriving once the link is back, sales a second".to_owned(),
            &|one| (one.drained, per_second(one.drained)),
        ),
        panel("Bytes on the wire a sale".to_owned(), &|one| bytes(one.wire)),
        panel("Bytes written to the store's disk a sale".to_owned(), &|one| {
            bytes(one.disk)
        }),
    ]
}
