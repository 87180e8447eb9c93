//! What a figure rests on: a record, and the bytes that were captured.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use tillwire_proto::{Digest, RecordNumber, SegmentId};
use tillwire_relay_core::people::Right;

use super::answers::{ask, broken, missing, on_a_thread};
use super::door::Guest;
use super::html::{self, Section};
use super::{Pages, record as page};

pub(super) async fn record(
    State(pages): State<Pages>,
    guest: Guest,
    Path((segment, number)): Path<(String, u64)>,
) -> Response {
    if let Err(no) = guest.needs(Right::Sales) {
        return no;
    }
    let Some(segment) = SegmentId::from_hex(&segment) else {
        return missing(
            &guest,
            "A record's address is /records/SEGMENT/NUMBER, the segment as 32 hexadecimal digits.",
        );
    };
    ask(pages, guest, move |pages, guest| {
        let view = pages.views.record(&guest.sight, segment, RecordNumber(number))?;
        let title = format!("Record {number}");
        Ok(view.map(|view| {
            html::page(
                guest,
                Section::Days,
                &title,
                Some(&title),
                None,
                &page::body(&view),
            )
        }))
    })
    .await
}

pub(super) async fn attachment(
    State(pages): State<Pages>,
    guest: Guest,
    Path(digest): Path<String>,
) -> Response {
    if let Err(no) = guest.needs(Right::Bytes) {
        return no;
    }
    let Some(digest) = Digest::from_hex(&digest) else {
        return missing(
            &guest,
            "An attachment's address is /attachments/DIGEST, 64 hexadecimal digits.",
        );
    };
    let whose = guest.clone();
    match on_a_thread(move || pages.views.attachment(&guest.sight, digest)).await {
        Ok(Some(bytes)) => {
            let name = format!("attachment; filename=\"{digest}.bin\"");
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
                (header::CONTENT_DISPOSITION, name),
            ];
            (headers, bytes).into_response()
        }
        Ok(None) => missing(&whose, "These bytes are not here (yet)."),
        Err(error) => broken(&whose, &error),
    }
}
