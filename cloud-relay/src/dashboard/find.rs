//! Search: by anything that a person has in hand.

use maud::{Markup, html};

use super::html::chip;
use super::view::FindView;

/// The page's body.
pub(super) fn body(view: &FindView) -> Markup {
    let none = view.records.is_empty() && view.documents.is_empty();
    html! {
        h1 { "Find" }
        form.row action="/find" method="get" role="search" {
            label for="find-words" { "Ticket, amount, authorisation code, reference, item, serial number, or a document of Odoo" }
            input #find-words name="q" type="search" value=(view.words) maxlength="64" autocomplete="off" spellcheck="false";
            button.button type="submit" { "Find" }
        }
        @if view.words.is_empty() {
            p.lead { "Whole names come first; where there is none, names that begin so." }
        } @else if none {
            section.card { p.empty { "Nothing goes by “" (view.words) "”. New records can be found some seconds after they arrive." } }
        }
        @if !view.documents.is_empty() { (documents(view)) }
        @if !view.records.is_empty() { (records(view)) }
    }
}

fn documents(view: &FindView) -> Markup {
    html! {
        section.card aria-labelledby="documents-title" {
            div.head { h2 #documents-title { "In Odoo" } span.count { (view.documents.len()) } }
            div.scroll tabindex="0" { table {
                thead { tr { th { "Document" } th { "State" } th { "Of" } th { "External id" } } }
                tbody { @for hit in &view.documents { tr {
                    th scope="row" {
                        @let name = hit.name.as_deref().unwrap_or("not named yet");
                        @if hit.has_page { a href=(format!("/entries/{}", hit.key)) { (name) } } @else { (name) }
                        span.sub { (hit.kind) }
                    }
                    td { (chip(&hit.state)) }
                    td { (hit.place) }
                    td.wide { code { (hit.key) } }
                } } }
            } }
        }
    }
}

fn records(view: &FindView) -> Markup {
    html! {
        section.card aria-labelledby="records-title" {
            div.head {
                h2 #records-title { "Records" }
                span.count { (view.records.len()) @if view.more { " and more: say more of the name" } }
            }
            div.scroll tabindex="0" { table {
                thead { tr { th { "Name" } th { "Is its" } th { "Store" } th { "Record" } } }
                tbody { @for hit in &view.records { tr {
                    th scope="row" { (hit.name) }
                    td { (hit.kind) }
                    td { (hit.place) }
                    td { a href=(format!("/records/{}/{}", hit.record.segment, hit.record.number.0)) { (hit.record.name) } }
                } } }
            } }
        }
    }
}
