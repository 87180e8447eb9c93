//! What somebody is here, and another password for them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use tillwire_relay_core::people::PASSWORD_LEN_MAX;

use super::{inside, new_password, sentence, show, status_of, stores, typed_twice};
use crate::dashboard::door::{Filled, Guest};
use crate::dashboard::html::Section;
use crate::dashboard::{Pages, missing};

pub(super) async fn account_page(guest: Guest) -> Response {
    account_form(&guest, StatusCode::OK, None)
}

fn account_form(guest: &Guest, status: StatusCode, said: Option<(&str, &str)>) -> Response {
    let Some(visitor) = &guest.visitor else {
        return missing(guest, "These pages have no login.");
    };
    let person = &visitor.person;
    let body = html! {
        h1 { (person.name) }
        @if let Some((class, words)) = said { p class=(class) role="status" { (words) } }
        section.card {
            div.head { h2 { "You" } }
            dl.facts {
                dt { "Login" } dd { (person.login) }
                dt { "Roles" } dd { @for role in &person.roles { div { strong { (role) } ": " (role.about()) } } }
                dt { "Stores" } dd { (stores(&person.scope)) }
            }
        }
        section.card {
            div.head { h2 { "Another password" } }
            (guest.form("/account", "stack", &html! {
                label for="old" { "Password now" }
                input #old name="old" type="password" autocomplete="current-password" required maxlength=(PASSWORD_LEN_MAX);
                (new_password())
                div.row { button.button.main type="submit" { "Change it" } }
                p.hint { "Your sessions elsewhere end." }
            }))
        }
    };
    show(guest, Section::Elsewhere, &person.name, status, &body)
}

pub(super) async fn account(State(pages): State<Pages>, form: Filled) -> Response {
    let (Ok(inside), Some(visitor)) = (inside(&pages), &form.guest.visitor) else {
        return missing(&form.guest, "These pages have no login.");
    };
    let done = match typed_twice(&form) {
        Ok(new) => {
            inside
                .people
                .change_password(visitor, form.exact("old"), new)
                .await
        }
        Err(unfit) => Err(unfit),
    };
    match done {
        Ok(()) => account_form(
            &form.guest,
            StatusCode::OK,
            Some(("notice good", "Your password is changed.")),
        ),
        Err(refused) => {
            let words = sentence(&refused.to_string());
            account_form(&form.guest, status_of(&refused), Some(("notice bad", &words)))
        }
    }
}
