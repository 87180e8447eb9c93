//! `/json/2/{model}/{method}` of version 19: bearer key, named arguments, real HTTP statuses, `null` for `None`.

use super::director::Asked;
use super::dispatch::{Args, Reply};
use super::error::{OdooError, Outcome};
use super::jsonrpc::lost_race;
use super::server::{Front, html, json_response};
use super::state::{Arrival, Call, Inner, Instead};
use super::wire::Cut;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

pub(crate) async fn answer(
    front: &Front,
    parts: &Parts,
    rest: &str,
    body: &[u8],
    cut: &Cut,
) -> Option<Response> {
    let inner = &front.inner;
    let head = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("")
    };
    let wanted = head("x-odoo-database");
    if !wanted.is_empty() && wanted != inner.db_name {
        return Some(html(
            StatusCode::NOT_FOUND,
            "<!DOCTYPE html>\n<title>404 Not Found</title>\n",
        ));
    }
    let (Some((model, method)), true) = (rest.split_once('/'), parts.method == Method::POST) else {
        let text = "Did you mean POST /json/2/<model>/<method>?";
        return Some(respond(Err(OdooError::http(
            "werkzeug.exceptions.NotFound",
            404,
            text,
        ))));
    };
    let kind = head("content-type");
    if !kind.is_empty() && !kind.starts_with("application/json") {
        return Some(html(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "<!doctype html>\n<html lang=en>\n<title>415 Unsupported Media Type</title>\n<h1>Unsupported Media Type</h1>\n",
        ));
    }
    let uid = match bearer(inner, head("authorization")) {
        Ok(uid) => uid,
        Err(error) => return Some(unauthorized(error)),
    };
    let args: Map<String, Value> = match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => map,
        _ if body.is_empty() => Map::new(),
        _ => {
            let text = "could not parse the body as json: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)";
            return Some(respond(Err(OdooError::http(
                "werkzeug.exceptions.BadRequest",
                400,
                text,
            ))));
        }
    };
    let asked = Asked::named(model, method, &args);
    let arrival = Arrival::now(inner);
    let work = |instead: Option<Instead>| {
        let rows = args.get("data").and_then(Value::as_array).map_or(0, Vec::len);
        let failing = matches!(instead, Some(Instead::Error(_))) && method == "load";
        let call = Call {
            uid,
            model: model.into(),
            method: method.into(),
            args: Args::Named(args.clone()),
            began: arrival.take(),
        };
        let done = inner.execute(call, instead);
        respond(if failing {
            done.or_else(|e| Ok(Reply::Value(lost_race(&e, rows))))
        } else {
            done
        })
    };
    front.under_fault(asked, cut, work).await
}

fn bearer(inner: &Inner, header: &str) -> Outcome<i64> {
    let refused = |text: &str| OdooError::http("werkzeug.exceptions.Unauthorized", 401, text);
    let key = header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key);
    let Some(key) = key else {
        return Err(refused(
            "User not authenticated, use an API Key with a Bearer Authorization header.",
        ));
    };
    inner.bearer(key.trim()).ok_or_else(|| refused("Invalid apikey"))
}

fn unauthorized(error: OdooError) -> Response {
    let mut response = respond(Err(error));
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer "));
    response
}

fn respond(done: Outcome<Reply>) -> Response {
    match done {
        Ok(Reply::Value(value)) => json_response(StatusCode::OK, &value),
        Ok(Reply::Nothing) => json_response(StatusCode::OK, &Value::Null),
        Err(error) => {
            let status =
                StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            json_response(status, &error.data())
        }
    }
}

/// A body beyond the server's limit: its own shape on each protocol.
pub(crate) fn too_large(inner: &Inner, path: &str) -> Response {
    let error = OdooError::http(
        "werkzeug.exceptions.RequestEntityTooLarge",
        413,
        "The data value transmitted exceeds the capacity limit.",
    );
    if path == "/jsonrpc" {
        let body = json!({
            "jsonrpc": "2.0",
            "id": null,
            "error": { "code": inner.version.error_code(), "message": "Odoo Server Error", "data": error.data() },
        });
        return json_response(StatusCode::OK, &body);
    }
    respond(Err(error))
}
