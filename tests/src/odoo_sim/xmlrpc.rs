//! `/xmlrpc/2/common` and `/xmlrpc/2/object`, the older way in: the same calls, with faults for errors, and one for `None`.

use super::director::Asked;
use super::dispatch::Reply;
use super::error::{OdooError, Outcome};
use super::jsonrpc;
use super::server::{Front, text};
use super::state::{Arrival, Instead};
use super::wire::Cut;
use super::xml;
use axum::http::StatusCode;
use axum::response::Response;

/// Answers a request to one of the services; nothing when the connection ends without an answer.
pub(crate) async fn answer(front: &Front, service: &str, body: &[u8], cut: &Cut) -> Option<Response> {
    let inner = &front.inner;
    let read = std::str::from_utf8(body).ok().and_then(xml::method_call);
    let Some((method, args)) = read else {
        return Some(respond(Err(OdooError::value("not a method call in XML"))));
    };
    let part = |at: usize| args.get(at).and_then(|v| v.as_str()).unwrap_or("").to_owned();
    match (service, method.as_str()) {
        ("common", _) => {
            let work = |instead: Option<Instead>| {
                respond(match instead {
                    Some(Instead::Error(error)) => Err(error),
                    _ => jsonrpc::common(inner, &method, &args),
                })
            };
            front
                .under_fault(Asked::plain("common", &method), cut, work)
                .await
        }
        ("object", "execute_kw" | "execute") => {
            let arrival = Arrival::now(inner);
            let work = |instead| {
                respond(jsonrpc::object_call(
                    inner,
                    &method,
                    &args,
                    arrival.take(),
                    instead,
                ))
            };
            let listed = args.get(5).and_then(|list| list.as_array());
            let asked = Asked::listed(&part(3), &part(4), listed.map(Vec::as_slice).unwrap_or_default());
            front.under_fault(asked, cut, work).await
        }
        (_, other) => Some(respond(Err(OdooError::key(other)))),
    }
}

/// The number that stands for a class of errors.
fn fault_code(error: &OdooError) -> i64 {
    match error.name {
        "odoo.exceptions.AccessDenied" => 3,
        "odoo.exceptions.AccessError" => 4,
        "odoo.exceptions.UserError" | "odoo.exceptions.ValidationError" | "odoo.exceptions.MissingError" => 2,
        _ => 1,
    }
}

fn respond(done: Outcome<Reply>) -> Response {
    let body = match done {
        Ok(Reply::Value(value)) => xml::response(&value),
        // what the call did is committed all the same
        Ok(Reply::Nothing) => xml::fault(1, "cannot marshal None unless allow_none is enabled"),
        Err(error) => xml::fault(fault_code(&error), &error.message),
    };
    text(StatusCode::OK, "text/xml; charset=utf-8", body)
}
