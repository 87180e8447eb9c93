use proptest::prelude::*;

use super::*;

const TICKET: &[u8] = include_bytes!("../../tests/fixtures/retail/valid/retail-ticket.json");
const RETURN: &[u8] = include_bytes!("../../tests/fixtures/retail/valid/retail-return.json");

fn swept(text: &str) -> (String, Redactions) {
    let mut bytes = text.as_bytes().to_vec();
    let redactions = sweep(&mut bytes);
    (String::from_utf8(bytes).unwrap(), redactions)
}

#[test]
fn ordinary_tickets_stay_byte_for_byte() {
    for ticket in [TICKET, RETURN] {
        let mut bytes = ticket.to_vec();
        assert_eq!(sweep(&mut bytes).total(), 0);
        assert_eq!(bytes, ticket);
    }
}

#[test]
fn every_disguise_of_card_data_is_replaced() {
    let cases = include_str!("../../tests/fixtures/tripwire.tsv");
    let mut seen = 0;
    for case in cases
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (found, wanted) = case.split_once('\t').expect("two columns");
        let (out, redactions) = swept(&found.replace("<CR><LF>", "\r\n"));
        assert_eq!(out, wanted, "{found}");
        assert!(redactions.total() > 0, "{found}");
        assert_eq!(
            swept(&out),
            (out.clone(), Redactions::default()),
            "swept twice: {found}"
        );
        seen += 1;
    }
    assert!(seen > 30, "only {seen} cases were read");
}

#[test]
fn innocent_figures_are_left_alone() {
    for text in [
        r#"{"CvvResultCode":"M","CvvResultText":"MATCH 123"}"#,
        r#"{"securityCode":"Y","cardHolderName":"","expiryDate":null,"PAN":{}}"#,
        r#"{"tranNo":"0031","referenceNumber":"200073811442","public_id":10482}"#,
        r#"{"note":"cvvless 1234567890123456","maskedPan":"************1111"}"#,
        r#"{"emv":{"4F":"A0000000031010","9F26":"1A2B3C4D5E6F7081"},"57":"x","99":"y"}"#,
        "order=1234567890123=2026, at 10:32:16, 4111111111111112, 123 Main Street",
        r#"{"a":"b\\","c":"d\"e","f":"caf\u00e9 12"}"#,
        "trace 0A1B2C3D4E5F6071, 2412345678901234, 2312FFFFFFFFFFFF, 24A234FFFFFFFFFF, pin pad 0A1B2C3D4E5F6071",
        "key FFFF9876543210E00001",
        "sha 0123456789abcdef0123456789abcdef, not a pinblock at all: 0A1B2C3D4E5F6071",
    ] {
        let (out, redactions) = swept(text);
        assert_eq!((out.as_str(), redactions.total()), (text, 0));
    }
}

#[test]
fn a_token_leaves_its_fingerprint_and_nothing_else() {
    let (out, redactions) = swept(r#"{"tokenValue":"TKN-SAMPLE-7Q"}"#);
    assert_eq!(out, r#"{"tokenValue":"[token]"}"#);
    assert_eq!(redactions.token(), Some(TokenFingerprint::of("TKN-SAMPLE-7Q")));
    assert!(!redactions.is_alarming());
}

#[test]
fn counts_are_per_kind_and_told_in_words() {
    let (_, redactions) =
        swept(r#"{"PAN":{"clearPAN":"4111111111111111"},"Cvv":"123","b":"5555555555554444"}"#);
    assert_eq!(redactions.words(), "2 card-number, 1 card-code");
    assert!(redactions.is_alarming());
}

#[test]
fn wide_text_is_read_as_text() {
    let mut bytes: Vec<u8> = "card 4111111111111111"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(sweep(&mut bytes).of(Kind::CardNumber), 1);
    assert_eq!(bytes, b"card [card-number 1111]");
    let mut innocent: Vec<u8> = "ticket 10482".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let before = innocent.clone();
    assert_eq!((sweep(&mut innocent).total(), innocent), (0, before));
}

#[test]
fn blanking_leaves_no_row_of_three_digits() {
    let mut bytes = b"A00 1.41 4111=1228 99 x123".to_vec();
    blank_digits(&mut bytes);
    assert_eq!(bytes, b"A00 1.41 ####=#### 99 x###");
}

/// Prefixes and lengths that the networks use.
const RANGES: [(&str, usize); 10] = [
    ("4", 16),
    ("51", 16),
    ("2221", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("65", 16),
    ("36", 14),
    ("3530", 16),
    ("62", 19),
];

fn with_check_digit(mut digits: Vec<u8>) -> String {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            let value = u32::from(*d) * if i % 2 == 0 { 2 } else { 1 };
            value / 10 + value % 10
        })
        .sum();
    digits.push(u8::try_from((10 - sum % 10) % 10).unwrap());
    digits.iter().map(|d| char::from(b'0' + d)).collect()
}

prop_compose! {
    fn any_card()(range in 0..RANGES.len(), filler in proptest::collection::vec(0..10_u8, 20)) -> String {
        let (prefix, len) = RANGES[range];
        let mut digits: Vec<u8> = prefix.bytes().map(|b| b - b'0').collect();
        digits.extend(&filler[..len - 1 - digits.len()]);
        with_check_digit(digits)
    }
}

/// Fourteen digits may be a valid bar code number as well; those count as goods.
fn card() -> impl Strategy<Value = String> {
    any_card().prop_filter("a bar code", |card| {
        tillwire_proto::pan::holds_card_number(card.as_bytes())
    })
}

fn dressed(card: &str, dress: usize) -> String {
    let groups: Vec<&str> = card
        .as_bytes()
        .chunks(4)
        .map(|c| std::str::from_utf8(c).unwrap())
        .collect();
    match dress {
        0 => groups.join(" "),
        1 => groups.join("-"),
        2 => format!("%B{card}^VALE/JORDAN^28121011000012345?"),
        3 => format!(";{card}=28121011000012345?"),
        4 => card.bytes().map(|b| format!("\\u{:04x}", u32::from(b))).collect(),
        5 => groups.join("\r\n"),
        6 => format!(r#"{{\"pan\":\"{card}\"}}"#),
        7 => format!("{card}D28121011000012345F"),
        _ => card.to_owned(),
    }
}

/// What a thief would do with what is left: read JSON strings, drop everything but digits.
fn digits_left(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = text.to_string();
    for d in 0..10 {
        plain = plain.replace(&format!("\\u003{d}"), &d.to_string());
    }
    plain.chars().filter(char::is_ascii_digit).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_canary_survives_anywhere_in_a_ticket(card in card(), dress in 0..9_usize, place in 0..12_usize) {
        let at = TICKET.windows(4).enumerate().filter(|(_, w)| *w == b"\": \"").map(|(i, _)| i + 4).nth(place);
        let at = at.expect("the ticket has more strings than that");
        let mut bytes = TICKET.to_vec();
        let canary = dressed(&card, dress);
        bytes.splice(at..at, canary.bytes().chain(*b" "));
        let redactions = sweep(&mut bytes);
        prop_assert!(redactions.is_alarming());
        prop_assert!(!digits_left(&bytes).contains(&card), "{}", String::from_utf8_lossy(&bytes));
        prop_assert!(!digits_left(&bytes).contains(&card[..12]));
    }

    #[test]
    fn no_canary_survives_as_a_json_number(card in card(), form in 0..3_usize) {
        let number = match form {
            0 => card.clone(),
            1 => format!("{}.{}e{}", &card[..1], &card[1..], card.len() - 1),
            _ => format!("{card}.0"),
        };
        let mut bytes = format!(r#"{{"id": {number}, "b": [1]}}"#).into_bytes();
        prop_assert_eq!(sweep(&mut bytes).of(Kind::CardNumber), 1);
        prop_assert!(!digits_left(&bytes).contains(&card[..12]));
        if form < 2 {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        }
    }

    #[test]
    fn any_bytes_are_swept_without_panic_and_twice_is_once(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut once = bytes;
        let _ = sweep(&mut once);
        let mut twice = once.clone();
        let _ = sweep(&mut twice);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn json_like_bytes_are_swept_without_panic(text in r#"[\[\]{}":,\\ue0-9.+^=;%?BDPANcvr \n-]{0,300}"#) {
        let mut bytes = text.into_bytes();
        let _ = sweep(&mut bytes);
        prop_assert!(!tillwire_proto::pan::holds_card_number(&bytes));
    }
}

#[test]
fn digits_of_ebcdic_are_digits() {
    let mut bytes = b"\xc1\x40".to_vec();
    bytes.extend(b"4111111111111111".map(|digit| digit - b'0' + 0xf0));
    bytes.push(0x40);
    let redactions = sweep(&mut bytes);
    assert_eq!(bytes, b"\xc1\x40[card-number 1111]\x40");
    assert_eq!(redactions.of(Kind::CardNumber), 1);
}

/// Figures that stores really write: ticket numbers, times, bar codes, telephone numbers, order numbers, identifiers.
fn innocent(seed: u64) -> String {
    // a small generator of its own: the same figures on every machine
    let mut state = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(0x1234_5678_9abc_def1);
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    match seed % 8 {
        0 => format!("ticket {}", 10_000_000 + next(90_000_000)),
        1 => format!(
            "2026{:02}{:02}{:02}{:02}{:02}{}",
            1 + next(12),
            1 + next(28),
            next(24),
            next(60),
            next(60),
            next(1000)
        ),
        2 => format!(
            "({:03}) {:03}-{:04} ext. {}",
            200 + next(700),
            next(1000),
            next(10_000),
            next(1000)
        ),
        3 => format!("PO-{:04}-{:06}", 2020 + next(10), next(1_000_000)),
        4 => format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            next(1 << 32),
            next(1 << 16),
            next(1 << 12),
            next(1 << 12),
            next(1 << 48)
        ),
        5 => {
            let body = 30_000_000_000 + next(9_000_000_000);
            let sum: u64 = body
                .to_string()
                .bytes()
                .enumerate()
                .map(|(at, digit)| u64::from(digit - b'0') * if at % 2 == 0 { 3 } else { 1 })
                .sum();
            format!("{body}{}", (10 - sum % 10) % 10)
        }
        6 => format!(
            "192.168.{}.{} 1.{}.{}",
            next(256),
            next(256),
            next(100),
            next(1000)
        ),
        _ => data_encoding::BASE64.encode(&next(u64::MAX).to_be_bytes().repeat(4)),
    }
}

#[test]
fn of_two_hundred_thousand_figures_that_stores_write_at_most_two_raise_an_alarm() {
    let mut alarms = Vec::new();
    for seed in 0..200_000 {
        let text = innocent(seed);
        let mut bytes = text.clone().into_bytes();
        if sweep(&mut bytes).is_alarming() {
            alarms.push(text);
        }
    }
    println!("{} false alarms in 200000: {alarms:?}", alarms.len());
    assert!(alarms.len() <= 2, "{alarms:?}");
}
