//! What waits for a second person, and what became of it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use maud::{Markup, html};
use tillwire_relay_core::people::Right;

use super::{Doer, REASON_LEN_MAX, words};
use crate::dashboard::door::{Filled, Guest};
use crate::dashboard::html::{self as frame, Section, moment};
use crate::dashboard::{Pages, broken, missing};
use crate::desk::four_eyes;
use crate::store::proposals::{self, Act, Proposal, State as Stands};

/// Proposals on the page: open ones first.
const PROPOSALS_SHOWN: u32 = 200;

pub(in crate::dashboard) async fn approvals(State(pages): State<Pages>, guest: Guest) -> Response {
    let Some(inside) = &pages.inside else {
        return missing(&guest, "These pages have no login: they only show.");
    };
    if !guest.may(Right::Sign) && !guest.may(Right::Mapping) {
        return guest
            .needs(Right::Sign)
            .err()
            .unwrap_or_else(|| missing(&guest, ""));
    }
    let all = match inside.store.read(|db| proposals::list(db, PROPOSALS_SHOWN)).await {
        Ok(all) => all,
        Err(error) => return broken(&guest, &error.into()),
    };
    let all: Vec<Proposal> = all
        .into_iter()
        .filter(|one| guest.sight.covers(&one.place.0, &one.place.1))
        .collect();
    let (open, decided): (Vec<&Proposal>, Vec<&Proposal>) =
        all.iter().partition(|one| one.state == Stands::Open);
    let body = html! {
        h1 { "Approvals" }
        p.lead { "Signing a held day, taking a signature back and changing the mapping need two people." }
        @if open.is_empty() { section.card { p.empty { "Nothing waits for a second person." } } }
        @for one in &open { (open_card(&guest, one)) }
        @if !decided.is_empty() { (decided_card(&decided)) }
    };
    let page = frame::page(&guest, Section::Approvals, "Approvals", None, None, &body);
    Html(page.into_string()).into_response()
}

/// Whether this guest is the second person that it waits for; else why not.
fn second(guest: &Guest, one: &Proposal) -> Result<(), String> {
    let Some(visitor) = &guest.visitor else {
        return Err("Nobody is signed in.".to_owned());
    };
    let (right, place) = (four_eyes::right(&one.act), four_eyes::place(one));
    tillwire_relay_core::people::second_pair_of_eyes(&one.by, &visitor.person, right, place)
        .map_err(|error| words(&error.into()))
}

fn open_card(guest: &Guest, one: &Proposal) -> Markup {
    let path = format!("/approvals/{}", one.id);
    let own = guest
        .visitor
        .as_ref()
        .is_some_and(|visitor| visitor.person.login == one.by);
    let place = (&one.place.0, &one.place.1);
    html! {
        section.card {
            div.head { h2 { "No. " (one.id) } span.count { "asked by " (one.by) " " (moment(one.at_ms)) } }
            @match &one.act { Act::Mapping { .. } => pre { (one.title) }, _ => p.lead { (one.title) } }
            dl.facts {
                dt { "Reason" } dd { (one.reason) }
                @if let Some(day) = one.day {
                    dt { "Day" } dd { a href=(format!("/days/{}/{}/{day}", place.0, place.1)) { (place.0) "/" (place.1) " " (day) } }
                }
            }
            @match second(guest, one) {
                Ok(()) => {
                    (guest.form(&path, "stack", &html! {
                        label for=(format!("reason-{}", one.id)) { "Why not, if you refuse" }
                        input id=(format!("reason-{}", one.id)) name="reason" maxlength=(REASON_LEN_MAX) autocomplete="off";
                        div.row {
                            button.button.main type="submit" name="act" value="allow" { "Allow, and do it" }
                            button.button.danger type="submit" name="act" value="refuse" { "Refuse" }
                        }
                    }))
                }
                Err(why) => {
                    p.lead { (why) }
                    @if own {
                        (guest.form(&path, "stack", &html! {
                            input type="hidden" name="act" value="refuse";
                            div.row { button.button type="submit" { "Take it back" } }
                        }))
                    }
                }
            }
        }
    }
}

fn decided_card(all: &[&Proposal]) -> Markup {
    html! {
        section.card {
            div.head { h2 { "Decided" } span.count { (all.len()) } }
            div.scroll tabindex="0" { table {
                thead { tr { th.num { "No." } th { "What" } th { "Asked by" } th { "Decided" } th { "What came of it" } } }
                tbody { @for one in all { @if let Stands::Decided { how, by, at_ms, words } = &one.state { tr {
                    td.num { (one.id) }
                    td.wide { (one.title) span.sub { (one.reason) } }
                    td { (one.by) }
                    td { (how) " by " (by) span.sub { (moment(*at_ms)) } }
                    td.wide { (words) }
                } } } }
            } }
        }
    }
}

pub(in crate::dashboard) async fn approval(
    State(pages): State<Pages>,
    Path(id): Path<String>,
    form: Filled,
) -> Response {
    approval_act(&pages, &id, &form).await.unwrap_or_else(|no| no)
}

async fn approval_act(pages: &Pages, id: &str, form: &Filled) -> Result<Response, Response> {
    const BACK: &str = "/approvals";
    let doer = Doer::of(pages, form)?;
    let Ok(id) = id.parse::<i64>() else {
        return Err(missing(&form.guest, "Its address is /approvals/NUMBER."));
    };
    let (store, person) = (&doer.inside.store, doer.person.clone());
    let done = match form.text("act") {
        "allow" => four_eyes::allow(store, &doer.inside.in_force, id, person)
            .await
            .map(drop),
        "refuse" => {
            let reason: String = form.text("reason").chars().take(REASON_LEN_MAX).collect();
            four_eyes::refuse(store, id, person, reason).await
        }
        other => {
            let why = format!("Found act {other:?}, wanted allow or refuse.");
            return Err(doer.no(StatusCode::BAD_REQUEST, &why, BACK));
        }
    };
    Ok(doer.end(done, BACK, BACK))
}
