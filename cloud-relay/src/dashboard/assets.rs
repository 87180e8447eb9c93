//! The few files that a page needs, inside the program.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const ASSETS: [(&str, &str, &str); 3] = [
    (
        "tillwire.css",
        "text/css; charset=utf-8",
        include_str!("assets/tillwire.css"),
    ),
    (
        "tillwire.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/tillwire.js"),
    ),
    (
        "tillwire.svg",
        "image/svg+xml",
        include_str!("assets/tillwire.svg"),
    ),
];

pub(super) async fn serve(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => (
            [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")],
            *text,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
