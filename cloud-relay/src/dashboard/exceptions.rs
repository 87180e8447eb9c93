//! The exceptions: grouped by what is wrong, the most urgent first; and one of them with what may be done.

use maud::{Markup, html};

use tillwire_relay_core::people::Right;

use super::acts::reason_field;
use super::door::Guest;
use super::html::{chip, moment, money};
use super::view::{ExceptionFilter, ExceptionGroup, ExceptionView, ExceptionsView};

/// The page's body.
pub(super) fn body(view: &ExceptionsView, guest: &Guest) -> Markup {
    let count: usize = view.groups.iter().map(|group| group.count).sum();
    html! {
        h1 { "Exceptions" }
        p.lead { (count) " open, " (view.at_risk) " at risk." @if view.more { " There are more; the newest are here." } }
        nav.row aria-label="Whose desk" {
            a.button href=(path(&ExceptionFilter { owner: None, ..view.filter.clone() }))
                aria-current=[view.filter.owner.is_none().then_some("true")] { "everybody" }
            @for (owner, count) in &view.owners {
                a.button href=(path(&ExceptionFilter { owner: Some((*owner).to_owned()), ..view.filter.clone() }))
                    aria-current=[(view.filter.owner.as_deref() == Some(owner)).then_some("true")] { (owner) " " (count) }
            }
            @if let Some(kind) = &view.filter.kind {
                a.button href=(path(&ExceptionFilter { kind: None, ..view.filter.clone() })) aria-current="true" {
                    "only " (kind) " ×"
                }
            }
        }
        @if view.groups.is_empty() {
            section.card { p.empty { "Nothing needs a person." } }
        }
        @for group in &view.groups { (card(view, group, guest)) }
    }
}

fn card(view: &ExceptionsView, group: &ExceptionGroup, guest: &Guest) -> Markup {
    let only = ExceptionFilter {
        kind: Some(group.kind.to_owned()),
        ..view.filter.clone()
    };
    let title = format!("{}-title", group.kind);
    html! {
        section.card aria-labelledby=(title) {
            div.head {
                h2 id=(title) { a href=(path(&only)) { (group.title) } }
                span.count { (group.count) " · " (group.at_risk) " at risk · oldest " (moment(group.since_ms)) " · " (group.owner) }
                (chip(&group.state))
            }
            @if guest.may(Right::Exceptions) && (group.can_retry || group.can_close) {
                (guest.form("/exceptions", "many", &html! {
                    input type="hidden" name="back" value=(path(&view.filter));
                    (table(group, true))
                    (chosen(group))
                }))
            } @else { (table(group, false)) }
            @if group.count > group.rows.len() {
                p.empty { (group.count - group.rows.len()) " more of this kind." }
            }
        }
    }
}

/// The rows; `chooses` puts a box before each.
fn table(group: &ExceptionGroup, chooses: bool) -> Markup {
    html! {
        div.scroll tabindex="0" { table data-keys[chooses] {
            thead { tr {
                @if chooses { th { "Choose" } }
                th { "No." } th { "Where" } th { "Found" } th.num { "At risk" } th { "Since" }
            } }
            tbody { @for row in &group.rows { tr {
                @if chooses { td { input type="checkbox" name="exception" value=(row.id) aria-label=(format!("choose no. {}", row.id)); } }
                th scope="row" { a href=(format!("/exceptions/{}", row.id)) { (row.id) } }
                td { (row.place) }
                td.wide { (row.title) span.sub { (row.detail) } }
                td.num { @if let Some(amount) = row.at_risk { (money(amount)) } }
                td { (moment(row.since_ms)) }
            } } }
        } }
    }
}

/// What may be done with those that are chosen.
fn chosen(group: &ExceptionGroup) -> Markup {
    let reason = format!("reason-{}", group.kind);
    html! {
        details.many {
            summary { "With the chosen ones" }
            div.row {
                @if group.can_close {
                    label for=(reason) { "Reason, to close them" }
                    input id=(reason) name="reason" maxlength="1000" autocomplete="off";
                    button.button type="submit" name="act" value="resolve" { "Close" }
                }
                @if group.can_retry { button.button type="submit" name="act" value="retry" { "Try again" } }
            }
            p.hint { "In the table the keys j and k go from row to row, x chooses, Enter opens." }
        }
    }
}

/// One exception in full.
pub(super) fn one(view: &ExceptionView, guest: &Guest) -> Markup {
    let row = &view.row;
    html! {
        h1 { (row.title) " " (chip(&super::view::Chip { tone: row.tone, word: row.kind.clone() })) }
        section.card {
            div.head { h2 { "What was found" } span.count { "no. " (row.id) } }
            p.lead { (row.detail) }
            dl.facts {
                dt { "Where" }
                dd { @match &view.day_path { Some(path) => a href=(path) { (row.place) }, None => (row.place) } }
                dt { "Owner" } dd { (row.owner) }
                dt { "It " } dd { (view.holds) }
                @if let Some(amount) = row.at_risk { dt { "At risk" } dd { (money(amount)) } }
                dt { "Open since" } dd { (moment(row.since_ms)) }
                dt { "Last found" } dd { (moment(view.seen_ms)) }
                @if let Some((at, by, words)) = &view.resolved {
                    dt { "Closed" } dd { (moment(*at)) " by " (by) ": " (words) }
                }
            }
        }
        @if !view.records.is_empty() {
            section.card {
                div.head { h2 { "Records" } span.count { (view.records.len()) } }
                ul.links { @for record in &view.records {
                    li { a href=(format!("/records/{}/{}", record.segment, record.number.0)) { (record.name) } }
                } }
            }
        }
        @if view.resolved.is_none() && guest.may_at(Right::Exceptions, &view.place.0, &view.place.1) { (work(view, guest)) }
        @if !view.actions.is_empty() {
            section.card {
                div.head { h2 { "On the command line" } }
                dl.facts { @for (what, command) in &view.actions { dt { (what) } dd { code { (command) } } } }
            }
        }
    }
}

/// What a person may do about it, here.
fn work(view: &ExceptionView, guest: &Guest) -> Markup {
    let path = format!("/exceptions/{}", view.row.id);
    html! {
        @if let (Some(row), true) = (&view.missing_row, guest.may(Right::Mapping)) {
            section.card {
                div.head { h2 { "Write the missing row" } }
                form.stack action=(format!("{path}/fix")) method="get" {
                    p.hint { "For " code { (row) } ". Everything with the same cause follows; nothing is changed before you have seen what it does and a second person has allowed it." }
                    label for="to" { "Account code, or of goods the internal reference in Odoo" }
                    input #to name="to" required maxlength="100" autocomplete="off" spellcheck="false";
                    @if row.starts_with("tax.") {
                        label for="odoo_tax" { "Name of the tax in Odoo, where Odoo is to know it" }
                        input #odoo_tax name="odoo_tax" maxlength="200" autocomplete="off";
                    }
                    label for="from" { "From this business day on; its own otherwise" }
                    input #from name="from" type="date";
                    div.row { button.button.main type="submit" { "Show what it would do" } }
                }
            }
        }
        @if view.can_retry {
            section.card {
                div.head { h2 { "Try again" } }
                (guest.form(&path, "stack", &html! {
                    input type="hidden" name="act" value="retry";
                    p.hint { "After the cause was mended. Nothing is done twice." }
                    div.row { button.button type="submit" { "Try again" } }
                }))
            }
        }
        @if view.holds_day {
            @if let Some(day) = &view.day_path {
                section.card {
                    div.head { h2 { "It holds its day" } }
                    p.lead { "On the day's page it can be signed as it is, with a second person." }
                    p.lead { a.button href=(day) { "To the day" } }
                }
            }
        } @else {
            section.card {
                div.head { h2 { "Close it" } }
                (guest.form(&path, "stack", &html! {
                    input type="hidden" name="act" value="resolve";
                    p.hint { "Seen, and nothing more to do." }
                    (reason_field())
                    div.row { button.button type="submit" { "Close" } }
                }))
            }
        }
    }
}

fn path(filter: &ExceptionFilter) -> String {
    let tenant = filter.tenant.as_ref().map(ToString::to_string);
    let parts = [
        ("owner", filter.owner.as_deref()),
        ("kind", filter.kind.as_deref()),
        ("tenant", tenant.as_deref()),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?.replace(' ', "+"))))
        .collect();
    if parts.is_empty() {
        return "/exceptions".to_owned();
    }
    format!("/exceptions?{}", parts.join("&"))
}
