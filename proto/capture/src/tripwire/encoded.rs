//! Card data in another writing: base64, percent-encoding, EBCDIC digits, digits grouped by dots or slashes.
//!
//! What is written so is decoded aside, looked at with the same rules, and replaced whole where it holds card data that
//! should never have been sent. What decodes to anything else stays as it is.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use tillwire_proto::pan;
use zeroize::{Zeroize as _, Zeroizing};

use super::edit::{Edit, last4};
use super::{Kind, Redactions, sweep_plain};

/// Shortest base64 that can hold a card number of thirteen digits.
const BASE64_LEN_MIN: usize = 18;

/// Longest base64 that is decoded; longer ones are pictures of signatures.
const BASE64_LEN_MAX: usize = 64 * 1024;

pub(super) fn find(bytes: &[u8]) -> Vec<Edit> {
    let mut edits = base64(bytes);
    edits.extend(percent(bytes));
    edits.extend(ebcdic(bytes));
    edits.extend(grouped(bytes));
    edits
}

/// What a decoded text holds, by the plain rules: the alarming kind, if any.
fn judge(mut decoded: Vec<u8>) -> Option<(Kind, Option<String>)> {
    let number = pan::find_card_number(&decoded, 0);
    let last4 = number.and_then(|range| last4(&decoded[range], 12));
    let mut redactions = Redactions::default();
    sweep_plain(&mut decoded, &mut redactions);
    decoded.zeroize();
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.is_alarming() && redactions.of(*kind) > 0)?;
    Some((kind, last4))
}

fn base64(bytes: &[u8]) -> Vec<Edit> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut edits = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let len = bytes[at..].iter().take_while(|byte| is_letter(**byte)).count();
        let padding = bytes[at + len..]
            .iter()
            .take(2)
            .take_while(|byte| **byte == b'=')
            .count();
        // an identifier or a hash in hexadecimal is no base64
        let is_hex = bytes[at..at + len]
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
        if (BASE64_LEN_MIN..=BASE64_LEN_MAX).contains(&len)
            && !is_hex
            && let Some(decoded) = decode(&bytes[at..at + len])
            && let Some((kind, last4)) = judge(decoded)
        {
            edits.push(Edit::new(at..at + len + padding, kind, last4.as_deref()));
        }
        at += (len + padding).max(1);
    }
    edits
}

/// Standard or URL alphabet, without its padding. A last letter that stands alone is none.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = if text.len() % 4 == 1 {
        &text[..text.len() - 1]
    } else {
        text
    };
    let url = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let whole = if url {
        BASE64URL_NOPAD.decode(text)
    } else {
        BASE64_NOPAD.decode(text)
    };
    // bits behind the end that are not zero are the sender's carelessness
    whole
        .or_else(|_| BASE64_NOPAD.decode(&text[..text.len() / 4 * 4]))
        .ok()
}

/// A word with `%34`, `+` or `%20` in it.
fn percent(bytes: &[u8]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut at = 0;
    while let Some(found) = bytes[at..]
        .iter()
        .position(|byte| *byte == b'%')
        .map(|found| at + found)
    {
        let is_word =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'+' | b'-' | b'.' | b'*');
        let start = found
            - bytes[at..found]
                .iter()
                .rev()
                .take_while(|byte| is_word(byte))
                .count();
        let end = found + bytes[found..].iter().take_while(|byte| is_word(byte)).count();
        let word = &bytes[start..end];
        if word.len() >= 13
            && let Some(decoded) = unescaped(word)
            && let Some((kind, last4)) = judge(decoded)
        {
            edits.push(Edit::new(start..end, kind, last4.as_deref()));
        }
        at = end.max(found + 1);
    }
    edits
}

/// `None` when nothing was escaped.
fn unescaped(word: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(word.len());
    let mut escapes = 0;
    let mut rest = word;
    while let [byte, after @ ..] = rest {
        rest = after;
        let hex = (*byte == b'%').then(|| after.get(..2)).flatten();
        match hex.and_then(|hex| data_encoding::HEXUPPER_PERMISSIVE.decode(hex).ok()) {
            Some(decoded) => {
                text.extend(decoded);
                rest = &after[2..];
                escapes += 1;
            }
            None => text.push(if *byte == b'+' { b' ' } else { *byte }),
        }
    }
    (escapes > 0).then_some(text)
}

/// EBCDIC writes digits as F0 to F9.
fn ebcdic(bytes: &[u8]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let len = bytes[at..]
            .iter()
            .take_while(|byte| (0xf0..=0xf9).contains(*byte))
            .count();
        if (13..=19).contains(&len) {
            let digits: Zeroizing<Vec<u8>> = Zeroizing::new(
                bytes[at..at + len]
                    .iter()
                    .map(|byte| byte - 0xf0 + b'0')
                    .collect(),
            );
            if pan::holds_card_number(&digits) {
                edits.push(Edit::new(
                    at..at + len,
                    Kind::CardNumber,
                    last4(&digits, 12).as_deref(),
                ));
            }
        }
        at += len.max(1);
    }
    edits
}

/// Four groups of four, or four, six and five, with dots, slashes, underscores or no-break spaces between. Only in these
/// shapes: a version, a date or an address has others.
fn grouped(bytes: &[u8]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() || (at > 0 && bytes[at - 1].is_ascii_digit()) {
            at += 1;
            continue;
        }
        let end = [&[4, 4, 4, 4][..], &[4, 6, 5]]
            .into_iter()
            .find_map(|shape| shaped(bytes, at, shape));
        let digits = end.map(|end| -> Zeroizing<Vec<u8>> {
            Zeroizing::new(
                bytes[at..end]
                    .iter()
                    .copied()
                    .filter(u8::is_ascii_digit)
                    .collect(),
            )
        });
        match (end, digits) {
            (Some(end), Some(digits)) if pan::holds_card_number(&digits) => {
                edits.push(Edit::new(
                    at..end,
                    Kind::CardNumber,
                    last4(&digits, 12).as_deref(),
                ));
                at = end;
            }
            _ => at += 1,
        }
    }
    edits
}

/// Where groups of these lengths end, with one separator throughout and no digit behind.
fn shaped(bytes: &[u8], start: usize, shape: &[usize]) -> Option<usize> {
    const SEPARATORS: [&[u8]; 5] = [b".", b"/", b"_", b"\xc2\xa0", b"\xe2\x80\x93"];
    let first = start + shape[0];
    let separator = SEPARATORS
        .iter()
        .find(|separator| bytes.get(first..).is_some_and(|rest| rest.starts_with(separator)))?;
    let mut at = start;
    for (index, len) in shape.iter().enumerate() {
        if index > 0 {
            if !bytes.get(at..)?.starts_with(separator) {
                return None;
            }
            at += separator.len();
        }
        let group = bytes.get(at..at + len)?;
        if !group.iter().all(u8::is_ascii_digit) {
            return None;
        }
        at += len;
    }
    (!bytes.get(at).is_some_and(u8::is_ascii_digit)).then_some(at)
}
