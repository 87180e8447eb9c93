//! Every segment that the relay holds is whole: dense from 1, one content per number, and the chain arrives at the
//! hash that the relay signs receipts with.

use crate::relay_store::Held;

/// What is wrong.
#[must_use]
pub fn check(held: &Held) -> Vec<String> {
    let segments = held.segments.iter();
    segments
        .filter_map(|(id, segment)| segment.verify(*id).err())
        .map(|error| format!("{error:#}"))
        .collect()
}
