//! The grammar of a primary account number (PAN): what the text types and the agent's tripwire both look for.
//!
//! Thirteen to nineteen digits, single spaces or dashes between them allowed, an issuer range that networks
//! really use, and the Luhn check digit (ISO/IEC 7812-1). Thirteen and fourteen digits that are a valid GTIN
//! (the number under a bar code) are goods, not cards.

use std::ops::Range;

/// Digits of the shortest and the longest PAN.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// True when `text` holds anything that reads as a card number.
#[must_use]
pub fn holds_card_number(text: &[u8]) -> bool {
    find_card_number(text, 0).is_some()
}

/// Replaces every digit of every card number except its last four by `*`; returns how many were found.
pub fn mask_card_numbers(text: &mut [u8]) -> usize {
    let (mut from, mut found) = (0, 0);
    while let Some(range) = find_card_number(text, from) {
        // Again from the start of this one: its last four may begin another with the digits that follow.
        from = range.start;
        found += 1;
        let digits = text[range.clone()].iter().filter(|b| b.is_ascii_digit()).count();
        let hidden = text[range]
            .iter_mut()
            .filter(|b| b.is_ascii_digit())
            .take(digits - 4);
        hidden.for_each(|b| *b = b'*');
    }
    found
}

/// The first card number at or after `from`, as a range of bytes with its separators.
#[must_use]
pub fn find_card_number(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    while at < text.len() {
        if !text[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let run = digit_run(text, at);
        if let Some(range) = card_in_run(text, &run) {
            return Some(range);
        }
        at = run.last().map_or(at, |last| last + 1);
    }
    None
}

/// Positions of the digits of one run: digits with at most one space or dash between neighbours.
fn digit_run(text: &[u8], start: usize) -> Vec<usize> {
    let mut run = vec![start];
    let mut at = start + 1;
    while at < text.len() {
        let separated = matches!(text[at], b' ' | b'-') && text.get(at + 1).is_some_and(u8::is_ascii_digit);
        let digit = if separated { at + 1 } else { at };
        if !text[digit].is_ascii_digit() {
            break;
        }
        run.push(digit);
        at = digit + 1;
    }
    run
}

/// Looks for a card number that is the whole run, or inside it at the edges of separated groups: a ticket number
/// followed by a space must not hide the card number after it. A longer unbroken row of digits is something else
/// (a bar code of a coupon, a hash), as every payment filter in the field treats it.
fn card_in_run(text: &[u8], run: &[usize]) -> Option<Range<usize>> {
    let starts_group = |i: usize| i == 0 || run[i] != run[i - 1] + 1;
    let ends_group = |i: usize| i + 1 == run.len() || run[i + 1] != run[i] + 1;
    for first in (0..run.len()).filter(|i| starts_group(*i)) {
        for len in DIGITS.rev() {
            let last = first + len - 1;
            if last >= run.len() || !ends_group(last) {
                continue;
            }
            let digits: Vec<u8> = run[first..=last].iter().map(|at| text[*at] - b'0').collect();
            let range = run[first]..run[last] + 1;
            if is_card_number(&digits) && !is_in_uuid(text, &range) {
                return Some(range);
            }
        }
    }
    None
}

/// Groups of a UUID (RFC 9562: 8-4-4-4-12 hexadecimal digits) that happen to be figures. Only where a letter stands in it:
/// figures alone in that shape are nobody's identifier.
fn is_in_uuid(text: &[u8], range: &Range<usize>) -> bool {
    let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || **byte == b'-';
    let start = range.start - text[..range.start].iter().rev().take_while(is_part).count();
    let end = range.end + text[range.end..].iter().take_while(is_part).count();
    let token = &text[start..end];
    let dashes = token
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'-')
        .map(|(at, _)| at);
    token.len() == 36 && dashes.eq([8, 13, 18, 23]) && token.iter().any(u8::is_ascii_alphabetic)
}

fn is_card_number(digits: &[u8]) -> bool {
    issuer_may_have(digits) && luhn(digits) && !is_gtin(digits)
}

/// Luhn's check: double every second digit from the right, sum the digits, a multiple of ten passes.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| {
            let value = u32::from(*digit) * if i % 2 == 1 { 2 } else { 1 };
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// GTIN-13 and GTIN-14 check digit (GS1): weights 1 and 3 from the right.
fn is_gtin(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| u32::from(*digit) * if i % 2 == 1 { 3 } else { 1 })
        .sum();
    matches!(digits.len(), 13 | 14) && sum.is_multiple_of(10)
}

/// Issuer ranges and the lengths in use under them, as the networks publish them: Visa 4; Mastercard 51-55 and
/// 2221-2720; Amex 34, 37; Discover 6011, 644-649, 65; Diners 300-305, 309, 36, 38, 39; JCB 3528-3589;
/// UnionPay 62, 81; Maestro 50, 56-58, 63, 67.
fn issuer_may_have(digits: &[u8]) -> bool {
    let len = digits.len();
    let prefix = |n: usize| digits[..n].iter().fold(0_u32, |sum, d| sum * 10 + u32::from(*d));
    let (two, three, four) = (prefix(2), prefix(3), prefix(4));
    match two {
        40..=49 => matches!(len, 13 | 16 | 19),
        51..=55 => len == 16,
        22..=27 => len == 16 && (2221..=2720).contains(&four),
        34 | 37 => len == 15,
        30 => (14..=19).contains(&len) && matches!(three, 300..=305 | 309),
        36 => (14..=19).contains(&len),
        38 | 39 => (14..=19).contains(&len),
        35 => (16..=19).contains(&len) && (3528..=3589).contains(&four),
        60 => (16..=19).contains(&len) && four == 6011,
        64 => (16..=19).contains(&len) && (644..=649).contains(&three),
        65 => (16..=19).contains(&len),
        62 | 81 => (16..=19).contains(&len),
        50 | 56..=58 | 63 | 67 => len >= 16,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_uuid_are_no_card() {
        assert!(!holds_card_number(b"id 39400014-0514-401e-ac7e-3f7450d3e946."));
        assert!(holds_card_number(b"39400014-0514-401"));
        assert!(
            holds_card_number(b"39400014-0514-401e-ac7e-3f7450d3e9461"),
            "one digit more is no UUID"
        );
    }

    /// The networks' published test numbers.
    const CARDS: [&str; 9] = [
        "4111111111111111",
        "4012888888881881",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
        "6200000000000005",
    ];

    #[test]
    fn every_networks_test_number_is_found_however_it_is_grouped() {
        for card in CARDS {
            let spaced: Vec<String> = card
                .as_bytes()
                .chunks(4)
                .map(|c| String::from_utf8(c.to_vec()).unwrap())
                .collect();
            for text in [
                card.to_owned(),
                spaced.join(" "),
                spaced.join("-"),
                format!("no {card}."),
            ] {
                assert!(holds_card_number(text.as_bytes()), "{text}");
            }
        }
    }

    #[test]
    fn one_wrong_digit_is_not_a_card_number() {
        assert!(!holds_card_number(b"4111111111111112"));
        assert!(!holds_card_number(b"9999999999999995"));
    }

    #[test]
    fn goods_tickets_and_gateway_references_pass() {
        for text in [
            "4006381333931",
            "10482",
            "200073811442",
            "0f6c0d6e-7f0a-4f55-9a6c-2f4f6a5a1b10",
            "2026-11-14T10:32:16",
        ] {
            assert!(!holds_card_number(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_ticket_number_before_it_does_not_hide_a_card_number() {
        assert!(holds_card_number(b"10482 4111111111111111"));
        assert!(holds_card_number(b"4111111111111111 99"));
    }

    #[test]
    fn last_four_that_begin_another_card_number_are_masked_too() {
        let mut text = b"378282246310005-4111-1111-1111-1111 4111-1111-1111-1111".to_vec();
        mask_card_numbers(&mut text);
        assert!(!holds_card_number(&text), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn masking_keeps_the_last_four_and_the_length() {
        let mut text = b"a 4111-1111-1111-1111 b 378282246310005".to_vec();
        assert_eq!(mask_card_numbers(&mut text), 2);
        assert_eq!(text, b"a ****-****-****-1111 b ***********0005");
    }
}
