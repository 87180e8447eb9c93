//! Card numbers, and what stands beside them.

use std::ops::Range;

use tillwire_proto::pan;
use zeroize::Zeroizing;

use super::Kind;
use super::edit::{Edit, last4};

/// How far from a card number a code or expiry is looked for, in bytes of the same text.
const NEAR: usize = 32;

/// Finds card numbers, and codes and expiry dates in the same text beside them.
pub(super) fn find(bytes: &[u8]) -> Vec<Edit> {
    let mut edits = exponents(bytes);
    edits.extend(chip_numbers(bytes));
    let mut quotes = Quotes::new(bytes);
    let mut from = 0;
    while let Some(found) = next(bytes, from) {
        let range = shortest(bytes, found);
        from = range.end;
        let edit = Edit::new(
            range.clone(),
            Kind::CardNumber,
            last4(&bytes[range.clone()], 12).as_deref(),
        );
        let bare = quotes.even_before(range.start) && is_bare_value(bytes, &range);
        edits.push(if bare { edit.quoted() } else { edit });
        if !bare {
            beside(bytes, &range, &mut edits);
        }
    }
    edits
}

/// The next card number. Most bodies have no row of digits that is long enough; seeing that first is much cheaper
/// than reading every row.
fn next(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let mut digits = 0;
    let mut start = from;
    for at in from..bytes.len() {
        if bytes[at].is_ascii_digit() {
            digits += 1;
        } else if digits == 0 || !matches!(bytes[at], b' ' | b'-') || !bytes[at - 1].is_ascii_digit() {
            (digits, start) = (0, at + 1);
        }
        if digits == 13 {
            return pan::find_card_number(bytes, start);
        }
    }
    None
}

/// A verification code after a space may make a longer number that passes the check digit by chance; the shorter
/// one is the card.
fn shortest(bytes: &[u8], found: Range<usize>) -> Range<usize> {
    let gaps = found.clone().filter(|at| !bytes[*at].is_ascii_digit());
    gaps.map(|gap| found.start..gap)
        .find(|prefix| pan::holds_card_number(&bytes[prefix.clone()]))
        .unwrap_or(found)
}

/// True when the digits stand where JSON has a number.
fn is_bare_value(bytes: &[u8], range: &Range<usize>) -> bool {
    let before = bytes[..range.start]
        .iter()
        .rev()
        .find(|b| !b.is_ascii_whitespace());
    let after = bytes[range.end..].iter().find(|b| !b.is_ascii_whitespace());
    matches!(before, Some(b':' | b'[' | b',')) && matches!(after, Some(b',' | b']' | b'}' | b'.') | None)
}

/// Counts quotes as far as asked, so that a whole body is counted once.
struct Quotes<'a> {
    bytes: &'a [u8],
    upto: usize,
    even: bool,
}

impl<'a> Quotes<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            upto: 0,
            even: true,
        }
    }

    fn even_before(&mut self, at: usize) -> bool {
        while self.upto < at {
            match self.bytes[self.upto] {
                b'\\' => self.upto += 1,
                b'"' => self.even = !self.even,
                _ => {}
            }
            self.upto += 1;
        }
        self.even
    }
}

/// Words of digits and `/` beside a card number: three or four digits are a code, `12/28` is an expiry.
fn beside(bytes: &[u8], card: &Range<usize>, edits: &mut Vec<Edit>) {
    let ends_text = |b: &u8| *b == b'"' || b.is_ascii_control();
    let after = bytes[card.end..]
        .iter()
        .take(NEAR)
        .take_while(|b| !ends_text(b))
        .count();
    let before = bytes[..card.start]
        .iter()
        .rev()
        .take(NEAR)
        .take_while(|b| !ends_text(b))
        .count();
    let windows = [
        (0..card.start, card.start - before),
        (card.end..bytes.len(), card.end),
    ];
    for ((limits, from), len) in windows.into_iter().zip([before, after]) {
        for word in words(bytes, &limits, from..from + len) {
            let text = &bytes[word.clone()];
            let plain = text.iter().all(u8::is_ascii_digit);
            if plain && matches!(text.len(), 3 | 4) {
                edits.push(Edit::new(word, Kind::CardCode, None));
            } else if is_expiry(text) {
                edits.push(Edit::new(word, Kind::Expiry, None));
            }
        }
    }
}

/// Whole words of digits and what may stand inside figures. A word cut by the window's edge is completed, as far
/// as `limits` allow.
fn words(bytes: &[u8], limits: &Range<usize>, window: Range<usize>) -> Vec<Range<usize>> {
    let inside = |at: usize| bytes[at].is_ascii_digit() || matches!(bytes[at], b'/' | b'.' | b':' | b',');
    let mut words = Vec::new();
    let mut at = window.start;
    while at < window.end {
        let end = (at..limits.end).find(|i| !inside(*i)).unwrap_or(limits.end);
        let mut start = at;
        while end > at && start > limits.start && inside(start - 1) {
            start -= 1;
        }
        let first = (start..end).find(|i| bytes[*i].is_ascii_digit());
        let last = (start..end).rev().find(|i| bytes[*i].is_ascii_digit());
        words.extend(first.zip(last).map(|(first, last)| first..last + 1));
        at = end.max(at) + 1;
    }
    words
}

fn is_expiry(text: &[u8]) -> bool {
    let mut parts = text.split(|b| *b == b'/');
    let is_number = |part: Option<&[u8]>, lens: &[usize]| {
        part.is_some_and(|p| lens.contains(&p.len()) && p.iter().all(u8::is_ascii_digit))
    };
    is_number(parts.next(), &[1, 2]) && is_number(parts.next(), &[2, 4]) && parts.next().is_none()
}

/// JSON numbers such as `4.111111111111111e15`, which are card numbers to whoever reads them.
fn exponents(bytes: &[u8]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for at in 1..bytes.len() {
        if !matches!(bytes[at], b'e' | b'E') || !bytes[at - 1].is_ascii_digit() {
            continue;
        }
        let mantissa = bytes[..at]
            .iter()
            .rev()
            .take(32)
            .take_while(|b| b.is_ascii_digit() || **b == b'.')
            .count();
        let sign = usize::from(bytes.get(at + 1) == Some(&b'+'));
        let power = bytes[at + 1 + sign..]
            .iter()
            .take(4)
            .take_while(|b| b.is_ascii_digit())
            .count();
        let range = at - mantissa..at + 1 + sign + power;
        // hexadecimal has an `e` between digits, too
        let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        if letter(range.start.checked_sub(1).and_then(|before| bytes.get(before)))
            || letter(bytes.get(range.end))
        {
            continue;
        }
        let written = expand(&bytes[at - mantissa..at], &bytes[at + 1 + sign..range.end]);
        if let Some(digits) = written.filter(|digits| pan::holds_card_number(digits)) {
            edits.push(Edit::new(range, Kind::CardNumber, last4(&digits, 12).as_deref()).quoted());
        }
    }
    edits
}

fn expand(mantissa: &[u8], power: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let power: usize = std::str::from_utf8(power)
        .ok()?
        .parse()
        .ok()
        .filter(|power| *power <= 20)?;
    let point = mantissa.iter().position(|b| *b == b'.').unwrap_or(mantissa.len());
    let mut digits = Zeroizing::new(Vec::with_capacity(64));
    digits.extend(mantissa.iter().copied().filter(u8::is_ascii_digit));
    digits.resize((point + power).min(40), b'0');
    Some(digits)
}

/// Chip tag 5A inside a longer hexadecimal string: `5A08` and eight bytes of digits, padded with `F`.
fn chip_numbers(bytes: &[u8]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (at, tag) in bytes.windows(4).enumerate() {
        let len = match tag[3] {
            b'7'..=b'9' => usize::from(tag[3] - b'0'),
            b'A' | b'a' => 10,
            _ => continue,
        };
        if tag[0] != b'5' || !tag[1].eq_ignore_ascii_case(&b'A') || tag[2] != b'0' {
            continue;
        }
        let Some(value) = bytes.get(at + 4..at + 4 + 2 * len) else {
            continue;
        };
        let digits = value
            .strip_suffix(b"F")
            .or_else(|| value.strip_suffix(b"f"))
            .unwrap_or(value);
        if digits.iter().all(u8::is_ascii_digit) && pan::holds_card_number(digits) {
            let range = at + 4..at + 4 + 2 * len;
            edits.push(Edit::new(range, Kind::Chip, last4(digits, 12).as_deref()));
        }
    }
    edits
}
