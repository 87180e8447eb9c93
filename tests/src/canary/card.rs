//! Card data that was never issued: numbers of the networks' ranges with the right check digit, in the shapes in which tills,
//! terminals and people write them.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// How card data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// Digits.
    Plain,
    /// Groups with a space between them.
    Spaced,
    /// Groups with a dash between them.
    Dashed,
    /// Groups with a dot between them.
    Dotted,
    /// With the words around it that people write.
    WithCode,
    /// Magnetic stripe, track 1 (ISO/IEC 7813).
    Track1,
    /// Magnetic stripe, track 2.
    Track2,
    /// EMV tag 57, in hexadecimal.
    Tag57,
    /// EMV tag 5A, in hexadecimal.
    Tag5A,
    /// Base64 of track 2.
    Base64,
    /// Base64 with the URL alphabet, of the digits.
    Base64Url,
    /// Each digit as a percent code.
    Percent,
    /// EBCDIC's digits.
    Ebcdic,
    /// UTF-16, little end first.
    Utf16,
    /// A PIN block in clear, as a terminal hands it to a chip (ISO 9564 format 2).
    PinForChip,
    /// An encrypted PIN block with its key's serial number.
    PinWithSerial,
    /// An encrypted PIN block behind words that say so.
    PinNamed,
    /// An encrypted PIN block behind a card number.
    PinWithCard,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Plain,
        Self::Spaced,
        Self::Dashed,
        Self::Dotted,
        Self::WithCode,
        Self::Track1,
        Self::Track2,
        Self::Tag57,
        Self::Tag5A,
        Self::Base64,
        Self::Base64Url,
        Self::Percent,
        Self::Ebcdic,
        Self::Utf16,
        Self::PinForChip,
        Self::PinWithSerial,
        Self::PinNamed,
        Self::PinWithCard,
    ];

    /// A word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Spaced => "spaced",
            Self::Dashed => "dashed",
            Self::Dotted => "dotted",
            Self::WithCode => "with-code",
            Self::Track1 => "track-1",
            Self::Track2 => "track-2",
            Self::Tag57 => "tag-57",
            Self::Tag5A => "tag-5a",
            Self::Base64 => "base64",
            Self::Base64Url => "base64-url",
            Self::Percent => "percent",
            Self::Ebcdic => "ebcdic",
            Self::Utf16 => "utf-16",
            Self::PinForChip => "pin-for-chip",
            Self::PinWithSerial => "pin-with-serial",
            Self::PinNamed => "pin-named",
            Self::PinWithCard => "pin-with-card",
        }
    }

    /// Whether it is text that any document can quote.
    #[must_use]
    pub const fn is_text(self) -> bool {
        !matches!(self, Self::Ebcdic | Self::Utf16)
    }
}

/// One piece of card data.
#[derive(Debug, Clone)]
pub struct Canary {
    /// What must not be found: the card number, digits only, or the PIN block.
    pub secret: String,
    /// How it is written.
    pub bytes: Vec<u8>,
}

impl Canary {
    /// Draws one of a shape.
    pub fn draw(shape: Shape, rng: &mut ChaCha8Rng) -> Self {
        let number = number(rng);
        if let Some((block, text)) = pin(&number, shape, rng) {
            return Self {
                secret: block,
                bytes: text.into_bytes(),
            };
        }
        let bytes = written(&number, shape, rng);
        Self {
            secret: number,
            bytes,
        }
    }

    /// As text, of a shape that is text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }
}

/// Issuer ranges and lengths of the networks.
const NETWORKS: [(&str, usize); 9] = [
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("2720", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("3530", 16),
];

fn number(rng: &mut ChaCha8Rng) -> String {
    let (issuer, len) = NETWORKS[rng.random_range(0..NETWORKS.len())];
    let mut digits = issuer.to_owned();
    while digits.len() < len - 1 {
        digits.push(char::from(b'0' + rng.random_range(0..10)));
    }
    // Luhn: every second digit from the right counts twice, the check digit is on its right
    let twice = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let values = digits
        .bytes()
        .rev()
        .map(|byte| u32::from(byte - b'0'))
        .enumerate();
    let sum: u32 = values
        .map(|(nth, digit)| if nth % 2 == 0 { twice(digit) } else { digit })
        .sum();
    digits.push(char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0'));
    digits
}

/// Groups as cards print them: 4-4-4-4, or 4-6-5.
fn grouped(number: &str, by: char) -> String {
    let ends: &[usize] = if number.len() == 15 { &[4, 10] } else { &[4, 8, 12] };
    let mut text = String::new();
    for (at, digit) in number.chars().enumerate() {
        if ends.contains(&at) {
            text.push(by);
        }
        text.push(digit);
    }
    text
}

/// A PIN block and how it is written, of a shape that is one.
fn pin(number: &str, shape: Shape, rng: &mut ChaCha8Rng) -> Option<(String, String)> {
    // what a cipher gives has no pattern; one without a letter is one in two thousand, and no less secret where it is named
    let encrypted = format!("{:016X}", rng.random::<u64>() | 0xA000);
    Some(match shape {
        Shape::PinForChip => {
            let len = rng.random_range(4..=12);
            let digits: String = (0..len)
                .map(|_| char::from(b'0' + rng.random_range(0..10)))
                .collect();
            let block = format!("{:F<16}", format!("2{len:X}{digits}"));
            (block.clone(), block)
        }
        Shape::PinWithSerial => {
            let serial = format!("FFFF{:016X}", rng.random::<u64>());
            let text = format!("{encrypted} {serial}");
            (encrypted, text)
        }
        Shape::PinNamed => {
            let word = ["PIN block: ", "pinblk=", "Encrypted PIN ", "EPB "][rng.random_range(0..4)];
            let text = format!("{word}{encrypted}");
            (encrypted, text)
        }
        Shape::PinWithCard => {
            let text = format!("{number} {encrypted}");
            (encrypted, text)
        }
        _ => return None,
    })
}

fn written(number: &str, shape: Shape, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let (year, month) = (rng.random_range(26..32), rng.random_range(1..13));
    let track2 = format!(
        ";{number}={year}{month:02}201{:05}?",
        rng.random_range(0..100_000)
    );
    let text = match shape {
        Shape::Plain => number.to_owned(),
        Shape::Spaced => grouped(number, ' '),
        Shape::Dashed => grouped(number, '-'),
        Shape::Dotted => grouped(number, '.'),
        Shape::WithCode => format!(
            "card {number} exp {month:02}/{year} cvv {:03}",
            rng.random_range(0..1000)
        ),
        Shape::Track1 => format!("%B{number}^CARDHOLDER/TEST^{year}{month:02}2010000000?"),
        Shape::Track2 => track2,
        Shape::Tag57 => {
            let mut data = format!("{number}D{year}{month:02}201");
            if data.len() % 2 == 1 {
                data.push('F');
            }
            format!("57{:02X}{data}", data.len() / 2)
        }
        Shape::Tag5A => {
            let mut data = number.to_owned();
            if data.len() % 2 == 1 {
                data.push('F');
            }
            format!("5A{:02X}{data}", data.len() / 2)
        }
        Shape::Base64 => BASE64.encode(track2.as_bytes()),
        Shape::Base64Url => BASE64URL_NOPAD.encode(number.as_bytes()),
        Shape::Percent => number.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        Shape::PinForChip | Shape::PinWithSerial | Shape::PinNamed | Shape::PinWithCard => return Vec::new(),
        Shape::Ebcdic => return number.bytes().map(|byte| byte - b'0' + 0xF0).collect(),
        Shape::Utf16 => return number.bytes().flat_map(|byte| [byte, 0]).collect(),
    };
    text.into_bytes()
}
