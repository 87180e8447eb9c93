//! One replacement, and how replacements are made without leaving a copy behind.

use std::ops::Range;

use tillwire_proto::TokenFingerprint;
use zeroize::{Zeroize, Zeroizing};

use super::{Kind, Redactions};

/// One stretch of bytes and what takes its place.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    /// `None` when the pieces inside were counted one by one.
    pub(super) kind: Option<Kind>,
    /// Fingerprint of a token, taken before it goes.
    pub(super) token: Option<TokenFingerprint>,
    /// What to write instead.
    pub(super) text: String,
}

impl Edit {
    pub(super) fn new(range: Range<usize>, kind: Kind, last4: Option<&str>) -> Self {
        Self {
            range,
            kind: Some(kind),
            token: None,
            text: mark(kind, last4),
        }
    }

    /// The same inside quotes, for a place where JSON wants a value.
    pub(super) fn quoted(mut self) -> Self {
        self.text = format!("\"{}\"", self.text);
        self
    }
}

/// `[card-number 1111]`.
pub(super) fn mark(kind: Kind, last4: Option<&str>) -> String {
    last4.map_or_else(
        || format!("[{}]", kind.name()),
        |last4| format!("[{} {last4}]", kind.name()),
    )
}

/// True for text that is one of our own marks.
pub(super) fn is_mark(text: &[u8]) -> bool {
    let Some(inner) = text.strip_prefix(b"[").and_then(|t| t.strip_suffix(b"]")) else {
        return false;
    };
    let (name, last4) = match inner.iter().position(|b| *b == b' ') {
        Some(at) => (&inner[..at], Some(&inner[at + 1..])),
        None => (inner, None),
    };
    Kind::ALL.iter().any(|kind| kind.name().as_bytes() == name)
        && last4.is_none_or(|digits| digits.len() == 4 && digits.iter().all(u8::is_ascii_digit))
}

/// The last four digits among `text`'s digits, when it has at least `min`.
pub(super) fn last4(text: &[u8], min: usize) -> Option<String> {
    let digits: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.iter().copied().filter(u8::is_ascii_digit).collect());
    let from = digits.len().checked_sub(4).filter(|_| digits.len() >= min)?;
    Some(digits[from..].iter().map(|b| char::from(*b)).collect())
}

/// Makes the edits; of two that overlap, the one that starts first and reaches farther wins.
pub(super) fn apply(bytes: &mut Vec<u8>, mut edits: Vec<Edit>, redactions: &mut Redactions) {
    if edits.is_empty() {
        return;
    }
    edits.sort_by_key(|edit| (edit.range.start, std::cmp::Reverse(edit.range.end)));
    let longest: usize = bytes.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>();
    let mut out = Vec::with_capacity(longest);
    let mut done = 0;
    for edit in &edits {
        if edit.range.start < done {
            continue;
        }
        redactions.count(edit);
        out.extend_from_slice(&bytes[done..edit.range.start]);
        out.extend_from_slice(edit.text.as_bytes());
        done = edit.range.end;
    }
    out.extend_from_slice(&bytes[done..]);
    debug_assert!(
        out.len() <= longest,
        "a grown buffer leaves a copy of itself behind"
    );
    bytes.zeroize();
    *bytes = out;
}
