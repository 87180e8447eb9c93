//! Magnetic stripe data (ISO/IEC 7813): `%B4111...^NAME^2812101...?` and `;4111...=2812101...?`.

use std::ops::Range;

use tillwire_proto::pan;

use super::Kind;
use super::edit::{Edit, last4};

/// Longest track: track 1 has 79 characters, track 3 107.
const LEN_MAX: usize = 160;

/// Finds tracks by the separator after the card number: `^` on track 1, `=` on track 2, `D` in its chip form.
pub(super) fn find(bytes: &[u8]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut from = 0;
    for at in 0..bytes.len() {
        if at < from {
            continue;
        }
        let range = match bytes[at] {
            b'^' => track1(bytes, at),
            b'=' => track2(bytes, at),
            b'D' | b'd' => chip_form(bytes, at),
            _ => None,
        };
        if let Some(range) = range {
            let digits = last4(&bytes[range.start..at], 12);
            from = range.end;
            edits.push(Edit::new(range, Kind::Track, digits.as_deref()));
        }
    }
    edits
}

/// `%B`, 12 to 19 digits with spaces (the sentinel may be missing), `^`, a name, `^`, at least four digits.
fn track1(bytes: &[u8], caret: usize) -> Option<Range<usize>> {
    let number = digits_before(bytes, caret, |b| b.is_ascii_digit() || b == b' ');
    let digits = bytes[number.clone()]
        .iter()
        .filter(|b| b.is_ascii_digit())
        .count();
    let format = number.start.checked_sub(1)?;
    if !(12..=19).contains(&digits) || !matches!(bytes[format], b'B' | b'b') {
        return None;
    }
    let start = if format > 0 && bytes[format - 1] == b'%' {
        format - 1
    } else {
        format
    };
    Some(start..tail(bytes, caret + 1))
}

/// `;`, 12 to 21 digits, `=`, digits. Without the `;` the digits must be a card number.
fn track2(bytes: &[u8], equals: usize) -> Option<Range<usize>> {
    let number = digits_before(bytes, equals, |b| b.is_ascii_digit());
    let follows = bytes[equals + 1..]
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    if !(12..=21).contains(&number.len()) || follows < 4 {
        return None;
    }
    let start = number.start.checked_sub(1).filter(|at| bytes[*at] == b';');
    match start {
        Some(start) => Some(start..tail(bytes, equals + 1)),
        None if pan::holds_card_number(&bytes[number.clone()]) => Some(number.start..tail(bytes, equals + 1)),
        None => None,
    }
}

/// Track 2 as chip tag 57 writes it in hexadecimal: card number, `D`, expiry and service code, padding `F`.
fn chip_form(bytes: &[u8], separator: usize) -> Option<Range<usize>> {
    let number = digits_before(bytes, separator, |b| b.is_ascii_digit());
    let follows = bytes[separator + 1..]
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    let number = (13..=19)
        .rev()
        .filter(|len| *len <= number.len())
        .map(|len| number.end - len..number.end)
        .find(|digits| pan::holds_card_number(&bytes[digits.clone()]))?;
    let pad = usize::from(matches!(bytes.get(separator + 1 + follows), Some(b'F' | b'f')));
    (follows >= 7).then(|| number.start..separator + 1 + follows + pad)
}

fn digits_before(bytes: &[u8], end: usize, belongs: impl Fn(u8) -> bool) -> Range<usize> {
    let len = bytes[..end]
        .iter()
        .rev()
        .take(40)
        .take_while(|b| belongs(**b))
        .count();
    end - len..end
}

/// Up to and with the end sentinel `?`, or to where the text ends.
fn tail(bytes: &[u8], from: usize) -> usize {
    let end = bytes.len().min(from + LEN_MAX);
    let stop = bytes[from..end]
        .iter()
        .position(|b| matches!(b, b'?' | b'"' | b'\\') || b.is_ascii_control());
    match stop {
        Some(n) if bytes[from + n] == b'?' => from + n + 1,
        Some(n) => from + n,
        None => end,
    }
}
