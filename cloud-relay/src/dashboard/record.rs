//! A record's page: where it stands, where it went, what was understood of it, and the bytes that were captured.

use maud::{Markup, html};
use tillwire_relay_core::reading::{Column, Reading, Table, Value};

use super::html::money;
use super::view::RecordView;

pub(super) fn body(view: &RecordView) -> Markup {
    html! {
        h1 { "Record " (view.number) }
        section.card {
            div.head { h2 { "Where it stands" } }
            dl.facts {
                dt { "Segment" } dd { code { (view.segment) } }
                dt { "Chain hash" } dd { code { (view.hash) } }
                @for (name, value) in &view.facts { dt { (name) } dd { (value) } }
            }
        }
        (super::entry::went(&view.went))
        @match &view.understood {
            Ok(reading) => (understood(reading)),
            Err(error) => section.card { div.head { h2 { "What was understood" } } p.empty { "These bytes do not decode: " (error) } },
        }
        section.card {
            div.head { h2 { "Captured bytes" } @if let Some(digest) = view.attachment { code { (digest) } } }
            @match (&view.bytes, view.attachment) {
                (Some(bytes), _) => pre { (String::from_utf8_lossy(bytes)) },
                (None, Some(_)) => p.empty { "They travel behind the facts and have not arrived yet." },
                (None, None) => p.empty { "This record was made by the agent itself; it has no captured bytes." },
            }
        }
    }
}

fn understood(reading: &Reading) -> Markup {
    html! {
        section.card {
            div.head { h2 { "What was understood" } }
            dl.facts { @for (name, value) in &reading.facts { dt { (name) } dd { (shown(value)) } } }
        }
        @for table in &reading.tables { (rows(table)) }
    }
}

fn rows(table: &Table) -> Markup {
    let class = |column: &Column| column.is_figure.then_some("num");
    html! {
        section.card {
            div.head { h2 { (table.title) } span.count { (table.rows.len()) } }
            div.scroll tabindex="0" { table {
                thead { tr { @for column in &table.columns { th scope="col" class=[class(column)] { (column.name) } } } }
                tbody { @for row in &table.rows { tr {
                    @for (column, value) in table.columns.iter().zip(row) { td class=[class(column)] { (shown(value)) } }
                } } }
            } }
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Money(amount) => money(*amount),
        Value::Words(_) | Value::Unsaid => value.to_string(),
    }
}
