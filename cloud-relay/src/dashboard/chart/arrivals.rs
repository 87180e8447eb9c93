//! Tickets captured and tickets arrived, over the day: where the two lines part, a store was cut off; where they meet again,
//! its backlog has drained.

use maud::{Markup, html};

use super::{BOTTOM, Frame, HEIGHT, LEFT, Scale, TOP, WIDTH, frame};
use crate::dashboard::view::ArrivalsView;

/// Hours are written at least so far apart, in units of the drawing.
const LABEL_WIDTH: i64 = 46;

/// Rows of the table of figures.
const ROWS_MAX: usize = 48;

/// The card with the chart and its figures.
pub(in crate::dashboard) fn arrivals(view: &ArrivalsView) -> Markup {
    let own = &view.arrivals;
    let waited = own.waited_most();
    let about = format!(
        "{} tickets. From the till to here half of them took {} or less, 99 of 100 {} or less, the slowest {}. At most {waited} \
         waited in the store{}.",
        own.captured.last().copied().unwrap_or(0),
        time(own.half_ms),
        time(own.most_ms),
        time(own.worst_ms),
        match &view.posted {
            Some((_, at)) => format!("; all was in Odoo at {at}"),
            None => "; not in Odoo yet".to_owned(),
        }
    );
    let scale = Scale::holding(own.captured.iter().map(|count| i64::from(*count)));
    let named = Frame {
        id: "arrivals",
        title: "Tickets captured and arrived",
        about: &about,
        tick: &|count| count.to_string(),
    };
    html! {
        section.card aria-labelledby="arrivals-card" {
            div.head { h2 #arrivals-card { "From the till to here" } span.count { "tickets, by the store's clock" } }
            div.drawn {
                (frame(&named, &scale, &drawing(view, &scale)))
                p.key {
                    span.swatch.captured {} "captured at the till"
                    span.swatch.arrived {} "arrived and safe here"
                    @if waited > 0 { span.swatch.waiting {} "waited in the store" }
                }
                p { (about) }
                details { summary { "The figures" } (figures(view)) }
            }
        }
    }
}

fn drawing(view: &ArrivalsView, scale: &Scale) -> Markup {
    let own = &view.arrivals;
    let steps = i64::try_from(own.captured.len()).unwrap_or(1).max(1);
    let span = own.step_ms.saturating_mul(steps).max(1);
    let x = |at_ms: i64| {
        let part =
            i128::from(at_ms.saturating_sub(own.from_ms)) * i128::from(WIDTH - LEFT) / i128::from(span);
        LEFT + i64::try_from(part).unwrap_or(0)
    };
    let line = |counts: &[u32]| -> Vec<String> {
        let first = format!("{LEFT},{}", scale.y(0));
        let ends = counts.iter().zip(1..).map(|(count, step)| {
            format!(
                "{},{}",
                x(own.from_ms + own.step_ms * step),
                scale.y(i64::from(*count))
            )
        });
        std::iter::once(first).chain(ends).collect()
    };
    let (captured, arrived) = (line(&own.captured), line(&own.arrived));
    let between: Vec<&String> = captured.iter().chain(arrived.iter().rev()).collect();
    let between = between
        .iter()
        .map(|point| point.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    let mut written_to = 0;
    let hours: Vec<(i64, &String)> = view
        .clock
        .iter()
        .map(|(at, text)| (x(*at), text))
        .filter(|(at, _)| {
            let fits = *at >= written_to && (LEFT..=WIDTH - LABEL_WIDTH / 2).contains(at);
            if fits {
                written_to = at + LABEL_WIDTH;
            }
            fits
        })
        .collect();
    html! {
        polygon.waiting points=(between) {}
        polyline.captured points=(captured.join(" ")) {}
        polyline.arrived points=(arrived.join(" ")) {}
        @for (at, text) in hours {
            line.grid x1=(at) x2=(at) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM + 4) {}
            text.axis x=(at) y=(HEIGHT - 8) text-anchor="middle" { (text) }
        }
        @if let Some((at, _)) = view.posted.as_ref().filter(|(at, _)| (own.from_ms..own.from_ms + span).contains(at)) {
            line.posted x1=(x(*at)) x2=(x(*at)) y1=(TOP) y2=(HEIGHT - BOTTOM) {}
            text.axis x=(x(*at) - 4) y=(TOP + 10) text-anchor="end" { "in Odoo" }
        }
    }
}

fn figures(view: &ArrivalsView) -> Markup {
    let own = &view.arrivals;
    let hours: Vec<(usize, &String)> = view
        .clock
        .iter()
        .filter_map(|(at, text)| {
            let step = usize::try_from((at - own.from_ms) / own.step_ms).ok()?;
            (*at >= own.from_ms && step < own.captured.len()).then_some((step, text))
        })
        .take(ROWS_MAX)
        .collect();
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th { "Until" } th.num { "Captured" } th.num { "Arrived" } th.num { "Waiting" } } }
            tbody {
                @for (step, text) in &hours { (row(text, own.captured[*step], own.arrived[*step])) }
                @if let (Some(captured), Some(arrived)) = (own.captured.last(), own.arrived.last()) {
                    (row("the end", *captured, *arrived))
                }
            }
        } }
    }
}

fn row(until: &str, captured: u32, arrived: u32) -> Markup {
    html! { tr {
        th scope="row" { (until) }
        td.num { (captured) }
        td.num { (arrived) }
        td.num { (captured.saturating_sub(arrived)) }
    } }
}

/// A length of time in the unit that fits.
fn time(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn time_is_told_in_the_unit_that_fits() {
        let told = [40, 1_250, 119_999, 900_000, 90_000_000].map(time);
        assert_eq!(told, ["40 ms", "1.2 s", "119.9 s", "15 min", "25 h"]);
    }
}
