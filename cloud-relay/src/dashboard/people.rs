//! Coming in and going out, one's own password, who else may come in, and the log of what everybody did.

mod account;
mod enter;
mod log;
mod staff;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use tillwire_relay_core::people::{PASSWORD_LEN_MAX, PASSWORD_LEN_MIN, Scope, Sight};

use super::answers::sentence;
use super::door::{Filled, Guest};
use super::html::{self, Section};
use super::{Inside, Pages, missing};
use crate::people::Refused;

pub(super) fn routes() -> Router<Pages> {
    Router::new()
        .route("/login", get(enter::login_page).post(enter::login))
        .route("/logout", post(enter::logout))
        .route("/welcome", get(enter::welcome_page).post(enter::welcome))
        .route("/account", get(account::account_page).post(account::account))
        .route("/people", get(staff::people_page).post(staff::invite))
        .route("/people/{login}", get(staff::person_page).post(staff::change))
        .route("/audit", get(log::audit_page))
        .route("/audit.jsonl", get(log::audit_file))
}

fn inside(pages: &Pages) -> Result<&Inside, Response> {
    let no_login = || missing(&Guest::nobody(Sight::everything()), "These pages have no login.");
    pages.inside.as_deref().ok_or_else(no_login)
}

fn show(guest: &Guest, here: Section, title: &str, status: StatusCode, body: &Markup) -> Response {
    let page = html::page(guest, here, title, None, None, body);
    (status, Html(page.into_string())).into_response()
}

fn status_of(refused: &Refused) -> StatusCode {
    match refused {
        Refused::Wrong => StatusCode::UNAUTHORIZED,
        Refused::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Refused::Code => StatusCode::FORBIDDEN,
        Refused::Unfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refused::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn new_password() -> Markup {
    html! {
        label for="password" { "New password, at least " (PASSWORD_LEN_MIN) " characters" }
        input #password name="password" type="password" autocomplete="new-password" required minlength=(PASSWORD_LEN_MIN) maxlength=(PASSWORD_LEN_MAX);
        label for="again" { "The same again" }
        input #again name="again" type="password" autocomplete="new-password" required maxlength=(PASSWORD_LEN_MAX);
        p.hint { "Some long words that only you put together are better than signs of every kind." }
    }
}

/// The new password, when it was typed twice.
fn typed_twice(form: &Filled) -> Result<String, Refused> {
    let password = form.exact("password");
    if password == form.exact("again") {
        Ok(password)
    } else {
        Err(Refused::Unfit("the two passwords are not the same".to_owned()))
    }
}

fn stores(scope: &Scope) -> String {
    match scope {
        Scope::Everything => "all".to_owned(),
        Scope::Of(_) => scope.to_string(),
    }
}
