//! The first page: stores, store-days and open exceptions. Each part is a fragment with its own id, so that the
//! stream can send it alone.

use maud::{Markup, html};
use tillwire_relay_core::closing::Month;

use super::html::{chip, difference, fuel, moment, money};
use super::view::{self, Chip, DayRow, ExceptionRow, NowView, StoreRow, Tile, Tone};

/// The parts, in order, with the names that the stream gives them.
pub(super) fn parts(view: &NowView) -> Vec<(&'static str, Markup)> {
    let mut parts = vec![
        ("tiles", tiles(&view.tiles)),
        ("exceptions", exceptions(&view.exceptions)),
        ("stores", stores(view)),
    ];
    if view.sales {
        parts.push(("days", days(&view.days)));
    }
    parts
}

/// All parts under one heading.
pub(super) fn body(view: &NowView) -> Markup {
    html! {
        h1 { @if view.sales { "Is every sale in?" } @else { "Does every store speak?" } }
        @for (_, part) in parts(view) { (part) }
    }
}

fn tiles(tiles: &[Tile]) -> Markup {
    html! {
        div.tiles #tiles {
            @for tile in tiles {
                div.tile.good[tile.tone == Tone::Good].bad[tile.tone == Tone::Bad] data-key=(tile.label) {
                    div.label { (tile.label) }
                    div.figure { (tile.figure) }
                    div.note { (tile.note) }
                }
            }
        }
    }
}

fn stores(view: &NowView) -> Markup {
    let all: usize = view.states.iter().map(|(_, count)| count).sum();
    html! {
        section.card #stores aria-labelledby="stores-title" {
            div.head { h2 #stores-title { "Stores" } span.count { (all) } }
            @if view.stores.is_empty() {
                p.empty { "No store is configured yet. Add one to the relay's configuration, then invite its device." }
            } @else {
                @if all > view.stores.len() {
                    p.lead { "The " (view.stores.len()) " that need a look first. " a href="/stores" { "All " (all) " stores" } }
                    (states(&view.states))
                }
                (table(&view.stores, view.sales))
            }
        }
    }
}

/// How many stores are in each state; each leads to them.
fn states(states: &[(Chip, usize)]) -> Markup {
    html! {
        ul.links { @for (state, count) in states {
            li { a href=(format!("/stores?state={}", state.word.replace(' ', "+"))) { (chip(state)) " " (count) } }
        } }
    }
}

fn table(rows: &[StoreRow], sales: bool) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr {
                th { "Store" } th { "State" } th { "Last sale" } th.num { "Backlog" } th { "Link" } th { "Holds out" }
                @if sales { th.num { "Tickets today" } th.num { "Net today" } }
            } }
            tbody { @for row in rows { (store(row, sales)) } }
        } }
    }
}

/// All stores, or those in a state or by a part of their name.
pub(super) fn all_stores(all: &[StoreRow], state: &str, words: &str, sales: bool) -> Markup {
    let words = words.to_lowercase();
    let fits = |row: &&StoreRow| {
        let named = [&row.name.to_lowercase(), row.store.as_str(), row.tenant.as_str()]
            .iter()
            .any(|name| name.contains(words.trim()));
        named && (state.is_empty() || row.state.word == state)
    };
    let rows: Vec<StoreRow> = all.iter().filter(fits).cloned().collect();
    html! {
        h1 { "Stores" }
        (states(&view::states(all)))
        form.row action="/stores" method="get" role="search" {
            @if !state.is_empty() { input type="hidden" name="state" value=(state); }
            label for="q" { "Name" }
            input #q name="q" type="search" value=(words) maxlength="100" autocomplete="off";
            button.button type="submit" { "Show" }
            @if !state.is_empty() || !words.is_empty() { a.button href="/stores" { "All" } }
        }
        section.card aria-labelledby="stores-title" {
            div.head {
                h2 #stores-title { @if state.is_empty() { "All" } @else { (state) } }
                span.count { (rows.len()) }
            }
            @if rows.is_empty() { p.empty { "No store is like that." } } @else { (table(&rows, sales)) }
        }
    }
}

fn store(row: &StoreRow, sales: bool) -> Markup {
    let (up, all) = row.devices;
    html! {
        tr data-key=(format!("{}/{}", row.tenant, row.store)) {
            th scope="row" {
                (row.name)
                span.sub {
                    (row.store)
                    @if sales { " · " a href=(format!("/stock/{}/{}", row.tenant, row.store)) { "stock" } }
                }
            }
            td { (chip(&row.state)) span.sub { (row.why) } }
            td { @if let Some(at) = row.last_sale_ms { (moment(at)) } @else { span.sub { "none yet" } } }
            td.num { (row.backlog) }
            td { (up) " of " (all) @if all == 1 { " device" } @else { " devices" } }
            td { (fuel(row.fuel)) }
            @if sales {
                td.num { (row.tickets) }
                td.num {
                    @if let Some(net) = row.net { (money(net)) } @else { "–" }
                    @if let Some((day, net)) = &row.week_before { span.sub { (day) " before: " (money(*net)) } }
                }
            }
        }
    }
}

fn days(rows: &[DayRow]) -> Markup {
    html! {
        section.card #days aria-labelledby="days-title" {
            div.head { h2 #days-title { "Store-days" } span.count { (rows.len()) } }
            @if rows.is_empty() {
                p.empty { "No sale has arrived yet. A store-day opens with its first record." }
            } @else {
                div.scroll tabindex="0" { table {
                    thead { tr {
                        th { "Business day" } th { "Store" } th { "State" } th.num { "Tickets" } th.num { "Net" }
                        th.num { "Tax" } th.num { "Tendered" } th.num { "Cash over/short" } th { "In Odoo" }
                    } }
                    tbody { @for row in rows { (day(row)) } }
                } }
            }
        }
    }
}

fn day(row: &DayRow) -> Markup {
    let path = day_path(row);
    html! {
        tr data-key=(path) {
            th scope="row" { a href=(path) { (row.day) } }
            td { (row.name) span.sub { a href=(month_path(row)) { "closing the month" } } }
            td { (chip(&row.state)) @if let Some(why) = &row.blocked_by { span.sub { (why) } } }
            td.num { (row.tickets) }
            td.num { (money(row.net)) }
            td.num { (money(row.tax)) }
            td.num { (money(row.tendered)) }
            td.num { (difference(row.over_short)) }
            td {
                @if row.moves.is_empty() { span.sub { "not yet" } }
                @for name in &row.moves { (name) " " }
                @if row.revisions > 1 { span.sub { (row.revisions) " revisions" } }
            }
        }
    }
}

/// Where a store-day's page is.
pub(super) fn day_path(row: &DayRow) -> String {
    format!("/days/{}/{}/{}", row.tenant, row.store, row.day)
}

/// Where the page of a store-day's month is.
fn month_path(row: &DayRow) -> String {
    format!("/months/{}/{}", row.tenant, Month::of(row.day))
}

/// Also used on a day's own page.
pub(super) fn exceptions(rows: &[ExceptionRow]) -> Markup {
    html! {
        section.card #exceptions aria-labelledby="exceptions-title" {
            div.head { h2 #exceptions-title { "Open exceptions" } span.count { (rows.len()) } }
            @if rows.is_empty() {
                p.empty { "Nothing needs a person." }
            } @else {
                div.scroll tabindex="0" { table {
                    thead { tr {
                        th { "What" } th { "Where" } th { "Found" } th.num { "At risk" } th { "Since" } th { "Owner" }
                    } }
                    tbody { @for row in rows { (exception(row)) } }
                } }
            }
        }
    }
}

fn exception(row: &ExceptionRow) -> Markup {
    html! {
        tr data-key=(row.id) {
            td { (chip(&super::view::Chip { tone: row.tone, word: row.kind.clone() })) span.sub { a href=(format!("/exceptions/{}", row.id)) { "no. " (row.id) } } }
            td { (row.place) }
            td.wide {
                (row.title)
                span.sub { (row.detail) }
            }
            td.num { @if let Some(amount) = row.at_risk { (money(amount)) } @else { "–" } }
            td { (moment(row.since_ms)) }
            td { (row.owner) }
        }
    }
}
