//! A store's stock: Odoo against the tills, each difference with its causes.

use maud::{Markup, html};
use tillwire_relay_core::stock::{DriftLine, DriftPart};

use super::html::{chip, moment};
use super::view::{Chip, StockView, Tone};

/// The page's body.
pub(super) fn body(view: &StockView) -> Markup {
    let pos_ms = view.lines.iter().find_map(|line| Some(line.pos.as_ref()?.at_ms));
    html! {
        h1 { (view.name) ", stock" }
        p.sub {
            "Odoo as of " (moment(view.at_ms)) "; expected is what was counted last less what was sold since. "
            @if let Some(at_ms) = pos_ms {
                "The POS's own stock as of " (moment(at_ms)) "; apart is what it has more than Odoo after everything that was sold: "
                "received, counted or written off in one of the two only. "
            }
            "For figures of this moment run " code { "tillwire-relay stock drift " (view.tenant) "/" (view.store) } "."
        }
        section.card aria-labelledby="drift-title" {
            div.head { h2 #drift-title { "Differences" } span.count { (view.lines.len()) } }
            @if view.lines.is_empty() {
                p.empty { "None: all " (view.products) " products agree." }
            } @else {
                div.scroll tabindex="0" { table {
                    thead { tr {
                        th { "Product" } th { "State" } th.num { "Odoo" } th.num { "Expected" } th.num { "Difference" }
                        @if pos_ms.is_some() { th.num { "POS" } th.num { "Apart" } }
                        th { "Last count" } th.num { "Tills since" } th.num { "Others since" } th { "Causes" }
                    } }
                    tbody { @for line in &view.lines { (row(line, pos_ms.is_some())) } }
                } }
            }
        }
    }
}

fn row(line: &DriftLine, with_pos: bool) -> Markup {
    let state = if line.needs_eyes() {
        Chip {
            tone: Tone::Bad,
            word: "look".to_owned(),
        }
    } else {
        Chip {
            tone: Tone::Wait,
            word: "explained".to_owned(),
        }
    };
    html! { tr {
        th scope="row" { (line.sku) }
        td { (chip(&state)) }
        td.num { (line.odoo) }
        td.num { (line.expected) }
        td.num { (line.difference) }
        @if with_pos {
            td.num { @match &line.pos { Some(pos) => { (pos.on_hand) } None => { span.sub { "kit" } } } }
            td.num { @if let Some(pos) = &line.pos { (pos.apart) } }
        }
        td { @match line.counted {
            Some((at_ms, quantity)) => { (quantity) ", " (moment(at_ms)) }
            None => { span.sub { "never" } }
        } }
        td.num { (line.ours) }
        td.num { (line.others) }
        td { @for part in &line.parts { (cause(part)) } }
    } }
}

fn cause(part: &DriftPart) -> Markup {
    html! { div {
        (part.quantity) " " (part.cause)
        @if !part.named.is_empty() { span.sub { " " (part.named.join(", ")) } }
    } }
}
