//! Who may come in: inviting people, giving and taking roles and stores.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use tillwire_relay_core::people::{Login, Person, Right, Role};

use super::{inside, sentence, show, stores};
use crate::dashboard::door::{Filled, Guest, go_to, not_done};
use crate::dashboard::html::{self, Section, moment};
use crate::dashboard::view::{Chip, Tone};
use crate::dashboard::{Pages, broken, missing};
use crate::people::{self, Code};
use crate::store::people::{self as rows, StoredPerson};

pub(super) async fn people_page(State(pages): State<Pages>, guest: Guest) -> Response {
    people_list(&pages, &guest, StatusCode::OK, &html! {}).await
}

async fn people_list(pages: &Pages, guest: &Guest, status: StatusCode, said: &Markup) -> Response {
    let inside = match (guest.needs(Right::People), inside(pages)) {
        (Ok(()), Ok(inside)) => inside,
        (Err(no), _) | (_, Err(no)) => return no,
    };
    let all = match inside.store.read(rows::list).await {
        Ok(all) => all,
        Err(error) => return broken(guest, &error.into()),
    };
    let body = html! {
        h1 { "People" }
        (said)
        section.card aria-labelledby="people-title" {
            div.head { h2 #people-title { "Who may sign in" } span.count { (all.len()) } }
            div.scroll tabindex="0" { table {
                thead { tr { th { "Login" } th { "State" } th { "Roles" } th { "Stores" } th { "Last seen" } th { "Invited" } } }
                tbody { @for one in &all { tr {
                    th scope="row" { a href=(format!("/people/{}", one.person.login)) { (one.person.login) } span.sub { (one.person.name) } }
                    td { (state(one)) }
                    td.wide { (roles(&one.person)) }
                    td.wide { (stores(&one.person.scope)) }
                    td { @match one.seen_ms { Some(at) => (moment(at)), None => span.sub { "never" } } }
                    td { (moment(one.created_ms)) span.sub { "by " (one.created_by) } }
                } } }
            } }
        }
        section.card {
            div.head { h2 { "Invite somebody" } }
            (guest.form("/people", "stack", &html! {
                label for="login" { "Login" }
                input #login name="login" autocomplete="off" autocapitalize="none" spellcheck="false" required maxlength="64";
                label for="name" { "Name" }
                input #name name="name" autocomplete="off" maxlength="100";
                (roles_and_stores(&BTreeSet::new(), "*"))
                div.row { button.button.main type="submit" { "Make a one-time code" } }
            }))
        }
    };
    show(guest, Section::People, "People", status, &body)
}

fn state(one: &StoredPerson) -> Markup {
    let (tone, word) = match (one.disabled_ms, &one.password) {
        (Some(_), _) => (Tone::Idle, "shut out"),
        (None, None) => (Tone::Wait, "invited"),
        (None, Some(_)) => (Tone::Good, "active"),
    };
    html::chip(&Chip {
        tone,
        word: word.to_owned(),
    })
}

fn roles(person: &Person) -> String {
    let names: Vec<&str> = person.roles.iter().map(|role| role.name()).collect();
    names.join(", ")
}

fn roles_and_stores(chosen: &BTreeSet<Role>, scope: &str) -> Markup {
    html! {
        fieldset {
            legend { "Roles" }
            @for role in Role::ALL {
                label {
                    input type="checkbox" name="role" value=(role) checked[chosen.contains(&role)];
                    span { strong { (role) } " " span.hint { (role.about()) } }
                }
            }
        }
        label for="scope" { "Stores: * for all, a retailer (acme), a store (acme/s01), with commas between" }
        input #scope name="scope" value=(scope) autocomplete="off" autocapitalize="none" spellcheck="false" required maxlength="2000";
    }
}

/// The person that a form describes.
fn described(form: &Filled, login: &str) -> Result<Person, String> {
    let login: Login = login.parse().map_err(|error| format!("{error}"))?;
    let roles: BTreeSet<Role> = form
        .all("role")
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{error}"))?;
    if roles.is_empty() {
        return Err("found no role, wanted at least one".to_owned());
    }
    let name: String = form.text("name").chars().take(100).collect();
    Ok(Person {
        name: if name.is_empty() { login.to_string() } else { name },
        login,
        roles,
        scope: form.text("scope").parse().map_err(|error| format!("{error}"))?,
    })
}

pub(super) async fn invite(State(pages): State<Pages>, form: Filled) -> Response {
    let guest = &form.guest;
    let inside = match (guest.needs(Right::People), inside(&pages)) {
        (Ok(()), Ok(inside)) => inside,
        (Err(no), _) | (_, Err(no)) => return no,
    };
    let person = match described(&form, form.text("login")) {
        Ok(person) => person,
        Err(why) => {
            return not_done(
                guest,
                StatusCode::UNPROCESSABLE_ENTITY,
                &sentence(&why),
                "/people",
            );
        }
    };
    let login = person.login.clone();
    match people::invite(&inside.store, person, &form.by()).await {
        Ok(code) => people_list(&pages, guest, StatusCode::OK, &code_for(&login, &code)).await,
        Err(error) => not_done(
            guest,
            StatusCode::CONFLICT,
            &sentence(&format!("{error:#}")),
            "/people",
        ),
    }
}

fn code_for(login: &Login, code: &Code) -> Markup {
    html! {
        p.notice.good role="status" {
            "For " strong { (login) } ", good once and for three days, shown only now: " code { (code) } ". They enter it at "
            code { "/welcome" } " and choose their password."
        }
    }
}

pub(super) async fn person_page(
    State(pages): State<Pages>,
    guest: Guest,
    Path(login): Path<String>,
) -> Response {
    person(&pages, &guest, &login, &html! {}).await
}

async fn person(pages: &Pages, guest: &Guest, login: &str, said: &Markup) -> Response {
    let inside = match (guest.needs(Right::People), inside(pages)) {
        (Ok(()), Ok(inside)) => inside,
        (Err(no), _) | (_, Err(no)) => return no,
    };
    let Ok(login) = login.parse::<Login>() else {
        return missing(guest, "A person's address is /people/LOGIN.");
    };
    let own = guest
        .visitor
        .as_ref()
        .is_some_and(|visitor| visitor.person.login == login);
    let found = match inside.store.read(move |db| rows::get(db, &login)).await {
        Ok(found) => found,
        Err(error) => return broken(guest, &error.into()),
    };
    let Some(one) = found else {
        return missing(guest, "Nobody has this login.");
    };
    let path = format!("/people/{}", one.person.login);
    let act = |word: &str, class: &str, text: &str| {
        guest.form(
            &path,
            "inline",
            &html! {
                input type="hidden" name="act" value=(word);
                button class=(class) type="submit" { (text) }
            },
        )
    };
    let body = html! {
        h1 { (one.person.name) " " (state(&one)) }
        (said)
        @if own { p.notice { "These are you. Nobody changes their own roles; another admin can." } }
        @else {
            section.card {
                div.head { h2 { "Roles and stores" } }
                (guest.form(&path, "stack", &html! {
                    input type="hidden" name="act" value="set";
                    label for="name" { "Name" }
                    input #name name="name" value=(one.person.name) autocomplete="off" maxlength="100";
                    (roles_and_stores(&one.person.roles, &one.person.scope.to_string()))
                    div.row { button.button.main type="submit" { "Change" } }
                    p.hint { "It counts from their next click on." }
                }))
            }
            div.row {
                (act("code", "button", "Make another one-time code"))
                @if one.disabled_ms.is_some() { (act("enable", "button", "Let in again")) }
                @else { (act("disable", "button danger", "Let in no longer")) }
            }
        }
        p { a href=(format!("/audit?who={}", one.person.login)) { "What they did" } }
    };
    show(guest, Section::People, &one.person.name, StatusCode::OK, &body)
}

pub(super) async fn change(State(pages): State<Pages>, Path(login): Path<String>, form: Filled) -> Response {
    let guest = &form.guest;
    let inside = match (guest.needs(Right::People), inside(&pages)) {
        (Ok(()), Ok(inside)) => inside,
        (Err(no), _) | (_, Err(no)) => return no,
    };
    let back = format!("/people/{login}");
    let Ok(login) = login.parse::<Login>() else {
        return missing(guest, "A person's address is /people/LOGIN.");
    };
    let by = form.by();
    if by == login.as_str() {
        let why = "Nobody changes their own roles. Another admin can.";
        return not_done(guest, StatusCode::FORBIDDEN, why, &back);
    }
    let done = match form.text("act") {
        "set" => match described(&form, login.as_str()) {
            Ok(person) => people::change(&inside.store, person, &by).await,
            Err(why) => return not_done(guest, StatusCode::UNPROCESSABLE_ENTITY, &sentence(&why), &back),
        },
        "disable" => people::set_disabled(&inside.store, login.clone(), true, &by).await,
        "enable" => people::set_disabled(&inside.store, login.clone(), false, &by).await,
        "code" => match people::invite_again(&inside.store, login.clone(), &by).await {
            Ok(code) => return person(&pages, guest, login.as_str(), &code_for(&login, &code)).await,
            Err(error) => Err(error),
        },
        other => {
            let why = format!("Found act {other:?}, wanted set, code, disable or enable.");
            return not_done(guest, StatusCode::BAD_REQUEST, &why, &back);
        }
    };
    match done {
        Ok(()) => go_to(&back),
        Err(error) => not_done(
            guest,
            StatusCode::CONFLICT,
            &sentence(&format!("{error:#}")),
            &back,
        ),
    }
}
