//! A month's page: per store, what keeps it from being closed.

use maud::{Markup, html};

use super::html::{chip, money};
use super::view::{BlockerRow, MonthStore, MonthView};

pub(super) fn body(view: &MonthView) -> Markup {
    html! {
        h1 { "Closing " (view.month) }
        @if view.stores.is_empty() { p.empty { "No store of this retailer is configured." } }
        @for store in &view.stores { (of_store(store)) }
    }
}

fn of_store(store: &MonthStore) -> Markup {
    html! {
        section.card aria-label=(store.name) {
            div.head { h2 { (store.name) } (chip(&store.state)) span.count { (store.blockers.len()) } }
            @if store.blockers.is_empty() {
                p.empty { "Every day of this month is in Odoo and equal." }
            } @else {
                div.scroll tabindex="0" { table {
                    thead { tr { th { "Business day" } th { "What keeps it open" } th.num { "Money" } } }
                    tbody { @for row in &store.blockers { (blocker(row)) } }
                } }
            }
        }
    }
}

fn blocker(row: &BlockerRow) -> Markup {
    html! {
        tr {
            th scope="row" { @match &row.day { Some((day, path)) => a href=(path) { (day) }, None => "the month" } }
            td.wide { (chip(&row.state)) " " (row.what) span.sub { (row.mend) } }
            td.num { @if let Some(amount) = row.at_risk { (money(amount)) } @else { "–" } }
        }
    }
}
