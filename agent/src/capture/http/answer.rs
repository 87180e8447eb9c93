//! What the till is told. Every answer is JSON; the words never repeat what the till sent beyond what the tripwire
//! left of it.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::journal::{AppendError, Taken};

/// When a till should come back after *busy*, in seconds.
const BUSY_RETRY: Duration = Duration::from_secs(5);

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: Value,
    retry_after: Option<Duration>,
    close: bool,
}

impl Answer {
    const fn new(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            body,
            retry_after: None,
            close: false,
        }
    }

    fn error(status: StatusCode, words: &str) -> Self {
        Self::new(status, json!({ "error": words }))
    }

    fn kept(status: StatusCode, words: &str, taken: Taken) -> Self {
        Self::new(status, json!({ "error": words, "kept_as": place(taken) }))
    }

    /// Durable.
    pub(super) fn taken(taken: Taken) -> Self {
        let mut body = place(taken);
        body["taken"] = json!(true);
        body["already"] = json!(taken.already);
        Self::new(StatusCode::OK, body)
    }

    /// Kept, but too early to be taken.
    pub(super) fn early(words: &str, taken: Taken) -> Self {
        Self::kept(StatusCode::CONFLICT, words, taken)
    }

    /// Kept, and wrong.
    pub(super) fn refused(words: &str, taken: Taken) -> Self {
        Self::kept(StatusCode::UNPROCESSABLE_ENTITY, words, taken)
    }

    /// Not on stable storage: the till must hold it.
    pub(super) fn not_taken(error: &AppendError) -> Self {
        Self::later(&error.to_string(), BUSY_RETRY)
    }

    pub(super) fn later(words: &str, after: Duration) -> Self {
        let answer = Self::error(StatusCode::SERVICE_UNAVAILABLE, words);
        Self {
            retry_after: Some(after),
            close: true,
            ..answer
        }
    }

    pub(super) fn stranger() -> Self {
        let words = "wrong or missing bearer secret, wanted the one of the agent's secret_file";
        Self {
            close: true,
            ..Self::error(StatusCode::UNAUTHORIZED, words)
        }
    }

    pub(super) fn too_many_strangers(after: Duration) -> Self {
        let answer = Self::error(StatusCode::TOO_MANY_REQUESTS, "too many wrong secrets");
        Self {
            retry_after: Some(after),
            close: true,
            ..answer
        }
    }

    pub(super) fn packed() -> Self {
        let words = "found a compressed body, wanted plain JSON without Content-Encoding; nothing was kept";
        Self {
            close: true,
            ..Self::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, words)
        }
    }

    pub(super) fn too_long(max: usize, taken: Option<Taken>) -> Self {
        let words = format!("the body is longer than {max} bytes");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        let answer = taken.map_or_else(
            || Self::error(status, &words),
            |taken| Self::kept(status, &words, taken),
        );
        Self {
            close: true,
            ..answer
        }
    }

    pub(super) fn too_slow(within: Duration) -> Self {
        let words = format!(
            "the body did not arrive within {} s; nothing was kept",
            within.as_secs()
        );
        Self {
            close: true,
            ..Self::error(StatusCode::REQUEST_TIMEOUT, &words)
        }
    }

    pub(super) fn broken() -> Self {
        let answer = Self::error(StatusCode::BAD_REQUEST, "the body broke off; nothing was kept");
        Self {
            close: true,
            ..answer
        }
    }
}

fn place(taken: Taken) -> Value {
    json!({ "segment": taken.segment.to_string(), "number": taken.number.0 })
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let mut response = (answer.status, Json(answer.body)).into_response();
        let headers = response.headers_mut();
        if let Some(after) = answer.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if answer.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
