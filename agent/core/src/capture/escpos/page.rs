//! Code pages by the numbers of `ESC t`.

use oem_cp::{decode_char_complete_table as complete, decode_char_incomplete_table_lossy as incomplete};

/// A code page of a printer. Numbers are Epson's; makers of copies keep to the first twenty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CodePage(u8);

/// `0x80` to `0x9F` of Windows 1252; the rest is Latin 1.
const WINDOWS_1252: &str = "€\u{FFFD}‚ƒ„…†‡ˆ‰Š‹Œ\u{FFFD}Ž\u{FFFD}\u{FFFD}‘’“”•–—˜™š›œ\u{FFFD}žŸ";

impl CodePage {
    /// By the number that `ESC t` names it with: 0 is PC437, 2 PC850, 16 Windows 1252, 19 PC858.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// By its name in configuration.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let known = Self::NAMES.iter().find(|(_, known)| *known == name);
        known.map(|(number, _)| Self(*number))
    }

    /// The names that a configuration may use, with their numbers.
    pub const NAMES: [(u8, &'static str); 16] = [
        (0, "pc437"),
        (2, "pc850"),
        (3, "pc860"),
        (4, "pc863"),
        (5, "pc865"),
        (13, "pc857"),
        (14, "pc737"),
        (16, "wpc1252"),
        (17, "pc866"),
        (18, "pc852"),
        (19, "pc858"),
        (33, "pc775"),
        (34, "pc855"),
        (35, "pc861"),
        (36, "pc862"),
        (38, "pc869"),
    ];

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The character of one byte; `U+FFFD` for a byte or a page that is not known.
    #[must_use]
    pub fn char(self, byte: u8) -> char {
        use oem_cp::code_table as table;
        if byte.is_ascii() {
            return byte.into();
        }
        match self.0 {
            0 => complete(byte, &table::DECODING_TABLE_CP437),
            2 => complete(byte, &table::DECODING_TABLE_CP850),
            3 => complete(byte, &table::DECODING_TABLE_CP860),
            4 => complete(byte, &table::DECODING_TABLE_CP863),
            5 => complete(byte, &table::DECODING_TABLE_CP865),
            13 => incomplete(byte, &table::DECODING_TABLE_CP857),
            14 => complete(byte, &table::DECODING_TABLE_CP737),
            16 if byte < 0xA0 => {
                let at = usize::from(byte - 0x80);
                WINDOWS_1252
                    .chars()
                    .nth(at)
                    .unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            16 => byte.into(),
            17 => complete(byte, &table::DECODING_TABLE_CP866),
            18 => complete(byte, &table::DECODING_TABLE_CP852),
            19 => complete(byte, &table::DECODING_TABLE_CP858),
            33 => complete(byte, &table::DECODING_TABLE_CP775),
            34 => complete(byte, &table::DECODING_TABLE_CP855),
            35 => complete(byte, &table::DECODING_TABLE_CP861),
            36 => complete(byte, &table::DECODING_TABLE_CP862),
            38 => complete(byte, &table::DECODING_TABLE_CP869),
            _ => char::REPLACEMENT_CHARACTER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_word_in_three_code_pages() {
        for (page, bytes) in [
            ("pc437", &b"Caf\x82 \x9c"[..]),
            ("pc858", b"Caf\x82 \x9c"),
            ("wpc1252", b"Caf\xe9 \xa3"),
        ] {
            let page = CodePage::named(page).unwrap();
            let text: String = bytes.iter().map(|byte| page.char(*byte)).collect();
            assert_eq!(text, "Café £", "{page:?}");
        }
        assert_eq!(CodePage::named("wpc1252").unwrap().char(0x80), '€');
        assert_eq!(CodePage::named("pc858").unwrap().char(0xD5), '€');
        assert_eq!(CodePage::new(200).char(0x80), char::REPLACEMENT_CHARACTER);
    }

    #[test]
    fn every_name_has_a_table() {
        for (number, name) in CodePage::NAMES {
            assert_eq!(CodePage::named(name).unwrap().number(), number);
            assert_ne!(
                CodePage::new(number).char(0xA1),
                char::REPLACEMENT_CHARACTER,
                "{name}"
            );
        }
    }
}
