//! Verification codes behind a word that says so: `CVV 123`, `cvc2=4567`, `security code is 123`.

use super::Kind;
use super::edit::Edit;

const WORDS: [&[u8]; 8] = [
    b"cvv2",
    b"cvc2",
    b"cav2",
    b"cvv",
    b"cvc",
    b"csc",
    b"security code",
    b"card code",
];
const FILLERS: [&[u8]; 5] = [b"number", b"code", b"no", b"is", b"was"];

/// Finds three or four digits close behind such a word.
pub(super) fn find(bytes: &[u8]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for at in 0..bytes.len() {
        if !matches!(bytes[at].to_ascii_lowercase(), b'c' | b's')
            || (at > 0 && bytes[at - 1].is_ascii_alphanumeric())
        {
            continue;
        }
        let word = WORDS.iter().find(|word| starts_with(&bytes[at..], word));
        if let Some(range) = word.and_then(|word| digits_behind(bytes, at + word.len())) {
            edits.push(Edit::new(range, Kind::CardCode, None));
        }
    }
    edits
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Skips separators and filler words, at most 16 bytes, then wants three or four digits and no more.
fn digits_behind(bytes: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
    let mut at = from;
    while at < from + 16 {
        let filler = FILLERS
            .iter()
            .find(|filler| starts_with(bytes.get(at..).unwrap_or_default(), filler));
        match (filler, bytes.get(at)?) {
            (Some(filler), _) => at += filler.len(),
            (None, b' ' | b':' | b'=' | b'#' | b'.' | b'-' | b'(' | b'\'' | b'_') => at += 1,
            _ => break,
        }
    }
    let digits = bytes[at.min(bytes.len())..]
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    matches!(digits, 3 | 4).then(|| at..at + digits)
}
