//! The two HTTP routes of enrolment. They belong on an HTTPS listener with [`crate::pki::Pki::https_config`], which
//! shows the root certificate that codes name. With `ConnectInfo<SocketAddr>` among a request's extensions, attempts
//! are limited per address; without it, only all together.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tillwire_proto::enrol::{ENROL_BODY_LEN_MAX, EnrolRequest};

use super::{EnrolmentStore, Enrolments, Problem};

/// `POST /enroll` and `GET /enroll/{request}`.
pub fn router<S: EnrolmentStore>(enrolments: Arc<Enrolments<S>>) -> Router {
    Router::new()
        .route("/enroll", post(ask::<S>))
        .route("/enroll/{request}", get(status::<S>))
        .with_state(enrolments)
}

async fn ask<S: EnrolmentStore>(
    State(enrolments): State<Arc<Enrolments<S>>>,
    request: Request,
) -> Result<Response, Problem> {
    limit(&enrolments, address(&request))?;
    let body = axum::body::to_bytes(request.into_body(), ENROL_BODY_LEN_MAX).await;
    let body = body.map_err(|_| Problem::TooLarge)?;
    let asked: EnrolRequest =
        serde_json::from_slice(&body).map_err(|error| Problem::Body(error.to_string()))?;
    let answer = enrolments.ask(&asked).await?;
    Ok((StatusCode::ACCEPTED, [(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// Only failures count as attempts here: many devices behind one address may wait for a person together.
async fn status<S: EnrolmentStore>(
    State(enrolments): State<Arc<Enrolments<S>>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let poll = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let poll = poll.and_then(|value| value.strip_prefix("Bearer "));
    let answer = match poll {
        Some(poll) => enrolments.status(&name, poll).await,
        None => Err(Problem::Poll),
    };
    match answer {
        Ok(answer) => Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response()),
        Err(problem) => {
            limit(&enrolments, address(&request))?;
            Err(problem)
        }
    }
}

fn address(request: &Request) -> Option<IpAddr> {
    request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(address)| address.ip())
}

fn limit<S: EnrolmentStore>(enrolments: &Enrolments<S>, address: Option<IpAddr>) -> Result<(), Problem> {
    let allowed = enrolments.limiter.allow(address, enrolments.clock.now_ms());
    if allowed { Ok(()) } else { Err(Problem::TooMany) }
}
