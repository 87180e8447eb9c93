//! The log of what everybody did, and its export.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use tillwire_relay_core::people::Right;

use super::{inside, show};
use crate::audit;
use crate::dashboard::door::Guest;
use crate::dashboard::html::{Section, moment};
use crate::dashboard::{Pages, broken, on_a_thread};
use crate::store::audit_log::{self, Kept, Which};

/// Entries of the log on one page.
const ENTRIES_SHOWN: u32 = 100;

/// `?who=ann&before=120`
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct OfAudit {
    who: Option<String>,
    before: Option<u64>,
    check: Option<String>,
}

pub(super) async fn audit_page(
    State(pages): State<Pages>,
    guest: Guest,
    Query(of): Query<OfAudit>,
) -> Response {
    let inside = match (guest.needs(Right::Audit), inside(&pages)) {
        (Ok(()), Ok(inside)) => inside,
        (Err(no), _) | (_, Err(no)) => return no,
    };
    let which = Which {
        before: of.before,
        who: of.who.filter(|who| !who.is_empty()),
    };
    let (asked, checks) = (which.clone(), of.check.is_some());
    let read = inside
        .store
        .read(move |db| {
            let verdict = checks.then(|| audit_log::verify(db)).transpose()?;
            Ok((audit_log::list(db, &asked, ENTRIES_SHOWN)?, verdict))
        })
        .await;
    let (entries, verdict) = match read {
        Ok(read) => read,
        Err(error) => return broken(&guest, &error.into()),
    };
    let body = html! {
        h1 { "Audit log" }
        @match verdict {
            None => {}
            Some(Ok(head)) => p.notice.good { "All " (head.number) " entries hold together; the last has the hash " code { (head.hash) } "." },
            Some(Err(broken)) => p.notice.bad role="alert" { "The log does not hold: " (broken) "." },
        }
        form.row action="/audit" method="get" role="search" {
            label for="who" { "Only what one person did" }
            input #who name="who" value=(which.who.as_deref().unwrap_or_default()) autocomplete="off" autocapitalize="none" maxlength="64";
            button.button type="submit" { "Show" }
            a.button href="/audit?check=all" { "Check every hash" }
            a.button href="/audit.jsonl" download { "Export, signed" }
        }
        (entries_card(&entries))
        @if let (Some((last, _)), true) = (entries.last(), entries.len() >= ENTRIES_SHOWN as usize) {
            @let who = which.who.as_deref().map_or_else(String::new, |who| format!("&who={who}"));
            p { a.button href=(format!("/audit?before={}{who}", last.number)) { "Earlier" } }
        }
    };
    show(&guest, Section::Audit, "Audit log", StatusCode::OK, &body)
}

fn entries_card(entries: &[Kept]) -> Markup {
    html! {
        section.card {
            @if entries.is_empty() { p.empty { "Nothing here." } }
            @else {
                div.scroll tabindex="0" { table {
                    thead { tr { th.num { "No." } th { "When" } th { "Who" } th { "What" } th { "On what, and why" } } }
                    tbody { @for (entry, _) in entries { tr {
                        td.num { (entry.number) }
                        td { (moment(entry.at_ms)) }
                        td { (entry.who) }
                        td { (entry.what) }
                        td.wide { (entry.detail) }
                    } } }
                } }
            }
        }
    }
}

pub(super) async fn audit_file(State(pages): State<Pages>, guest: Guest) -> Response {
    let inside = match (guest.needs(Right::Audit), inside(&pages)) {
        (Ok(()), Ok(inside)) => inside,
        (Err(no), _) | (_, Err(no)) => return no,
    };
    let (store, key) = (inside.store.clone(), std::sync::Arc::clone(&inside.receipt_key));
    let relay = store.relay();
    let file = on_a_thread(move || {
        let mut out = Vec::new();
        store.read_blocking(|db| Ok(audit::export(db, relay, &key, &mut out)))??;
        Ok(out)
    })
    .await;
    match file {
        Ok(file) => {
            let headers = [
                (CONTENT_TYPE, "application/jsonl"),
                (
                    CONTENT_DISPOSITION,
                    "attachment; filename=\"tillwire-audit.jsonl\"",
                ),
            ];
            (headers, file).into_response()
        }
        Err(error) => broken(&guest, &error),
    }
}
