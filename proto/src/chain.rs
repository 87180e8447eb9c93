//! The chain that makes a record's removal, change or reordering visible.
//!
//! `h_0 = SHA-256("tillwire header v1" ‖ header)`, and for n ≥ 1
//! `h_n = SHA-256("tillwire record v1" ‖ segment ‖ n ‖ h_{n-1} ‖ len ‖ body)`; n and len are eight bytes, most
//! significant first. Hashes are over bytes as they were written: nothing is decoded first.

use ring::digest::{Context, SHA256};

use crate::ids::{Digest, RecordNumber, SegmentId};

const HEADER_DOMAIN: &[u8] = b"tillwire header v1";
const RECORD_DOMAIN: &[u8] = b"tillwire record v1";

/// `h_0`: the hash of a segment header's bytes.
#[must_use]
pub fn header_hash(header: &[u8]) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(HEADER_DOMAIN);
    context.update(header);
    finish(context)
}

/// `h_n`: the hash of a record that follows `previous`.
#[must_use]
pub fn record_hash(segment: SegmentId, number: RecordNumber, previous: Digest, body: &[u8]) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(RECORD_DOMAIN);
    context.update(segment.as_bytes());
    context.update(&number.0.to_be_bytes());
    context.update(previous.as_bytes());
    context.update(&(body.len() as u64).to_be_bytes());
    context.update(body);
    finish(context)
}

/// Hashes of a run of bodies that starts at `first` after `previous`, in order.
pub fn run_hashes<'a>(
    segment: SegmentId,
    first: RecordNumber,
    previous: Digest,
    bodies: impl IntoIterator<Item = &'a [u8]>,
) -> impl Iterator<Item = Digest> {
    let (mut number, mut hash) = (first, previous);
    bodies.into_iter().map(move |body| {
        hash = record_hash(segment, number, hash, body);
        number = number.next();
        hash
    })
}

fn finish(context: Context) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    Digest(out)
}
