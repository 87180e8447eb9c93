//! The HTTP front: which path is which protocol, and the faults that a client meets on the way in and out.

use super::director::Asked;
use super::error::OdooError;
use super::faults::Fault;
use super::json2;
use super::jsonrpc;
use super::state::{Inner, Instead};
use super::version::OdooVersion;
use super::wire::{Cut, CutListener, Place};
use super::xmlrpc;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Odoo's own limit of a request body.
const BODY_LIMIT: usize = 128 << 20;

/// What the listening task is told.
pub(crate) enum Order {
    /// Stop listening for this long; says so when it has.
    Down(Duration, oneshot::Sender<()>),
    /// Stop for good; says so when it has.
    Stop(oneshot::Sender<()>),
}

#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) inner: Arc<Inner>,
    pub(crate) orders: mpsc::Sender<Order>,
}

impl Connected<axum::serve::IncomingStream<'_, CutListener>> for Cut {
    fn connect_info(stream: axum::serve::IncomingStream<'_, CutListener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// Listens until told to stop, vanishing for a while when told so.
pub(crate) async fn run(
    front: Front,
    first: CutListener,
    place: Arc<Place>,
    mut orders: mpsc::Receiver<Order>,
) {
    let app = Router::new().fallback(handle).with_state(front);
    let mut first = Some(first);
    loop {
        let Some(listener) = first.take().or_else(|| place.listen().ok()) else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let service = app.clone().into_make_service_with_connect_info::<Cut>();
        let order = {
            let serving = std::future::IntoFuture::into_future(axum::serve(listener, service));
            tokio::select! {
                _ = serving => None,
                order = orders.recv() => order,
            }
        };
        match order {
            Some(Order::Down(time, done)) => {
                let _ = done.send(());
                tokio::time::sleep(time).await;
            }
            Some(Order::Stop(done)) => {
                let _ = done.send(());
                return;
            }
            None => return,
        }
    }
}

/// One request. The work is a task of its own: a client that hangs up does not stop it, as on a real server.
async fn handle(
    State(front): State<Front>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    let work = tokio::spawn(answer(front, request, cut.clone()));
    // a connection that was cut ends now, though the work may go on
    let answered = tokio::select! {
        biased;
        done = work => done.ok().flatten(),
        () = cut.happened() => None,
    };
    let mut response = answered.unwrap_or_else(|| {
        cut.close();
        Response::new(Body::empty())
    });
    // HTTP/1.0 in the recordings: one request per connection
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response.headers_mut().insert(
        header::SERVER,
        HeaderValue::from_static("Werkzeug/3.0.1 Python/3.11.2"),
    );
    response
}

async fn answer(front: Front, request: Request, cut: Cut) -> Option<Response> {
    let (parts, body) = request.into_parts();
    let length = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    if length > BODY_LIMIT {
        // the whole of it is taken in before the refusal, or a client that still sends would see a reset
        let mut rest = body.into_data_stream();
        while let Some(Ok(_)) = rest.next().await {}
        return Some(json2::too_large(&front.inner, parts.uri.path()));
    }
    // a body that breaks off is a client that is gone: nothing happens
    let body = match to_bytes(body, BODY_LIMIT).await {
        Ok(body) => body,
        Err(error) if error.to_string().contains("limit") => {
            return Some(json2::too_large(&front.inner, parts.uri.path()));
        }
        Err(_) => return None,
    };
    let path = parts.uri.path().to_owned();
    if path == "/jsonrpc" {
        return jsonrpc::answer(&front, &parts.headers, &body, &cut).await;
    }
    if let Some(service) = path.strip_prefix("/xmlrpc/2/") {
        return xmlrpc::answer(&front, service, &body, &cut).await;
    }
    if front.inner.version == OdooVersion::V18 && path.starts_with("/json/") {
        // 18 has pages there for people who are logged in, and sends everybody else to the login page
        let mut response = html(
            StatusCode::SEE_OTHER,
            "<!doctype html>\n<title>Redirecting...</title>\n",
        );
        response.headers_mut().insert(
            header::LOCATION,
            HeaderValue::from_static("/web/login?redirect=%2Fjson"),
        );
        return Some(response);
    }
    if path == "/web/login" {
        return Some(html(
            StatusCode::OK,
            "<!DOCTYPE html>\n<html><head><title>Odoo</title></head></html>",
        ));
    }
    if front.inner.version == OdooVersion::V19 {
        if path == "/web/version" && parts.method == Method::GET {
            return Some(json_response(
                StatusCode::OK,
                &json!({ "version_info": version_info(front.inner.version), "version": front.inner.version.server_version() }),
            ));
        }
        if let Some(rest) = path.strip_prefix("/json/2/") {
            return json2::answer(&front, &parts, rest, &body, &cut).await;
        }
    }
    Some(html(
        StatusCode::NOT_FOUND,
        "<!DOCTYPE html>\n<html>\n    <head>\n        <title>Odoo</title>\n    </head>\n    <body><h1>404: Page not found</h1></body>\n</html>",
    ))
}

pub(crate) fn version_info(version: OdooVersion) -> Value {
    json!([version.major(), 0, 0, "final", 0, ""])
}

pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    text(status, "application/json; charset=utf-8", body.to_string())
}

pub(crate) fn html(status: StatusCode, body: &str) -> Response {
    text(status, "text/html; charset=utf-8", body.to_owned())
}

/// A body of any kind.
pub(crate) fn text(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

impl Front {
    /// Runs `work` under the fault planned for this call. `work` gets what must happen instead of the call, if anything,
    /// and gives the response; `None` means that the connection ends without one.
    pub(crate) async fn under_fault(
        &self,
        asked: Asked,
        cut: &Cut,
        work: impl Fn(Option<Instead>) -> Response + Send,
    ) -> Option<Response> {
        let inner = &self.inner;
        let work = |instead| {
            let response = work(instead);
            inner.executed(&asked);
            response
        };
        inner.held.arrived();
        let latency = *self
            .inner
            .latency
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        inner.warm_up().await;
        let fault = inner.direct(&asked);
        match fault.or_else(|| inner.faults.decide(&asked.model, &asked.method)) {
            None => Some(work(None)),
            Some(Fault::Reset) => {
                cut.reset();
                None
            }
            Some(Fault::HangUpBefore) => None,
            Some(Fault::CommitThenHangUp) => {
                work(None);
                None
            }
            Some(Fault::CommitAfterCalls(calls)) => {
                cut.close();
                inner.held.until(calls).await;
                work(None);
                inner.held.done();
                None
            }
            Some(Fault::CommitLate(time)) => {
                tokio::time::sleep(time).await;
                Some(work(None))
            }
            Some(Fault::AnswerLate(time)) => {
                let response = work(None);
                tokio::time::sleep(time).await;
                Some(response)
            }
            Some(Fault::ExecuteTwice) => {
                work(None);
                Some(work(None))
            }
            Some(Fault::Wizard) => Some(work(Some(Instead::Wizard))),
            Some(Fault::HalfAnswer) => halve(work(None)).await,
            Some(Fault::Proxy { status, retry_after }) => Some(proxy(status, retry_after)),
            Some(Fault::ProxyAfterCommit { status }) => {
                work(None);
                Some(proxy(status, None))
            }
            Some(Fault::SerializationFailure) => Some(work(Some(Instead::Error(OdooError::serialization())))),
            Some(Fault::Restart { down }) => {
                self.go_down(down).await;
                None
            }
            Some(Fault::RestartAfterCommit { down }) => {
                work(None);
                self.go_down(down).await;
                None
            }
        }
    }

    async fn go_down(&self, time: Duration) {
        let (done, heard) = oneshot::channel();
        self.inner.cool();
        if self.orders.send(Order::Down(time, done)).await.is_ok() {
            let _ = heard.await;
        }
    }
}

/// The page of a proxy that could not reach, or would not ask, the server behind it.
fn proxy(status: u16, retry_after: Option<u32>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let title = format!(
        "{} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Error")
    );
    let mut response = html(
        status,
        &format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        ),
    );
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The same response with a body that breaks off half way, while its length was promised whole.
async fn halve(response: Response) -> Option<Response> {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.ok()?;
    let half = body.slice(..body.len() / 2);
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let broken: Vec<Result<Bytes, std::io::Error>> = vec![
        Ok(half),
        Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe)),
    ];
    // the error must come after the bytes have left, else both are dropped together
    let stream = futures_util::stream::unfold((broken.into_iter(), false), |(mut items, later)| async move {
        if later {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        items.next().map(|item| (item, (items, true)))
    });
    Some(Response::from_parts(parts, Body::from_stream(stream)))
}
