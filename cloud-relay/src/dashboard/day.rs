//! A store-day's page and a record's page: the way from a cent to the bytes it came from.

use maud::{Markup, html};

use tillwire_relay_core::people::Right;
use tillwire_relay_core::witness::{WitnessTable, name};

use super::acts::reason_field;
use super::chart;
use super::door::Guest;
use super::html::{chip, money};
use super::now;
use super::view::{Chip, DayView, EffectRow, LedgerRow, RecordLink, Tone, TransactionRow};

/// Disagreements on the page; a witness that was silent all day disagrees on every ticket.
const DISAGREEMENTS_SHOWN: usize = 200;

/// Links shown at once; a line of a busy day adds up hundreds of tickets.
const LINKS_SHOWN: usize = 12;

/// A store-day in full.
pub(super) fn body(view: &DayView, guest: &Guest) -> Markup {
    let row = &view.row;
    html! {
        h1 { (row.name) ", " (row.day) " " (chip(&row.state)) }
        @if let Some(why) = &row.blocked_by { p { (why) } }
        (decide(view, guest))
        @if let Some(hours) = &view.hours { (chart::hours(hours)) }
        @if let Some(arrivals) = &view.arrivals { (chart::arrivals(arrivals)) }
        (ledger(&view.lines))
        (witnesses(&view.witnesses))
        (effects(&view.effects))
        (now::exceptions(&view.exceptions))
        (chart::drawers(&view.drawers))
        (transactions(&view.transactions))
    }
}

/// What a person may do about the day.
fn decide(view: &DayView, guest: &Guest) -> Markup {
    let row = &view.row;
    let path = now::day_path(row);
    let signable: Vec<_> = view
        .exceptions
        .iter()
        .filter(|one| one.waits_for_signature)
        .collect();
    let may_sign = guest.may_at(Right::Sign, &row.tenant, &row.store);
    html! {
        @if !view.asked.is_empty() {
            section.card {
                div.head { h2 { "Waits for a second person" } span.count { (view.asked.len()) } }
                ul.links { @for (id, words) in &view.asked { li { a href="/approvals" { "No. " (id) } " " (words) } } }
            }
        }
        @if may_sign && !signable.is_empty() {
            section.card {
                div.head { h2 { "Sign it on as it is" } }
                (guest.form(&path, "stack", &html! {
                    input type="hidden" name="act" value="sign";
                    fieldset {
                        legend { "What you take as it is; anything that comes later holds the day again" }
                        @for one in &signable {
                            label {
                                input type="checkbox" name="exception" value=(one.id) checked;
                                span { (one.title) " " span.hint { (one.detail) } }
                            }
                        }
                    }
                    (reason_field())
                    div.row { button.button.main type="submit" { "Ask a second person to sign" } }
                }))
            }
        }
        @if may_sign && view.signatures > 0 {
            section.card {
                div.head { h2 { "Signed" } span.count { (view.signatures) } }
                details {
                    summary { "Take it back" }
                    (guest.form(&path, "stack", &html! {
                        input type="hidden" name="act" value="reopen";
                        (reason_field())
                        p.hint { "What was posted stays; corrections are further postings." }
                        div.row { button.button type="submit" { "Ask a second person" } }
                    }))
                }
            }
        }
    }
}

fn ledger(lines: &[LedgerRow]) -> Markup {
    html! {
        section.card aria-labelledby="ledger-title" {
            div.head { h2 #ledger-title { "Journal of the day" } span.count { (lines.len()) " lines" } }
            @if lines.is_empty() {
                p.empty { "Nothing to post yet." }
            } @else {
                div.scroll tabindex="0" { table {
                    thead { tr { th { "Account" } th { "What" } th.num { "Debit" } th.num { "Credit" } th { "From" } } }
                    tbody { @for line in lines { tr {
                        th scope="row" { (line.account) }
                        td { (line.label) }
                        td.num { @if let Some(amount) = line.debit { (money(amount)) } }
                        td.num { @if let Some(amount) = line.credit { (money(amount)) } }
                        td.wide { (links(&line.records)) }
                    } } }
                } }
            }
        }
    }
}

fn links(records: &[RecordLink]) -> Markup {
    let (shown, more) = records.split_at(records.len().min(LINKS_SHOWN));
    html! {
        @for record in shown { (link(record)) " " }
        @if !more.is_empty() {
            details { summary { "and " (more.len()) " more" } @for record in more { (link(record)) " " } }
        }
    }
}

pub(super) fn link(record: &RecordLink) -> Markup {
    let title = record.amount.map(money);
    html! { a href=(format!("/records/{}/{}", record.segment, record.number)) title=[title] { (record.name) } }
}

fn effects(rows: &[EffectRow]) -> Markup {
    html! {
        section.card aria-labelledby="effects-title" {
            div.head { h2 #effects-title { "In Odoo" } span.count { (rows.len()) } }
            @if rows.is_empty() { p.empty { "Odoo has not been asked for anything yet." } }
            @else {
                div.scroll tabindex="0" { table {
                    thead { tr { th { "What" } th { "State" } th { "Name in Odoo" } th { "External id" } th { "Last answer" } } }
                    tbody { @for row in rows { tr {
                        td { (row.kind) }
                        td { (chip(&row.state)) }
                        td { (row.name.as_deref().unwrap_or("–")) }
                        td { @if row.has_page { a href=(format!("/entries/{}", row.key)) { code { (row.key) } } } @else { code { (row.key) } } }
                        td.wide { (row.last_error.as_deref().unwrap_or("")) }
                    } } }
                } }
            }
        }
    }
}

/// What each source counts, side by side, and each ticket on which they do not agree.
fn witnesses(table: &WitnessTable) -> Markup {
    let figure = |amount: Option<tillwire_proto::Amount>| amount.map_or_else(|| "–".to_owned(), money);
    let agree = Chip {
        tone: if table.disagreements.is_empty() {
            Tone::Good
        } else {
            Tone::Bad
        },
        word: match table.disagreements.len() {
            0 => "they agree".to_owned(),
            1 => "1 disagreement".to_owned(),
            n => format!("{n} disagreements"),
        },
    };
    html! {
        section.card aria-labelledby="witnesses-title" {
            div.head { h2 #witnesses-title { "Witnesses" } span.count { (table.columns.len()) } (chip(&agree)) }
            div.scroll tabindex="0" { table {
                thead { tr {
                    th { "Told by" } th.num { "Tickets" } th.num { "Total" } th.num { "Tax" } th.num { "Card" } th.num { "Cash" }
                } }
                tbody { @for column in &table.columns { tr {
                    th scope="row" { (name(column.witness)) }
                    td.num { (column.count) }
                    td.num { (figure(column.total)) }
                    td.num { (figure(column.tax)) }
                    td.num { (figure(column.card)) }
                    td.num { (figure(column.cash)) }
                } } }
            } }
            @if !table.disagreements.is_empty() { (disagreements(table)) }
        }
    }
}

fn disagreements(table: &WitnessTable) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th { "Ticket" } th { "Register" } th.num { "Amount" } th { "What" } th { "Record" } } }
            tbody { @for one in table.disagreements.iter().take(DISAGREEMENTS_SHOWN) { tr {
                th scope="row" { @match &one.ticket { Some(ticket) => (ticket), None => "–" } }
                td { (one.register) }
                td.num { (money(one.amount)) }
                td.wide { (one.what.words()) }
                td { @if let Some(record) = one.record {
                    a href=(format!("/records/{}/{}", record.segment, record.number.0)) { "record " (record.number.0) }
                } }
            } } }
        } }
        @if table.disagreements.len() > DISAGREEMENTS_SHOWN {
            p.empty { (table.disagreements.len() - DISAGREEMENTS_SHOWN) " more; " code { "tillwire-relay day show --json" } " has them all." }
        }
    }
}

fn transactions(rows: &[TransactionRow]) -> Markup {
    html! {
        section.card aria-labelledby="transactions-title" {
            div.head { h2 #transactions-title { "Transactions" } span.count { (rows.len()) } }
            div.scroll tabindex="0" { table {
                thead { tr {
                    th { "Ticket" } th { "Kind" } th { "Register" } th { "Till's clock" } th.num { "Total" }
                    th { "Paid with" } th { "Told by" }
                } }
                tbody { @for row in rows { tr {
                    th scope="row" { (link(&row.record)) }
                    td { (row.kind) }
                    td { (row.register) }
                    td { (row.at) }
                    td.num { @if let Some(total) = row.total { (money(total)) } }
                    td { (row.tenders) }
                    td { (row.witnesses) }
                } } }
            } }
        }
    }
}
