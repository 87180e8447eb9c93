//! Several exceptions of a kind at once. Each is decided by itself, as if it had been opened, and is in the log by itself
//! (but decoding again, which takes up everything, is done and logged once); when one of those that were chosen is not this
//! person's, none is touched.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use maud::html;
use tillwire_relay_core::exception::ExceptionKind;

use super::{Doer, words, worked_on};
use crate::dashboard::Pages;
use crate::dashboard::door::{Filled, next};
use crate::dashboard::html::{self as frame, Section};
use crate::desk;
use crate::store::exceptions::StoredException;

/// Decided at once: more than a page lists of one kind.
const AT_ONCE_MAX: usize = 200;

pub(in crate::dashboard) async fn exceptions(State(pages): State<Pages>, form: Filled) -> Response {
    act(&pages, &form).await.unwrap_or_else(|no| no)
}

async fn act(pages: &Pages, form: &Filled) -> Result<Response, Response> {
    let doer = Doer::of(pages, form)?;
    let back = match next(form.text("back")) {
        "/" => "/exceptions",
        path => path,
    };
    let ids: Vec<&str> = form.all("exception").collect();
    if ids.is_empty() || ids.len() > AT_ONCE_MAX {
        let why = format!("Found {} chosen, wanted 1 to {AT_ONCE_MAX}.", ids.len());
        return Err(doer.no(StatusCode::UNPROCESSABLE_ENTITY, &why, back));
    }
    let mut chosen: Vec<StoredException> = Vec::new();
    for id in ids {
        let one = worked_on(doer.inside, &form.guest, id).await?;
        if chosen.iter().all(|other| other.id != one.id) {
            chosen.push(one);
        }
    }
    let store = &doer.inside.store;
    let (mut done, mut not) = (0, Vec::new());
    match form.text("act") {
        "resolve" => {
            let who = doer.signatory(back)?;
            for one in &chosen {
                match desk::resolve(store, one, who.clone()).await {
                    Ok(()) => done += 1,
                    Err(error) => not.push((one, words(&error))),
                }
            }
        }
        "retry" => {
            // decoding again takes up everything that was set aside: once does for all of that kind
            let mut decoded = false;
            for one in &chosen {
                let is_of_decoding = one.draft.kind == ExceptionKind::Undecodable;
                if is_of_decoding && std::mem::replace(&mut decoded, true) {
                    done += 1;
                    continue;
                }
                let settings = doer.inside.in_force.now();
                match desk::retry(store, settings, one, &form.by()).await {
                    Ok(_) => done += 1,
                    Err(error) => not.push((one, words(&error))),
                }
            }
        }
        other => {
            let why = format!("Found act {other:?}, wanted resolve or retry.");
            return Err(doer.no(StatusCode::BAD_REQUEST, &why, back));
        }
    }
    let verb = if form.text("act") == "retry" {
        "tried again"
    } else {
        "closed"
    };
    let body = html! {
        h1 { (done) " of " (chosen.len()) " " (verb) }
        @if !not.is_empty() {
            section.card {
                div.head { h2 { "These stay as they were" } span.count { (not.len()) } }
                dl.facts { @for (one, why) in &not {
                    dt { a href=(format!("/exceptions/{}", one.id)) { "no. " (one.id) } }
                    dd { (one.draft.title) ": " (why) }
                } }
            }
        }
        p { a.button href=(back) { "Back to the list" } }
    };
    let title = format!("{done} {verb}");
    let page = frame::page(
        &form.guest,
        Section::Exceptions,
        &title,
        Some(&title),
        None,
        &body,
    );
    let status = if not.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::CONFLICT
    };
    Ok((status, Html(page.into_string())).into_response())
}

#[cfg(test)]
mod tests;
