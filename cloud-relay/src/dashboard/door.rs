//! Who looks at a page, and whether a form comes from one of our pages.
//!
//! - The session's cookie is `__Host-tillwire`: only over TLS or to this machine, only for this host, never for scripts.
//! - A form is taken when the browser says that it comes from these pages and when it carries the session's form token,
//!   which only these pages know.
//! - Without a login (the configuration says so) pages show and nothing can be done on them.

use std::net::IpAddr;

use axum::extract::{Form, FromRequest, FromRequestParts, Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, COOKIE, HOST, LOCATION, ORIGIN, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};
use subtle::ConstantTimeEq as _;
use tillwire_proto::{StoreId, TenantId};
use tillwire_relay_core::people::{Right, Sight};

use super::caller::address;
use super::html::{self, Section};
use super::{Inside, Pages, broken};
use crate::limiter::Rates;
use crate::people::{Token, Visitor};
use crate::store::{StoreError, audit};

/// The session's cookie.
pub(super) const COOKIE_NAME: &str = "__Host-tillwire";

/// The field of every form that carries the session's form token.
pub(super) const TOKEN_FIELD: &str = "form_token";

/// Largest form, in bytes; a reason takes some hundred.
pub(super) const FORM_LEN_MAX: usize = 64 * 1024;

/// Longest address that a refusal keeps, in characters.
const PATH_LEN_KEPT: usize = 300;

/// Refusals of one person that are written down: some at once, then one a minute.
pub(super) const REFUSALS: Rates = Rates {
    burst_each: 30,
    burst_all: 1000,
    refill_ms: 60_000,
    refill_all: 20,
};

/// Whoever looks at a page.
#[derive(Debug, Clone)]
pub(super) struct Guest {
    /// What they see.
    pub(super) sight: Sight,
    /// Who they are; nobody on pages without a login.
    pub(super) visitor: Option<Visitor>,
}

impl Guest {
    /// On pages without a login, or before one.
    pub(super) fn nobody(sight: Sight) -> Self {
        Self { sight, visitor: None }
    }

    /// Before a login: sees nothing.
    pub(super) fn outside() -> Self {
        let nothing = Sight {
            scope: tillwire_relay_core::people::Scope::Of([].into()),
            sales: false,
            bytes: false,
            desks: [].into(),
        };
        Self::nobody(nothing)
    }

    /// Whether they have a right. Without a login, what is looked at is open and nothing can be done.
    pub(super) fn may(&self, right: Right) -> bool {
        match &self.visitor {
            Some(visitor) => visitor.person.may(right),
            None => match right {
                Right::Sales => self.sight.sales,
                Right::Bytes => self.sight.bytes,
                Right::Fleet => self.sight.sales,
                _ => false,
            },
        }
    }

    /// Whether they have a right over a store.
    pub(super) fn may_at(&self, right: Right, tenant: &TenantId, store: &StoreId) -> bool {
        self.may(right) && self.sight.covers(tenant, store)
    }

    /// # Errors
    /// The page that says no.
    pub(super) fn needs(&self, right: Right) -> Result<(), Response> {
        if self.may(right) {
            Ok(())
        } else {
            Err(forbidden(self))
        }
    }

    /// # Errors
    /// The page that says no.
    pub(super) fn needs_at(&self, right: Right, tenant: &TenantId, store: &StoreId) -> Result<(), Response> {
        if self.may_at(right, tenant, store) {
            return Ok(());
        }
        Err(forbidden(self))
    }

    /// A form that does something, with the session's token in it.
    pub(super) fn form(&self, action: &str, class: &str, fields: &Markup) -> Markup {
        let Some(visitor) = &self.visitor else {
            return html! {};
        };
        html! {
            form class=(class) action=(action) method="post" {
                input type="hidden" name=(TOKEN_FIELD) value=(visitor.form_token);
                (fields)
            }
        }
    }
}

fn forbidden(guest: &Guest) -> Response {
    let body = html! {
        h1 { "Not for you" }
        p { "Your roles or your stores do not include this. Whoever gives roles at your company can change that." }
        p { a href="/" { "To the first page" } }
    };
    let page = html::page(guest, Section::Elsewhere, "Not for you", None, None, &body);
    (StatusCode::FORBIDDEN, Html(page.into_string())).into_response()
}

/// Says in plain words why something was not done.
pub(super) fn not_done(guest: &Guest, status: StatusCode, why: &str, back: &str) -> Response {
    let body = html! {
        h1 { "Nothing was changed" }
        p.notice.bad role="alert" { (why) }
        p { a.button href=(back) { "Back" } }
    };
    let page = html::page(
        guest,
        Section::Elsewhere,
        "Nothing was changed",
        None,
        None,
        &body,
    );
    (status, Html(page.into_string())).into_response()
}

/// Goes to another page of ours after something was done.
pub(super) fn go_to(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, path.to_owned())]).into_response()
}

pub(super) fn token(headers: &HeaderMap) -> Option<Token> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .find_map(|(_, value)| Token::from_cookie(value))
}

/// What a program carries instead of a cookie.
fn bearer(headers: &HeaderMap) -> Option<Token> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    Token::from_cookie(value.strip_prefix("Bearer ")?.trim())
}

impl FromRequestParts<Pages> for Guest {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Response> {
        let Some(inside) = &pages.inside else {
            return Ok(Self::nobody(Sight::everything()));
        };
        let found = visitor(inside, (bearer(&parts.headers), token(&parts.headers))).await;
        let visitor = found.map_err(|error| broken(&Self::outside(), &error.into()))?;
        match visitor {
            Some(visitor) => Ok(Self {
                sight: visitor.person.sight(),
                visitor: Some(visitor),
            }),
            None => Err(sign_in_first(parts)),
        }
    }
}

/// Whoever carries this program's token, or else this session's cookie.
async fn visitor(
    inside: &Inside,
    (program, person): (Option<Token>, Option<Token>),
) -> Result<Option<Visitor>, StoreError> {
    match (program, person) {
        (Some(program), _) => inside.people.program(&program).await,
        (None, Some(person)) => inside.people.visitor(&person).await,
        (None, None) => Ok(None),
    }
}

/// A page leads to the login and back; whatever else is asked for gets a plain answer.
fn sign_in_first(parts: &Parts) -> Response {
    let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let is_program = parts.uri.path().starts_with("/api/") || parts.headers.contains_key(AUTHORIZATION);
    let is_page = parts.method == Method::GET
        && !is_program
        && accept.is_none_or(|accept| accept.contains("text/html"));
    if is_page {
        let next = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let query = serde_urlencoded_pair("next", next);
        return go_to(&format!("/login?{query}"));
    }
    if parts.method == Method::POST {
        let why = "Your session has ended. Sign in again; then do it once more.";
        return not_done(&Guest::outside(), StatusCode::UNAUTHORIZED, why, "/login");
    }
    let challenge = [(WWW_AUTHENTICATE, "Bearer")];
    let words = "found no session and no token that counts; sign in, or send Authorization: Bearer TOKEN\n";
    (StatusCode::UNAUTHORIZED, challenge, words).into_response()
}

fn serde_urlencoded_pair(name: &str, value: &str) -> String {
    use std::fmt::Write as _;
    let mut out = format!("{name}=");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// What a form says, from one of our own pages.
#[derive(Debug)]
pub(super) struct Filled {
    /// Who filled it in.
    pub(super) guest: Guest,
    /// The other end.
    pub(super) address: Option<IpAddr>,
    fields: Vec<(String, String)>,
}

impl Filled {
    /// A field's text without space around it; empty when it is missing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.first(name).trim()
    }

    fn first(&self, name: &str) -> &str {
        let of_name = self.fields.iter().find(|(field, _)| field == name);
        of_name.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// As it was typed, for passwords.
    pub(super) fn exact(&self, name: &str) -> String {
        self.first(name).to_owned()
    }

    /// Every value of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = move |(field, _): &&(String, String)| field == name;
        self.fields
            .iter()
            .filter(of_name)
            .map(|(_, value)| value.as_str())
    }

    /// Their name in the log.
    pub(super) fn by(&self) -> String {
        self.guest
            .visitor
            .as_ref()
            .map_or_else(|| "nobody".to_owned(), |visitor| visitor.person.login.to_string())
    }
}

/// A form before there is a session: login and welcome.
#[derive(Debug)]
pub(super) struct Strange(pub(super) Filled);

async fn fields(request: Request, guest: &Guest) -> Result<Vec<(String, String)>, Response> {
    let limited = {
        let (parts, body) = request.into_parts();
        let bytes = axum::body::to_bytes(body, FORM_LEN_MAX).await;
        let Ok(bytes) = bytes else {
            let why = format!("The form is larger than {} KiB.", FORM_LEN_MAX / 1024);
            return Err(not_done(guest, StatusCode::PAYLOAD_TOO_LARGE, &why, "/"));
        };
        Request::from_parts(parts, axum::body::Body::from(bytes))
    };
    match Form::<Vec<(String, String)>>::from_request(limited, &()).await {
        Ok(Form(fields)) => Ok(fields),
        Err(error) => {
            let why = format!("The form could not be read: {error}.");
            Err(not_done(guest, StatusCode::BAD_REQUEST, &why, "/"))
        }
    }
}

/// Whether the browser says that another site made this request. A program that is no browser says nothing.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    match (text(ORIGIN.as_str()), text(HOST.as_str())) {
        (Some(origin), Some(host)) => origin.split_once("://").map(|(_, at)| at) != Some(host),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

const FOREIGN: &str = "The form did not come from these pages. If you clicked a link elsewhere, somebody tried to act in your name.";

impl FromRequest<Pages> for Strange {
    type Rejection = Response;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Response> {
        if pages.inside.is_none() {
            return Err(super::missing(
                &Guest::nobody(Sight::everything()),
                "These pages have no login.",
            ));
        }
        let guest = Guest::outside();
        if is_foreign(request.headers()) {
            tracing::warn!("a form for the login came from another site");
            return Err(not_done(&guest, StatusCode::FORBIDDEN, FOREIGN, "/login"));
        }
        let (parts, body) = request.into_parts();
        let address = address(&parts);
        let fields = fields(Request::from_parts(parts, body), &guest).await?;
        Ok(Self(Filled {
            guest,
            address,
            fields,
        }))
    }
}

impl FromRequest<Pages> for Filled {
    type Rejection = Response;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let guest = Guest::from_request_parts(&mut parts, pages).await?;
        let Some(visitor) = &guest.visitor else {
            return Err(super::missing(
                &guest,
                "These pages have no login: they only show.",
            ));
        };
        let (foreign, address) = (is_foreign(&parts.headers), address(&parts));
        let fields = fields(Request::from_parts(parts, body), &guest).await?;
        let filled = Self {
            address,
            fields,
            guest: guest.clone(),
        };
        let token = filled.text(TOKEN_FIELD);
        let ours = bool::from(token.as_bytes().ct_eq(visitor.form_token.as_bytes()));
        if foreign || !ours {
            let mut no = not_done(&guest, StatusCode::FORBIDDEN, FOREIGN, "/");
            no.extensions_mut().insert(Refusal("forged form refused"));
            return Err(no);
        }
        Ok(filled)
    }
}

/// Writes into the audit log what somebody known asked for and was refused, whichever page or address refused it. Of one
/// person's refusals [`REFUSALS`] are written; a program gone wild does not fill the log.
pub(super) async fn note_refusals(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let carried = (bearer(request.headers()), token(request.headers()));
    let answer = next.run(request).await;
    if let (StatusCode::FORBIDDEN, Some(inside)) = (answer.status(), &pages.inside)
        && let Ok(Some(visitor)) = visitor(inside, carried).await
        && pages
            .refusals
            .allow(Some(visitor.person.login.to_string()), pages.clock.now_ms())
    {
        let Refusal(what) = answer.extensions().get().copied().unwrap_or(Refusal("refused"));
        note(
            inside,
            &visitor,
            what,
            asked.chars().take(PATH_LEN_KEPT).collect(),
        )
        .await;
    }
    answer
}

/// What the log calls a refusal, where it is none for want of a right.
#[derive(Clone, Copy)]
struct Refusal(&'static str);

/// Whether figures may be read: without a login by whoever reaches the pages; else by programs on this machine, or with a
/// token of somebody who sees devices. What a proxy passes on comes from elsewhere, whoever passes it.
pub(crate) async fn may_scrape(inside: Option<&Inside>, parts: &Parts) -> Result<bool, StoreError> {
    let Some(inside) = inside else {
        return Ok(true);
    };
    let passed_on = ["forwarded", "x-forwarded-for", "via", "x-real-ip"];
    let from_here = address(parts).is_some_and(|address| address.to_canonical().is_loopback())
        && !passed_on.iter().any(|name| parts.headers.contains_key(*name));
    if from_here {
        return Ok(true);
    }
    let carried = (bearer(&parts.headers), token(&parts.headers));
    let visitor = visitor(inside, carried).await?;
    Ok(visitor.is_some_and(|visitor| visitor.person.may(Right::Fleet)))
}

async fn note(inside: &Inside, visitor: &Visitor, what: &'static str, detail: String) {
    let (who, now_ms) = (visitor.person.login.clone(), inside.store.clock().now_ms());
    let noted = inside
        .store
        .write(move |unit| audit(unit, who.as_str(), what, &detail, now_ms))
        .await;
    if let Err(error) = noted {
        tracing::error!("cannot write the audit log: {error}");
    }
}

/// Where to go after the login: only to a page of ours.
pub(super) fn next(wanted: &str) -> &str {
    let plain = wanted.starts_with('/')
        && !wanted.starts_with("//")
        && !wanted.contains(['\\', '\r', '\n', '\t'])
        && wanted.len() < 2048;
    if plain { wanted } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_login_nobody_is_sent_elsewhere() {
        for ours in ["/", "/days/acme/s01/2026-11-14", "/find?q=a%20b"] {
            assert_eq!(next(ours), ours);
        }
        for theirs in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/\nx",
            "evil",
        ] {
            assert_eq!(next(theirs), "/");
        }
    }

    #[test]
    fn a_browser_says_whose_form_it_is() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.insert(*name, value.parse().unwrap());
            }
            is_foreign(&map)
        };
        assert!(!headers(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://x")
        ]));
        assert!(headers(&[("sec-fetch-site", "cross-site")]));
        assert!(headers(&[("sec-fetch-site", "same-site")]));
        assert!(!headers(&[("origin", "https://relay:1"), ("host", "relay:1")]));
        assert!(headers(&[("origin", "https://evil"), ("host", "relay:1")]));
        assert!(headers(&[("origin", "null"), ("host", "relay:1")]));
        assert!(!headers(&[("host", "relay:1")]));
    }
}
