//! `/jsonrpc`: always HTTP 200 once the envelope is read; errors in `error`, and nothing at all for `None`.

use super::director::Asked;
use super::dispatch::{Args, Reply};
use super::error::{OdooError, Outcome};
use super::server::{Front, html, json_response, version_info};
use super::state::{Arrival, Call, Inner, Instead};
use super::value::object;
use super::version::OdooVersion;
use super::wire::Cut;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

pub(crate) async fn answer(front: &Front, headers: &HeaderMap, body: &[u8], cut: &Cut) -> Option<Response> {
    let inner = &front.inner;
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    if !kind.is_empty() && !kind.starts_with("application/json") {
        return Some(match inner.version {
            OdooVersion::V19 => html(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "<!doctype html>\n<html lang=en>\n<title>415 Unsupported Media Type</title>\n<h1>Unsupported Media Type</h1>\n",
            ),
            _ => html(
                StatusCode::BAD_REQUEST,
                "<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n<h1>Bad Request</h1>\n",
            ),
        });
    }
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return Some(html(StatusCode::BAD_REQUEST, "Invalid JSON data"));
    };
    let Some(request) = request.as_object() else {
        return Some(html(StatusCode::BAD_REQUEST, "Invalid JSON-RPC data"));
    };
    let id = request.get("id").cloned().unwrap_or(Value::Null);
    let params = object(request.get("params"));
    let service = params
        .get("service")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned();
    let method = params
        .get("method")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned();
    let args = params
        .get("args")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    match (service.as_str(), method.as_str()) {
        ("common", _) => {
            let work = |instead: Option<Instead>| {
                let done = match instead {
                    Some(Instead::Error(error)) => Err(error),
                    _ => common(inner, &method, &args),
                };
                respond(inner, &id, done)
            };
            front
                .under_fault(Asked::plain("common", &method), cut, work)
                .await
        }
        ("object", "execute_kw" | "execute") => {
            let arrival = Arrival::now(inner);
            let (model, name) = (text(&args, 3), text(&args, 4));
            let work = |instead| {
                respond(
                    inner,
                    &id,
                    object_call(inner, &method, &args, arrival.take(), instead),
                )
            };
            let listed = args.get(5).and_then(Value::as_array);
            let asked = Asked::listed(&model, &name, listed.map(Vec::as_slice).unwrap_or_default());
            front.under_fault(asked, cut, work).await
        }
        ("object", other) => Some(respond(inner, &id, Err(OdooError::key(other)))),
        (other, _) => Some(respond(inner, &id, Err(OdooError::key(other)))),
    }
}

fn text(args: &[Value], at: usize) -> String {
    args.get(at).and_then(Value::as_str).unwrap_or("").to_owned()
}

pub(crate) fn common(inner: &Inner, method: &str, args: &[Value]) -> Outcome<Reply> {
    match method {
        "version" => Ok(Reply::Value(json!({
            "server_version": inner.version.server_version(),
            "server_version_info": version_info(inner.version),
            "server_serie": inner.version.to_string(),
            "protocol_version": 1,
        }))),
        "login" | "authenticate" => {
            check_db(inner, &text(args, 0))?;
            let uid = inner.login(&text(args, 1), &text(args, 2));
            Ok(Reply::Value(uid.map_or(Value::Bool(false), Value::from)))
        }
        other => Err(OdooError::key(other)),
    }
}

fn check_db(inner: &Inner, name: &str) -> Outcome<()> {
    if name == inner.db_name {
        Ok(())
    } else {
        Err(OdooError::no_database(name))
    }
}

pub(crate) fn object_call(
    inner: &Inner,
    how: &str,
    args: &[Value],
    began: u64,
    instead: Option<Instead>,
) -> Outcome<Reply> {
    check_db(inner, &text(args, 0))?;
    let uid = args.get(1).and_then(Value::as_i64).unwrap_or(0);
    inner.check_uid(uid, &text(args, 2))?;
    let (model, method) = (text(args, 3), text(args, 4));
    let (list, kwargs) = if how == "execute" {
        (args.get(5..).unwrap_or_default().to_vec(), Map::new())
    } else {
        (
            args.get(5).and_then(Value::as_array).cloned().unwrap_or_default(),
            object(args.get(6)),
        )
    };
    let rows = if method == "load" {
        list.get(1).and_then(Value::as_array).map_or(0, Vec::len)
    } else {
        0
    };
    let call = Call {
        uid,
        model,
        method,
        args: Args::Positional(list, kwargs),
        began,
    };
    if matches!(instead, Some(Instead::Error(_))) && call.method == "load" {
        // load() catches the lost race itself and says so in its messages
        return inner
            .execute(call, instead)
            .or_else(|e| Ok(Reply::Value(lost_race(&e, rows))));
    }
    inner.execute(call, instead)
}

/// What `load()` answers when the database let another transaction win.
pub(crate) fn lost_race(error: &OdooError, rows: usize) -> Value {
    json!({
        "ids": false,
        "messages": [{
            "rows": { "from": 0, "to": rows.saturating_sub(1) },
            "record": 0,
            "type": "error",
            "message": error.message,
        }],
        "nextrow": 0,
    })
}

fn respond(inner: &Inner, id: &Value, done: Outcome<Reply>) -> Response {
    let body = match done {
        Ok(Reply::Value(result)) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Ok(Reply::Nothing) => json!({ "jsonrpc": "2.0", "id": id }),
        Err(error) => json!({
            "jsonrpc": "2.0",
            "id": id,
            "error": {
                "code": inner.version.error_code(),
                "message": "Odoo Server Error",
                "data": error.data(),
            },
        }),
    };
    json_response(StatusCode::OK, &body)
}
