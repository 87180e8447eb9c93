//! The exceptions: grouped by what is wrong, the most urgent first; and one of them with what may be done.

use maud::{Markup, html};

use super::html::{chip, moment, money};
use super::view::{ExceptionFilter, ExceptionGroup, ExceptionView, ExceptionsView};

/// The page's body.
pub(super) fn body(view: &ExceptionsView) -> Markup {
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
        @for group in &view.groups { (card(view, group)) }
    }
}

fn card(view: &ExceptionsView, group: &ExceptionGroup) -> Markup {
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
            div.scroll { table {
                thead { tr { th { "No." } th { "Where" } th { "Found" } th.num { "At risk" } th { "Since" } } }
                tbody { @for row in &group.rows { tr {
                    th scope="row" { a href=(format!("/exceptions/{}", row.id)) { (row.id) } }
                    td { (row.place) }
                    td.wide { (row.title) span.sub { (row.detail) } }
                    td.num { @if let Some(amount) = row.at_risk { (money(amount)) } }
                    td { (moment(row.since_ms)) }
                } } }
            } }
            @if group.count > group.rows.len() {
                p.empty { (group.count - group.rows.len()) " more of this kind." }
            }
        }
    }
}

/// One exception in full.
pub(super) fn one(view: &ExceptionView) -> Markup {
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
        @if !view.actions.is_empty() {
            section.card {
                div.head { h2 { "What may be done" } }
                dl.facts { @for (what, command) in &view.actions { dt { (what) } dd { code { (command) } } } }
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
