//! An entry's page: each line of what Odoo was asked to book, and the tickets that it is made of.

use maud::{Markup, html};

use super::html::{chip, money};
use super::view::{EntryLine, EntryView, PartRow, WentRow};

/// Tickets shown at once under a line; the rest unfold.
const PARTS_SHOWN: usize = 12;

pub(super) fn body(view: &EntryView) -> Markup {
    html! {
        h1 { (view.name.as_deref().unwrap_or("Not in Odoo yet")) " " (chip(&view.state)) }
        p { a href=(view.day_path) { (view.place) } " · external id " code { (view.key) } }
        @for line in &view.lines { (line_card(line)) }
    }
}

fn line_card(line: &EntryLine) -> Markup {
    let (shown, more) = line.parts.split_at(line.parts.len().min(PARTS_SHOWN));
    html! {
        section.card aria-label=(line.label) {
            div.head {
                h2 { (line.account) " " (line.label) }
                span.count { (if line.amount.is_negative() { "credit " } else { "debit " }) (money(line.size)) }
            }
            @if let Some(rest) = line.rest {
                p.empty { (money(rest)) " of this line was read back from Odoo after this relay had lost it; Odoo keeps no tickets." }
            }
            @if !line.parts.is_empty() { div.scroll tabindex="0" { table {
                thead { tr { th { "Ticket" } th { "Register" } th { "Kind" } th.num { "Debit or credit (−)" } th { "Mapped by" } th { "Records" } } }
                tbody {
                    @for part in shown { (row(part)) }
                }
            } }
            @if !more.is_empty() {
                details { summary { "and " (more.len()) " more" }
                    div.scroll tabindex="0" { table { tbody { @for part in more { (row(part)) } } } }
                }
            } }
        }
    }
}

fn row(part: &PartRow) -> Markup {
    html! {
        tr {
            th scope="row" { (part.ticket) }
            td { (part.register) }
            td { (part.kind) }
            td.num { (money(part.amount)) }
            td { (part.row) }
            td.wide { @for record in &part.records { (super::day::link(record)) " " } }
        }
    }
}

/// Where a record went, for its own page.
pub(super) fn went(rows: &[WentRow]) -> Markup {
    html! {
        section.card {
            div.head { h2 { "Where it went" } span.count { (rows.len()) } }
            @if rows.is_empty() { p.empty { "Nothing of it has been posted: it moves no money, is held, or its day is not over." } }
            @else { div.scroll tabindex="0" { table {
                thead { tr { th { "Entry" } th { "Account" } th { "What" } th.num { "Debit or credit (−)" } } }
                tbody { @for row in rows { tr {
                    th scope="row" { a href=(format!("/entries/{}", row.key)) { (row.name.as_deref().unwrap_or("not in Odoo yet")) } }
                    td { (row.account) }
                    td { (row.label) }
                    td.num { (money(row.amount)) }
                } } }
            } } }
        }
    }
}
