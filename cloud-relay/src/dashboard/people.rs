//! Coming in and going out, one's own password, who else may come in, and the log of what everybody did.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use tillwire_relay_core::people::{Login, PASSWORD_LEN_MAX, PASSWORD_LEN_MIN, Person, Right, Role, Scope};

use super::door::{COOKIE_NAME, Filled, Guest, Strange, address, go_to, next, not_done};
use super::html::{self, Section, moment};
use super::{Inside, Pages, broken, missing, on_a_thread};
use crate::audit;
use crate::people::{self, Code, Refused, Token};
use crate::store::audit_log::{self, Kept, Which};
use crate::store::people::{self as rows, StoredPerson};

/// Entries of the log on one page.
const ENTRIES_SHOWN: u32 = 100;

pub(super) fn routes() -> Router<Pages> {
    Router::new()
        .route("/login", get(login_page).post(login))
        .route("/logout", post(logout))
        .route("/welcome", get(welcome_page).post(welcome))
        .route("/account", get(account_page).post(account))
        .route("/people", get(people_page).post(invite))
        .route("/people/{login}", get(person_page).post(change))
        .route("/audit", get(audit_page))
        .route("/audit.jsonl", get(audit_file))
}

fn inside(pages: &Pages) -> Result<&Inside, Response> {
    let no_login = || {
        missing(
            &Guest::nobody(tillwire_relay_core::people::Sight::everything()),
            "These pages have no login.",
        )
    };
    pages.inside.as_deref().ok_or_else(no_login)
}

fn show(guest: &Guest, here: Section, title: &str, status: StatusCode, body: &Markup) -> Response {
    let page = html::page(guest, here, title, None, None, body);
    (status, Html(page.into_string())).into_response()
}

/// The session's cookie, or its end.
fn cookie(token: Option<&Token>) -> [(axum::http::HeaderName, HeaderValue); 1] {
    let text = match token {
        // a week, as the session itself
        Some(token) => format!(
            "{COOKIE_NAME}={}; Path=/; Max-Age=604800; Secure; HttpOnly; SameSite=Lax",
            token.cookie()
        ),
        None => format!("{COOKIE_NAME}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"),
    };
    // hexadecimal digits and the words above are fit for a header
    [(
        SET_COOKIE,
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("")),
    )]
}

/// `?next=/days`, `?code=…`
#[derive(Debug, Default, serde::Deserialize)]
struct Ask {
    #[serde(default)]
    next: String,
    #[serde(default)]
    code: String,
}

async fn login_page(State(pages): State<Pages>, Query(ask): Query<Ask>) -> Response {
    if let Err(none) = inside(&pages) {
        return none;
    }
    login_form(StatusCode::OK, next(&ask.next), "", None)
}

fn login_form(status: StatusCode, next: &str, login: &str, wrong: Option<&str>) -> Response {
    let body = html! {
        div.gate {
            h1 { "Sign in" }
            @if let Some(wrong) = wrong { p.notice.bad role="alert" { (wrong) } }
            section.card {
                form.stack action="/login" method="post" {
                    input type="hidden" name="next" value=(next);
                    label for="login" { "Login" }
                    input #login name="login" value=(login) autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64";
                    label for="password" { "Password" }
                    input #password name="password" type="password" autocomplete="current-password" required maxlength=(PASSWORD_LEN_MAX);
                    div.row { button.button.main type="submit" { "Sign in" } }
                    p.hint { "Invited, or forgot your password? " a href="/welcome" { "Use a one-time code" } "." }
                }
            }
        }
    };
    show(&Guest::outside(), Section::Elsewhere, "Sign in", status, &body)
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

fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    let mut text: String = first.chain(chars).collect();
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

async fn login(State(pages): State<Pages>, Strange(form): Strange) -> Response {
    let inside = match inside(&pages) {
        Ok(inside) => inside,
        Err(none) => return none,
    };
    let to = next(form.text("next")).to_owned();
    let name: String = form.text("login").chars().take(64).collect();
    match inside
        .people
        .sign_in(&name, form.exact("password"), form.address)
        .await
    {
        Ok(token) => (cookie(Some(&token)), go_to(&to)).into_response(),
        Err(refused) => {
            if let Refused::Failed(error) = &refused {
                tracing::error!("sign-in: {error:#}");
            }
            login_form(
                status_of(&refused),
                &to,
                &name,
                Some(&sentence(&refused.to_string())),
            )
        }
    }
}

async fn logout(State(pages): State<Pages>, form: Filled) -> Response {
    if let (Ok(inside), Some(visitor)) = (inside(&pages), &form.guest.visitor)
        && let Err(error) = inside.people.sign_out(visitor.session).await
    {
        return broken(&form.guest, &error.into());
    }
    (cookie(None), go_to("/login")).into_response()
}

async fn welcome_page(State(pages): State<Pages>, Query(ask): Query<Ask>, parts: Parts) -> Response {
    let inside = match inside(&pages) {
        Ok(inside) => inside,
        Err(none) => return none,
    };
    if ask.code.is_empty() {
        return code_form(StatusCode::OK, None);
    }
    match inside.people.code_for(&ask.code, address(&parts)).await {
        Ok(login) => password_form(
            StatusCode::OK,
            &ask.code,
            login.as_ref().map(Login::as_str),
            "",
            None,
        ),
        Err(refused) => code_form(status_of(&refused), Some(&sentence(&refused.to_string()))),
    }
}

fn code_form(status: StatusCode, wrong: Option<&str>) -> Response {
    let body = html! {
        div.gate {
            h1 { "Use a one-time code" }
            @if let Some(wrong) = wrong { p.notice.bad role="alert" { (wrong) } }
            section.card {
                form.stack action="/welcome" method="get" {
                    label for="code" { "Code" }
                    input #code name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" required maxlength="64";
                    p.hint { "Whoever invited you has it. The first person finds it in the file " code { (people::FIRST_CODE_FILE) } " in the relay's folder." }
                    div.row { button.button.main type="submit" { "Go on" } }
                }
            }
        }
    };
    show(
        &Guest::outside(),
        Section::Elsewhere,
        "One-time code",
        status,
        &body,
    )
}

fn password_form(
    status: StatusCode,
    code: &str,
    login: Option<&str>,
    typed: &str,
    wrong: Option<&str>,
) -> Response {
    let body = html! {
        div.gate {
            h1 { "Choose a password" }
            @if let Some(wrong) = wrong { p.notice.bad role="alert" { (wrong) } }
            section.card {
                form.stack action="/welcome" method="post" {
                    input type="hidden" name="code" value=(code);
                    @match login {
                        Some(login) => {
                            p.hint { "You sign in as " strong { (login) } "." }
                            input type="hidden" name="username" value=(login) autocomplete="username";
                        }
                        None => {
                            p.hint { "You are the first person here: you become admin, and invite the others." }
                            label for="login" { "Login" }
                            input #login name="login" value=(typed) autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64";
                        }
                    }
                    (new_password())
                    div.row { button.button.main type="submit" { "Sign in" } }
                }
            }
        }
    };
    show(
        &Guest::outside(),
        Section::Elsewhere,
        "Choose a password",
        status,
        &body,
    )
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

async fn welcome(State(pages): State<Pages>, Strange(form): Strange) -> Response {
    let inside = match inside(&pages) {
        Ok(inside) => inside,
        Err(none) => return none,
    };
    let (code, typed) = (form.text("code").to_owned(), form.text("login").to_owned());
    let done = match typed_twice(&form) {
        Ok(password) => inside.people.welcome(&code, &typed, password, form.address).await,
        Err(unfit) => Err(unfit),
    };
    match done {
        Ok(token) => (cookie(Some(&token)), go_to("/")).into_response(),
        Err(refused @ Refused::Unfit(_)) => {
            let login = inside.people.code_for(&code, form.address).await.ok().flatten();
            let words = sentence(&refused.to_string());
            password_form(
                status_of(&refused),
                &code,
                login.as_ref().map(Login::as_str),
                &typed,
                Some(&words),
            )
        }
        Err(refused) => code_form(status_of(&refused), Some(&sentence(&refused.to_string()))),
    }
}

async fn account_page(guest: Guest) -> Response {
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

fn stores(scope: &Scope) -> String {
    match scope {
        Scope::Everything => "all".to_owned(),
        Scope::Of(_) => scope.to_string(),
    }
}

async fn account(State(pages): State<Pages>, form: Filled) -> Response {
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

async fn people_page(State(pages): State<Pages>, guest: Guest) -> Response {
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
            div.scroll { table {
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
    use super::view::{Chip, Tone};
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

async fn invite(State(pages): State<Pages>, form: Filled) -> Response {
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

async fn person_page(State(pages): State<Pages>, guest: Guest, Path(login): Path<String>) -> Response {
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

async fn change(State(pages): State<Pages>, Path(login): Path<String>, form: Filled) -> Response {
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

/// `?who=ann&before=120`
#[derive(Debug, Default, serde::Deserialize)]
struct OfAudit {
    who: Option<String>,
    before: Option<u64>,
    check: Option<String>,
}

async fn audit_page(State(pages): State<Pages>, guest: Guest, Query(of): Query<OfAudit>) -> Response {
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
                div.scroll { table {
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

async fn audit_file(State(pages): State<Pages>, guest: Guest) -> Response {
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
