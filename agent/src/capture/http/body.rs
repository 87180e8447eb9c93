//! Reading a body: bounded in length and time, into one buffer that never grows (a grown buffer leaves a copy of
//! card data behind).

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How reading ended.
pub(super) enum Read {
    Whole(Vec<u8>),
    /// Longer than allowed; what came first.
    TooLong(Vec<u8>),
    TooSlow,
    Broken,
}

/// True for a compressed body, which the tripwire could not look into and which is therefore not even kept.
pub(super) fn is_packed(headers: &HeaderMap) -> bool {
    let coding = headers.get(header::CONTENT_ENCODING);
    coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

pub(super) async fn read(headers: &HeaderMap, body: Body, max: usize, within: Duration) -> Read {
    let said = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|len| len.to_str().ok()?.parse().ok());
    let buffer = Zeroizing::new(Vec::with_capacity(said.unwrap_or(max).min(max)));
    timeout(within, fill(body, buffer, max))
        .await
        .unwrap_or(Read::TooSlow)
}

async fn fill(body: Body, mut buffer: Zeroizing<Vec<u8>>, max: usize) -> Read {
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let Ok(piece) = piece else { return Read::Broken };
        let room = max - buffer.len();
        buffer.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            return Read::TooLong(std::mem::take(&mut *buffer));
        }
    }
    Read::Whole(std::mem::take(&mut *buffer))
}
