//! Pages as answers: one that was made, one that is not there, one that cannot be made now.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};

use super::Pages;
use super::door::Guest;
use super::html::{self, Section};

pub(super) async fn ask<F>(pages: Pages, guest: Guest, make: F) -> Response
where
    F: FnOnce(&Pages, &Guest) -> anyhow::Result<Option<maud::Markup>> + Send + 'static,
{
    let whose = guest.clone();
    match on_a_thread(move || make(&pages, &guest)).await {
        Ok(Some(page)) => Html(page.into_string()).into_response(),
        Ok(None) => missing(&whose, "There is nothing at this address."),
        Err(error) => broken(&whose, &error),
    }
}

pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?
}

pub(super) fn missing(guest: &Guest, what: &str) -> Response {
    let body = maud::html! { h1 { "Not found" } p { (what) } p { a href="/" { "To the first page" } } };
    let page = html::page(guest, Section::Elsewhere, "Not found", None, None, &body);
    (StatusCode::NOT_FOUND, Html(page.into_string())).into_response()
}

pub(super) fn broken(guest: &Guest, error: &anyhow::Error) -> Response {
    tracing::error!("a page could not be made: {error:#}");
    let body = maud::html! {
        h1 { "This page cannot be shown now" }
        p { "The relay could not read its store; capture and posting are not affected by this page. Try again; if it stays, look at the relay's log." }
    };
    let page = html::page(guest, Section::Elsewhere, "Error", None, None, &body);
    (StatusCode::INTERNAL_SERVER_ERROR, Html(page.into_string())).into_response()
}

/// Words of an error as a page says them.
pub(super) fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    let mut text: String = first.chain(chars).collect();
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}
