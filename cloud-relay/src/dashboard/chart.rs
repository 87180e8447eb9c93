//! Charts, drawn on the server: SVG in the page, coloured by the page's own sheet (so dark, light and print follow), with
//! axes and units, and a table with the same figures for who reads instead of looks. All in whole numbers.

mod arrivals;

use maud::{Markup, html};
use tillwire_proto::{Amount, BusinessDay, Currency};

use super::html::money;
use super::view::{DrawerView, HoursView};

pub(super) use arrivals::arrivals;

/// Size of the drawing, in its own units.
const WIDTH: i64 = 720;
const HEIGHT: i64 = 220;
/// Room for the axes.
const LEFT: i64 = 84;
const BOTTOM: i64 = 26;
const TOP: i64 = 12;

/// From values to places.
struct Scale {
    low: i64,
    high: i64,
    ticks: Vec<i64>,
}

impl Scale {
    /// A scale that holds all values and zero, with round ticks.
    fn holding(values: impl Iterator<Item = i64>) -> Self {
        let (low, high) = values.fold((0, 0), |(low, high): (i64, i64), value| {
            (low.min(value), high.max(value))
        });
        let step = round_step(high.saturating_sub(low).max(1).saturating_add(3) / 4);
        let low = low.div_euclid(step).saturating_mul(step);
        let high = -((-high).div_euclid(step)).saturating_mul(step);
        let high = high.max(low.saturating_add(step));
        let count = high.saturating_sub(low) / step;
        let ticks = (0..=count).map(|i| low + i * step);
        Self {
            low,
            high,
            ticks: ticks.collect(),
        }
    }

    fn y(&self, value: i64) -> i64 {
        let room = i128::from(HEIGHT - TOP - BOTTOM);
        let span = i128::from(self.high) - i128::from(self.low);
        let up = (i128::from(value) - i128::from(self.low)) * room / span.max(1);
        HEIGHT - BOTTOM - i64::try_from(up).unwrap_or(0)
    }
}

/// The next of 1, 2, 5, 10, 20, 50 … that is not less.
fn round_step(rough: i64) -> i64 {
    let mut step: i64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let round = step.saturating_mul(factor);
            if round >= rough || round == i64::MAX {
                return round;
            }
        }
        step = step.saturating_mul(10);
    }
}

fn amount(minor: i64, currency: Currency) -> String {
    money(Amount::new(minor, currency))
}

/// A drawing's name, what it says in words, and how its ticks are written.
struct Frame<'a> {
    id: &'a str,
    title: &'a str,
    about: &'a str,
    tick: &'a dyn Fn(i64) -> String,
}

fn frame(frame: &Frame<'_>, scale: &Scale, body: &Markup) -> Markup {
    let Frame {
        id,
        title,
        about,
        tick: written,
    } = frame;
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby=(format!("{id}-title {id}-about")) {
            title id=(format!("{id}-title")) { (title) }
            desc id=(format!("{id}-about")) { (about) }
            @for tick in &scale.ticks {
                @let y = scale.y(*tick);
                line.grid x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
                text.axis x=(LEFT - 8) y=(y + 4) text-anchor="end" { (written(*tick)) }
            }
            (body)
        }
    }
}

/// A day's net sales by hour, with the band in which half of the same weekdays lie.
pub(super) fn hours(view: &HoursView) -> Markup {
    let usual = view.usual.as_deref().unwrap_or_default();
    let busy = |hour: &usize| {
        view.hours.get(*hour).is_some_and(|own| own.tickets > 0)
            || usual.get(*hour).is_some_and(|(_, high)| *high != 0)
    };
    let hours: Vec<usize> = (0..view.hours.len()).collect();
    let first = hours.iter().copied().find(busy).unwrap_or(0);
    let last = hours.iter().rev().copied().find(busy).unwrap_or(0);
    let shown: Vec<usize> = (first..=last).collect();
    let values = shown.iter().map(|hour| view.hours[*hour].net);
    let bands = shown
        .iter()
        .filter_map(|hour| usual.get(*hour))
        .flat_map(|(low, high)| [*low, *high]);
    let scale = Scale::holding(values.chain(bands));
    let slot = (WIDTH - LEFT) / i64::try_from(shown.len().max(1)).unwrap_or(1);
    let best = shown
        .iter()
        .max_by_key(|hour| view.hours[**hour].net)
        .copied()
        .unwrap_or(0);
    let about = format!(
        "From {first}:00 to {}:00; the best hour is {best}:00 with {}.{}",
        last + 1,
        amount(view.hours.get(best).map_or(0, |hour| hour.net), view.currency),
        if usual.is_empty() {
            ""
        } else {
            " The band is where half of the same weekdays lie."
        }
    );
    let drawing = html! {
        @for (i, hour) in shown.iter().enumerate() {
            @let x = LEFT + slot * i64::try_from(i).unwrap_or(0);
            @if let Some((low, high)) = usual.get(*hour) {
                rect.band x=(x + 1) width=(slot - 2) y=(scale.y(*high)) height=((scale.y(*low) - scale.y(*high)).max(2)) {}
            }
            @let net = view.hours[*hour].net;
            @let (top, foot) = (scale.y(net.max(0)), scale.y(net.min(0)));
            rect.bar x=(x + slot / 4) width=((slot / 2).max(2)) y=(top) height=((foot - top).max(1)) {}
            @if slot >= 26 || i % 2 == 0 {
                text.axis x=(x + slot / 2) y=(HEIGHT - 8) text-anchor="middle" { (hour) }
            }
        }
    };
    let named = Frame {
        id: "hours",
        title: "Net sales by hour",
        about: &about,
        tick: &|minor| amount(minor, view.currency),
    };
    html! {
        section.card aria-labelledby="hours-card" {
            div.head { h2 #hours-card { "Net sales by hour" } span.count { "by the till's clock, in " (view.currency) } }
            div.drawn {
                (frame(&named, &scale, &drawing))
                p.key { span.swatch.bar {} "this day" @if !usual.is_empty() { span.swatch.band {} "half of the same weekdays of eight weeks" } }
                details {
                    summary { "The figures" }
                    div.scroll tabindex="0" { table {
                        thead { tr { th { "Hour" } th.num { "Tickets" } th.num { "Net" } @if !usual.is_empty() { th.num { "Usually between" } } } }
                        tbody { @for hour in &shown { tr {
                            th scope="row" { (hour) ":00" }
                            td.num { (view.hours[*hour].tickets) }
                            td.num { (amount(view.hours[*hour].net, view.currency)) }
                            @if let Some((low, high)) = usual.get(*hour) {
                                td.num { (amount(*low, view.currency)) " and " (amount(*high, view.currency)) }
                            }
                        } } }
                    } }
                }
            }
        }
    }
}

/// Each counted drawer over the weeks, with what is usual for it.
pub(super) fn drawers(all: &[DrawerView]) -> Markup {
    html! {
        @if !all.is_empty() {
            section.card aria-labelledby="drawers-card" {
                div.head { h2 #drawers-card { "Over and short by register" } span.count { "eight weeks, counted less expected cash" } }
                @for (i, drawer) in all.iter().enumerate() { div.drawn { (control(drawer, i)) } }
            }
        }
    }
}

fn control(view: &DrawerView, number: usize) -> Markup {
    let limits = view.limits;
    let bounds = limits
        .iter()
        .flat_map(|limits| [limits.low, limits.high, limits.mean]);
    let scale = Scale::holding(view.days.iter().map(|(_, minor)| *minor).chain(bounds));
    let count = i64::try_from(view.days.len()).unwrap_or(1);
    let x =
        |i: usize| LEFT + (WIDTH - LEFT - 12) * (i64::try_from(i).unwrap_or(0) * 2 + 1) / (2 * count.max(1));
    let unusual = |minor: i64| limits.is_some_and(|limits| limits.is_unusual(minor));
    let strange: Vec<String> = view
        .days
        .iter()
        .filter(|(_, minor)| unusual(*minor))
        .map(|(day, minor)| format!("{} on {day}", amount(*minor, view.currency)))
        .collect();
    let about = match (limits, strange.is_empty()) {
        (None, _) => format!("{count} counts; too few to say what is usual."),
        (Some(_), true) => format!("{count} counts, none of them unusual."),
        (Some(_), false) => format!("{count} counts; unusual: {}.", strange.join(", ")),
    };
    let points: Vec<(usize, BusinessDay, i64)> = view
        .days
        .iter()
        .enumerate()
        .map(|(i, (day, minor))| (i, *day, *minor))
        .collect();
    let path: Vec<String> = points
        .iter()
        .map(|(i, _, minor)| format!("{},{}", x(*i), scale.y(*minor)))
        .collect();
    let drawing = html! {
        @if let Some(limits) = limits {
            @for (value, class) in [(limits.high, "limit"), (limits.mean, "mean"), (limits.low, "limit")] {
                line class=(class) x1=(LEFT) x2=(WIDTH) y1=(scale.y(value)) y2=(scale.y(value)) {}
            }
        }
        polyline.trend points=(path.join(" ")) {}
        @for (i, day, minor) in &points {
            @if unusual(*minor) {
                rect.point.bad x=(x(*i) - 5) y=(scale.y(*minor) - 5) width="10" height="10" { title { (day) ": " (amount(*minor, view.currency)) } }
            } @else {
                circle.point cx=(x(*i)) cy=(scale.y(*minor)) r="4" { title { (day) ": " (amount(*minor, view.currency)) } }
            }
        }
        @if let (Some((_, first, _)), Some((last_at, last, _))) = (points.first(), points.last()) {
            text.axis x=(x(0)) y=(HEIGHT - 8) text-anchor="start" { (first) }
            @if points.len() > 1 { text.axis x=(x(*last_at)) y=(HEIGHT - 8) text-anchor="end" { (last) } }
        }
    };
    let named = Frame {
        id: &format!("drawer-{number}"),
        title: &format!("Over and short of {}", view.register),
        about: &about,
        tick: &|minor| amount(minor, view.currency),
    };
    html! {
        h3 { (view.register) }
        (frame(&named, &scale, &drawing))
        p.key {
            (about) " "
            @if limits.is_some() { span.swatch.limit {} "what is usual (2.66 times the mean moving range of the counts before)" }
        }
        details {
            summary { "The figures" }
            div.scroll tabindex="0" { table {
                thead { tr { th { "Business day" } th.num { "Over or short" } th { "" } } }
                tbody { @for (day, minor) in &view.days { tr {
                    th scope="row" { (day) }
                    td.num { (amount(*minor, view.currency)) }
                    td { @if unusual(*minor) { "unusual" } }
                } } }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_every_value() {
        for (values, low, high) in [
            (vec![0, 9_700], 0, 10_000),
            (vec![-250, 0, 1_000], -500, 1_000),
            (vec![0], 0, 1),
            (vec![-7], -8, 0),
        ] {
            let scale = Scale::holding(values.iter().copied());
            assert_eq!((scale.low, scale.high), (low, high), "{values:?}");
            for value in values {
                let y = scale.y(value);
                assert!((TOP..=HEIGHT - BOTTOM).contains(&y), "{value} at {y}");
            }
            assert!(scale.ticks.len() <= 8, "{:?}", scale.ticks);
        }
        let _ = Scale::holding([i64::MIN / 4, i64::MAX / 4].into_iter()).y(0);
    }
}
