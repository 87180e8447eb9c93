//! Consent (OAuth 2.0): the page where a retailer agrees, here at once; a code that is good once; and the token for it. An older
//! Heartland may take the exchange as a query only, as the one public client sends it.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::{Account, answered, pairs};

/// The application that the account knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where it is sent on to.
    pub redirect_uri: String,
    /// Whether the exchange is taken as a query only.
    pub query_only: bool,
    /// Whose token it gives.
    pub host: String,
}

/// `GET /oauth/authorize`.
pub(super) async fn authorize(State(account): State<Account>, RawQuery(query): RawQuery) -> Response {
    let asked = pairs(&query.unwrap_or_default());
    let mut held = account.held();
    let value = |key: &str| asked.get(key).map(String::as_str).unwrap_or_default();
    let known = held.app.clone().filter(|app| {
        app.client_id == value("client_id")
            && app.redirect_uri == value("redirect_uri")
            && !value("scope").is_empty()
    });
    let Some(app) = known else {
        return (StatusCode::BAD_REQUEST, "no such application").into_response();
    };
    let code = format!("code-{}", held.codes.len());
    held.codes.push((code.clone(), false));
    let to =
        reqwest::Url::parse_with_params(&app.redirect_uri, [("code", &*code), ("state", value("state"))]);
    match to {
        Ok(to) => (StatusCode::FOUND, [(header::LOCATION, to.to_string())]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// `POST` or `GET /api/oauth/token`.
pub(super) async fn token(
    State(account): State<Account>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let mut held = account.held();
    let Some(app) = held.app.clone() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if app.query_only && method == Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let text = if method == Method::POST {
        String::from_utf8_lossy(&body).into_owned()
    } else {
        query.unwrap_or_default()
    };
    let asked = pairs(&text);
    let value = |key: &str| asked.get(key).map(String::as_str).unwrap_or_default();
    let mine = value("client_id") == app.client_id
        && value("client_secret") == app.client_secret
        && value("redirect_uri") == app.redirect_uri
        && value("grant_type") == "authorization_code";
    let code = held
        .codes
        .iter_mut()
        .find(|(code, used)| code == value("code") && !used);
    match code {
        Some((_, used)) if mine => {
            *used = true;
            let given = json!({ "access_token": held.token, "token_type": "Bearer", "scope": "sales.read" });
            answered(&given, None)
        }
        _ => (StatusCode::UNAUTHORIZED, r#"{"message":"invalid_grant"}"#).into_response(),
    }
}

/// `GET /api/system/host`.
pub(super) async fn host(State(account): State<Account>, headers: HeaderMap) -> Response {
    match account.before(&headers, "/api/system/host") {
        Ok(mishap) => {
            let host = account.held().app.as_ref().map(|app| app.host.clone());
            answered(&json!({ "host": host }), mishap.as_ref())
        }
        Err(answer) => answer,
    }
}
