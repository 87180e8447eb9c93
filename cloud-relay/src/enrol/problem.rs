//! Why enrolling does not go on: the status, the word for programs and the sentence for the person at the device.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tillwire_proto::enrol::{CodeError, ENROL_BODY_LEN_MAX, EnrolProblem, EnrolProblemKind as Kind};

/// A refusal of the enrolment routes.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The body is not the JSON that is wanted.
    #[error("the request cannot be read: {0}")]
    Body(String),
    /// The code is not one.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The certificate request is not one.
    #[error("the certificate request cannot be used: {0:#}")]
    Request(anyhow::Error),
    /// The code was made by another relay.
    #[error("the enrolment code belongs to another relay; check the relay's address")]
    OtherRelay,
    /// No such code, a wrong secret or a locked code: not told apart.
    #[error("the enrolment code is not known here; make another with `tillwire-relay device invite`")]
    CodeUnknown,
    /// Too late.
    #[error("the enrolment code has expired; make another with `tillwire-relay device invite`")]
    CodeExpired,
    /// Used by another key.
    #[error("the enrolment code was used by another device; if that was not you, refuse that device")]
    CodeUsed,
    /// No such request or not its secret: not told apart.
    #[error("there is no enrolment under this name and secret; ask again with the code")]
    Poll,
    /// Over the limit.
    #[error("the request is too large, wanted at most {ENROL_BODY_LEN_MAX} bytes")]
    TooLarge,
    /// Too many attempts.
    #[error("too many attempts; wait a minute")]
    TooMany,
    /// Our fault.
    #[error("the relay cannot answer now; try again")]
    Internal(#[from] anyhow::Error),
}

impl Problem {
    fn status(&self) -> (StatusCode, Kind) {
        match self {
            Self::Body(_) | Self::Code(_) | Self::Request(_) => (StatusCode::BAD_REQUEST, Kind::Malformed),
            Self::OtherRelay | Self::CodeUnknown | Self::CodeExpired | Self::CodeUsed => {
                (StatusCode::FORBIDDEN, Kind::Code)
            }
            Self::Poll => (StatusCode::FORBIDDEN, Kind::Poll),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Kind::TooLarge),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, Kind::TooMany),
            Self::Internal(_) => (StatusCode::SERVICE_UNAVAILABLE, Kind::Unavailable),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, problem) = self.status();
        if let Self::Internal(error) = &self {
            tracing::error!(error = format!("{error:#}"), "enrolment failed");
        }
        (
            status,
            Json(EnrolProblem {
                problem,
                message: self.to_string(),
            }),
        )
            .into_response()
    }
}
