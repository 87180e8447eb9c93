//! A retailer's month: stores against business days, each day its state by colour and mark.

use jiff::civil::Weekday;
use maud::{Markup, html};
use tillwire_proto::BusinessDay;
use tillwire_relay_core::closing::Month;

use super::html::money;
use super::view::{CalendarDay, CalendarStore, CalendarView, Tone};

/// The marks, as the key under the table explains them.
const KEY: [(Tone, &str); 4] = [
    (Tone::Good, "posted, read back and equal"),
    (Tone::Wait, "under way"),
    (Tone::Bad, "held by an exception"),
    (Tone::Idle, "open"),
];

/// The page's body.
pub(super) fn body(view: &CalendarView) -> Markup {
    let days: Vec<BusinessDay> = view.month.days().collect();
    html! {
        h1 { "Store-days of " (view.month) }
        nav.row aria-label="Month" {
            @if let Some(before) = view.month.first().date().yesterday().ok().map(BusinessDay::from) {
                a.button rel="prev" href=(path(view, Month::of(before))) { "← " (Month::of(before)) }
            }
            @if let Some(after) = view.month.last().date().tomorrow().ok().map(BusinessDay::from) {
                a.button rel="next" href=(path(view, Month::of(after))) { (Month::of(after)) " →" }
            }
            a.button href=(format!("/months/{}/{}", view.tenant, view.month)) { "What keeps it open" }
            @if view.tenants.len() > 1 {
                @for tenant in &view.tenants {
                    a.button href=(format!("/days/{tenant}?month={}", view.month))
                        aria-current=[(*tenant == view.tenant).then_some("true")] { (tenant) }
                }
            }
        }
        section.card aria-labelledby="calendar-title" {
            div.head { h2 #calendar-title { (view.tenant) } span.count { (view.count) " stores" } }
            div.scroll tabindex="0" { table.calendar {
                thead { tr {
                    th scope="col" { "Store" } th.num scope="col" { "Net" }
                    @for day in &days {
                        th.day scope="col" .weekend[is_weekend(*day)] .today[*day == view.today] {
                            abbr title=(day) { (day.date().day()) }
                        }
                    }
                } }
                tbody { @for store in &view.stores { (row(view, store, &days)) } }
            } }
            @let (page, pages) = view.page;
            @if pages > 1 {
                nav.links aria-label="Pages" {
                    @if page > 1 { a href=(format!("{}&page={}", path(view, view.month), page - 1)) { "← stores before" } }
                    span { "page " (page) " of " (pages) }
                    @if page < pages { a href=(format!("{}&page={}", path(view, view.month), page + 1)) { "further stores →" } }
                }
            }
            p.key { @for (tone, words) in KEY { span { (mark(tone)) " " (words) } } span { i.cell.none { "–" } " no sale" }
                span { i.cell.none { "×" } " closed by its calendar" } }
        }
    }
}

fn row(view: &CalendarView, store: &CalendarStore, days: &[BusinessDay]) -> Markup {
    html! { tr {
        th scope="row" { (store.name) }
        td.num { @if let Some(net) = store.net { (money(net)) } }
        @for day in days {
            td.day {
                @match store.days.iter().find(|cell| cell.day == *day) {
                    Some(cell) => (filled(view, store, cell)),
                    None if store.closed.contains(day) => {
                        i.cell.none title=(format!("{}, {day}: closed", store.name)) { "×" }
                    }
                    None if *day <= view.today => i.cell.none title=(format!("{}, {day}: no sale", store.name)) { "–" },
                    None => {}
                }
            }
        }
    } }
}

fn filled(view: &CalendarView, store: &CalendarStore, cell: &CalendarDay) -> Markup {
    let held = match cell.blockers {
        0 => String::new(),
        1 => ", held by 1 exception".to_owned(),
        n => format!(", held by {n} exceptions"),
    };
    let net = cell
        .net
        .map_or_else(String::new, |net| format!(", net {}", money(net)));
    let words = format!(
        "{}, {}: {}, {} tickets{net}{held}",
        store.name, cell.day, cell.state.word, cell.tickets
    );
    html! {
        a href=(format!("/days/{}/{}/{}", view.tenant, store.store, cell.day)) title=(words) aria-label=(words) {
            (mark(cell.state.tone))
        }
    }
}

/// Colour and mark; the word stands in the link's name.
fn mark(tone: Tone) -> Markup {
    let (class, sign) = match tone {
        Tone::Good => ("cell good", "✓"),
        Tone::Wait => ("cell wait", "…"),
        Tone::Bad => ("cell bad", "!"),
        Tone::Idle => ("cell", "·"),
    };
    html! { i class=(class) aria-hidden="true" { (sign) } }
}

fn path(view: &CalendarView, month: Month) -> String {
    format!("/days/{}?month={month}", view.tenant)
}

fn is_weekend(day: BusinessDay) -> bool {
    matches!(day.date().weekday(), Weekday::Saturday | Weekday::Sunday)
}
