//! Values under keys that say what they are.

use std::ops::Range;

use tillwire_proto::TokenFingerprint;

use super::Kind;
use super::edit::{Edit, is_mark, last4, mark};

/// Longest key that is looked at, in bytes; the names below are shorter.
const KEY_LEN_MAX: usize = 40;

/// When a key's value is replaced.
enum Rule {
    /// Whatever it is.
    Always(Kind),
    /// When it has this many digits and nothing but digits, spaces and dashes.
    Digits(Kind, std::ops::RangeInclusive<usize>),
    /// All but its last four digits are starred.
    Masked,
}

/// The rule for a key, which arrives in lower case without anything but letters and digits.
fn rule(key: &str) -> Option<Rule> {
    use Kind as K;
    Some(match key {
        "pan" | "clearpan" | "primaryaccountnumber" => Rule::Always(K::CardNumber),
        "cardnumber" | "cardno" | "ccnumber" | "creditcardnumber" | "accountnumber" => {
            Rule::Digits(K::CardNumber, 12..=24)
        }
        "trackdata" | "track1" | "track2" | "track3" | "track1data" | "track2data" | "track3data"
        | "cleartrack1" | "cleartrack2" | "cleartrack3" | "maskedtrack1" | "maskedtrack2"
        | "maskedtrack3" => Rule::Always(K::Track),
        "cvv"
        | "cvv2"
        | "cvc"
        | "cvc2"
        | "csc"
        | "cav2"
        | "cvvnumber"
        | "cardverificationvalue"
        | "cardsecuritycode" => Rule::Always(K::CardCode),
        "securitycode" | "verificationcode" => Rule::Digits(K::CardCode, 3..=4),
        "pin" | "pinblock" | "pinblk" | "pindata" | "pindukpt" | "encryptedpin" | "encryptedpinblock" => {
            Rule::Always(K::Pin)
        }
        "encryptedpan" | "3desdukpt" | "encryptedblob" | "encryptedtrack" | "ksn" => {
            Rule::Always(K::Encrypted)
        }
        "emvtags" | "emvdata" | "tlvdata" => Rule::Always(K::Chip),
        "expirydate" | "expdate" | "cardexpiry" | "cardexpirydate" => Rule::Always(K::Expiry),
        "cardholdername" | "cardholder" => Rule::Always(K::HolderName),
        "maskedpan" => Rule::Masked,
        "tokenvalue" => Rule::Always(K::Token),
        "giftcardnumber" => Rule::Digits(K::GiftCard, 5..=24),
        _ => return None,
    })
}

/// Chip tags whose values are card data (EMV Book 3, annex A): track data, card number, holder, expiry, PIN.
fn is_secret_tag(key: &str) -> bool {
    matches!(
        key,
        "56" | "57" | "5a" | "5f20" | "5f24" | "99" | "9f0b" | "9f1f" | "9f20" | "9f6b"
    )
}

/// Finds secret values in anything that looks like JSON, whole or not.
pub(super) fn find(bytes: &[u8]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (key, at) in keys(bytes, 0..bytes.len()) {
        if key == "emv" {
            chip(bytes, value(bytes, at), &mut edits);
        } else if let Some(rule) = rule(&key) {
            edits.extend(replace(bytes, value(bytes, at), &rule));
        }
    }
    edits
}

fn chip(bytes: &[u8], object: Range<usize>, edits: &mut Vec<Edit>) {
    for (key, at) in keys(bytes, object) {
        if is_secret_tag(&key) {
            edits.extend(replace(bytes, value(bytes, at), &Rule::Always(Kind::Chip)));
        }
    }
}

/// Every `"key" :` inside `range`, normalised, with the place where its value starts.
fn keys(bytes: &[u8], range: Range<usize>) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut at = range.start;
    while let Some(open) = bytes[at..range.end]
        .iter()
        .position(|b| *b == b'"')
        .map(|n| at + n)
    {
        at = open + 1;
        let end = range.end.min(at + KEY_LEN_MAX + 1);
        let Some(close) = bytes[at..end]
            .iter()
            .position(|b| matches!(b, b'"' | b'\\'))
            .map(|n| at + n)
        else {
            continue;
        };
        let colon = skip_space(bytes, close + 1);
        if bytes[close] == b'"' && bytes.get(colon) == Some(&b':') {
            let letters = bytes[at..close].iter().filter(|b| b.is_ascii_alphanumeric());
            let key = letters.map(|b| char::from(b.to_ascii_lowercase())).collect();
            found.push((key, skip_space(bytes, colon + 1)));
        }
    }
    found
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    let space = bytes[from.min(bytes.len())..]
        .iter()
        .take_while(|b| b.is_ascii_whitespace());
    from + space.count()
}

/// The value that starts at `at`: a string with its quotes, an object or array whole, or a bare word. What is not
/// closed reaches to the end.
fn value(bytes: &[u8], at: usize) -> Range<usize> {
    let at = at.min(bytes.len());
    let end = match bytes.get(at) {
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => nested_end(bytes, at),
        _ => {
            let bare = bytes[at..]
                .iter()
                .take_while(|b| !matches!(b, b',' | b'}' | b']' | b'\r' | b'\n'));
            at + bare.count()
        }
    };
    at..end
}

fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn nested_end(bytes: &[u8], open: usize) -> usize {
    let (mut at, mut depth) = (open, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn replace(bytes: &[u8], range: Range<usize>, rule: &Rule) -> Option<Edit> {
    let whole = &bytes[range.clone()];
    let text = whole.strip_prefix(b"\"").unwrap_or(whole);
    let text = text.strip_suffix(b"\"").unwrap_or(text).trim_ascii();
    if text.is_empty() || matches!(text, b"null" | b"true" | b"false" | b"{}" | b"[]") || is_mark(text) {
        return None;
    }
    match rule {
        Rule::Always(Kind::Token) => {
            let token = TokenFingerprint::of(&String::from_utf8_lossy(text));
            let edit = Edit::new(range, Kind::Token, None).quoted();
            Some(Edit {
                token: Some(token),
                ..edit
            })
        }
        Rule::Always(Kind::CardNumber) => {
            let keep = last4(text, 12).filter(|_| is_plain(text));
            Some(Edit::new(range, Kind::CardNumber, keep.as_deref()).quoted())
        }
        Rule::Always(kind) => Some(Edit::new(range, *kind, None).quoted()),
        Rule::Digits(kind, count) => {
            let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
            let keep = if *kind == Kind::CardCode {
                None
            } else {
                last4(text, 5)
            };
            (is_plain(text) && count.contains(&digits))
                .then(|| Edit::new(range, *kind, keep.as_deref()).quoted())
        }
        Rule::Masked => issuer_digits(text, range),
    }
}

fn is_plain(text: &[u8]) -> bool {
    text.iter()
        .all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-'))
}

/// `411111******1111` becomes `[issuer-digits 1111]`; with nothing but the last four in clear it stays.
fn issuer_digits(text: &[u8], range: Range<usize>) -> Option<Edit> {
    let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
    let text = mark(Kind::IssuerDigits, last4(text, 4).as_deref());
    (digits > 4).then(|| Edit {
        range,
        kind: Some(Kind::IssuerDigits),
        token: None,
        text: format!("\"{text}\""),
    })
}
