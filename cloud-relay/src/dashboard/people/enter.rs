//! Coming in and going out: login, one-time codes, the session's cookie.

use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::html;
use tillwire_relay_core::people::{Login, PASSWORD_LEN_MAX};

use super::{inside, new_password, sentence, show, status_of, typed_twice};
use crate::dashboard::caller::address;
use crate::dashboard::door::{COOKIE_NAME, Filled, Guest, Strange, go_to, next};
use crate::dashboard::html::Section;
use crate::dashboard::{Pages, broken};
use crate::people::{self, Refused, Token};

/// The session's cookie, or its end.
fn cookie(token: Option<&Token>) -> [(HeaderName, HeaderValue); 1] {
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
pub(super) struct Ask {
    #[serde(default)]
    next: String,
    #[serde(default)]
    code: String,
}

pub(super) async fn login_page(State(pages): State<Pages>, Query(ask): Query<Ask>) -> Response {
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

pub(super) async fn login(State(pages): State<Pages>, Strange(form): Strange) -> Response {
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

pub(super) async fn logout(State(pages): State<Pages>, form: Filled) -> Response {
    if let (Ok(inside), Some(visitor)) = (inside(&pages), &form.guest.visitor)
        && let Err(error) = inside.people.sign_out(visitor.session).await
    {
        return broken(&form.guest, &error.into());
    }
    (cookie(None), go_to("/login")).into_response()
}

pub(super) async fn welcome_page(
    State(pages): State<Pages>,
    Query(ask): Query<Ask>,
    parts: Parts,
) -> Response {
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

pub(super) async fn welcome(State(pages): State<Pages>, Strange(form): Strange) -> Response {
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
