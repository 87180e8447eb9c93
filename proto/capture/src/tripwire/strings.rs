//! JSON strings as they read after their escapes: `\u003d`, a line break in the middle of a number, JSON in JSON.

use tillwire_proto::pan;
use zeroize::{Zeroize, Zeroizing};

use super::edit::Edit;
use super::{Redactions, sweep_into};

/// Looks into every stretch between two quotes that holds an escape or a control character. Which stretches are
/// strings and which lie between strings is not asked: in a malformed body nobody knows.
pub(super) fn find(bytes: &[u8], depth: u8) -> (Vec<Edit>, Redactions) {
    let (mut edits, mut redactions) = (Vec::new(), Redactions::default());
    let quotes = unescaped_quotes(bytes);
    for pair in quotes.windows(2) {
        let inner = pair[0] + 1..pair[1];
        let text = &bytes[inner.clone()];
        let escaped = text.contains(&b'\\');
        // without an escape only a number or track that a line break cuts is hidden from the other passes
        let broken = || {
            let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
            digits >= 12 && text.iter().any(u8::is_ascii_control) && !pan::holds_card_number(text)
        };
        if !escaped && !broken() {
            continue;
        }
        let mut read = decode(text);
        let mut found = Redactions::default();
        sweep_into(&mut read, &mut found, depth + 1);
        if found.total() > 0 {
            redactions.merge(&found);
            edits.push(Edit {
                range: inner,
                kind: None,
                token: None,
                text: encode(&read),
            });
        }
        read.zeroize();
    }
    (edits, redactions)
}

fn unescaped_quotes(bytes: &[u8]) -> Vec<usize> {
    let mut quotes = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => quotes.push(at),
            _ => {}
        }
        at += 1;
    }
    quotes
}

/// Undoes escapes and leaves out raw control characters, which UPA writers put inside strings.
fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if byte != b'\\' {
            if !byte.is_ascii_control() {
                out.push(byte);
            }
            continue;
        }
        let escape = text.get(at).copied().unwrap_or(b'\\');
        at += 1;
        match escape {
            b'u' => {
                let code = text.get(at..at + 4).and_then(|hex| std::str::from_utf8(hex).ok());
                let code = code.and_then(|hex| u32::from_str_radix(hex, 16).ok());
                let mut utf8 = [0; 4];
                let c = code
                    .and_then(char::from_u32)
                    .unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
                at += 4;
            }
            b'n' | b'r' | b't' | b'b' | b'f' => out.push(b' '),
            other => out.push(other),
        }
    }
    out
}

/// Escapes for the inside of a JSON string.
fn encode(text: &[u8]) -> String {
    let lossy = Zeroizing::new(String::from_utf8_lossy(text).into_owned());
    let quoted = serde_json::to_string(lossy.as_str()).unwrap_or_default();
    quoted
        .strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'))
        .unwrap_or_default()
        .to_owned()
}
