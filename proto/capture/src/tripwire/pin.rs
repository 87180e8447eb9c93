//! PIN blocks (ISO 9564), in hexadecimal. An encrypted block is eight bytes without a pattern, or sixteen under AES: it is known by
//! what stands beside it. A block of format 2, which a terminal hands to a chip in clear, is known by itself.

use std::ops::Range;

use super::Kind;
use super::edit::Edit;

/// Words that say what follows, in lower case, without what stands between their letters.
const WORDS: [&[u8]; 5] = [b"encryptedpin", b"pinblock", b"pinblk", b"pindata", b"epb"];

/// Letters and digits of the longest word, with the fillers behind it, and what stands between.
const WORD_REACH: usize = 32;

/// How far apart a block and its key's serial number, or the card number, may stand, in bytes.
const REACH: usize = 64;

/// Finds PIN blocks. Card numbers and tracks have been replaced by their marks.
pub(super) fn find(bytes: &[u8]) -> Vec<Edit> {
    let words = hex_words(bytes);
    let serials: Vec<&Range<usize>> = words
        .iter()
        .filter(|word| is_serial(&bytes[(*word).clone()]))
        .collect();
    let mut edits = Vec::new();
    for word in &words {
        let block = &bytes[word.clone()];
        if !matches!(block.len(), 16 | 32) {
            continue;
        }
        let serial = serials.iter().find(|serial| gap(word, serial) <= REACH);
        if let Some(serial) = serial {
            edits.push(Edit::new((*serial).clone(), Kind::Encrypted, None));
        }
        if serial.is_some()
            || is_format_2(block)
            || is_named(bytes, word.start)
            || is_beside_a_card(bytes, word)
        {
            edits.push(Edit::new(word.clone(), Kind::Pin, None));
        }
    }
    edits
}

/// Rows of hexadecimal digits that stand by themselves.
fn hex_words(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let len = bytes[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        if matches!(len, 16 | 20 | 24 | 32) && bytes[at..at + len].iter().all(u8::is_ascii_hexdigit) {
            words.push(at..at + len);
        }
        at += len.max(1);
    }
    words
}

/// A key serial number of DUKPT (ANSI X9.24): ten bytes of which, for the usual keys, the first two are FF.
fn is_serial(word: &[u8]) -> bool {
    word.len() == 20 && word[..4].eq_ignore_ascii_case(b"ffff")
}

/// `2`, the number of digits from 4 to 12, the digits, `F` up to sixteen.
fn is_format_2(word: &[u8]) -> bool {
    let len = char::from(word[1]).to_digit(16).unwrap_or(0) as usize;
    word.len() == 16
        && word[0] == b'2'
        && (4..=12).contains(&len)
        && word[2..2 + len].iter().all(u8::is_ascii_digit)
        && word[2 + len..].iter().all(|byte| matches!(byte, b'F' | b'f'))
}

/// A word right before it says so: `PIN block: …`, `PINBLK=…`, `encrypted_pin is …`.
fn is_named(bytes: &[u8], start: usize) -> bool {
    let before = &bytes[start.saturating_sub(WORD_REACH)..start];
    // what stands between is no letter, so that the word is read without it
    let letters = before.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let letters: Vec<u8> = letters.map(u8::to_ascii_lowercase).collect();
    let fillers: [&[u8]; 3] = [b"", b"is", b"data"];
    fillers.iter().any(|filler| {
        letters
            .strip_suffix(*filler)
            .is_some_and(|said| WORDS.iter().any(|word| said.ends_with(word)))
    })
}

/// Beside a card number eight bytes with a letter in them are its PIN block, or as secret.
fn is_beside_a_card(bytes: &[u8], word: &Range<usize>) -> bool {
    let has_letter = bytes[word.clone()].iter().any(u8::is_ascii_alphabetic);
    let from = word.start.saturating_sub(REACH);
    let around = &bytes[from..bytes.len().min(word.end + REACH)];
    let marks = [Kind::CardNumber, Kind::Track].map(|kind| format!("[{}", kind.name()));
    has_letter
        && marks
            .iter()
            .any(|mark| around.windows(mark.len()).any(|window| window == mark.as_bytes()))
}

fn gap(one: &Range<usize>, other: &Range<usize>) -> usize {
    one.start
        .saturating_sub(other.end)
        .max(other.start.saturating_sub(one.end))
}
