//! The tripwire: keeps card data from reaching disk, log or wire.
//!
//! Every source's bytes pass [`sweep`] before anything is stored or sent. It replaces, in memory, what it finds by
//! its kind and at most the last four digits, overwrites the original, counts per kind, and logs nothing.
//!
//! It looks for:
//! - card numbers by the grammar of [`tillwire_proto::pan`], in text, in JSON strings with or without escapes, and in
//!   JSON numbers with or without an exponent; JSON that is quoted inside a JSON string is read too;
//! - magnetic stripe tracks 1 and 2 (ISO/IEC 7813), with their sentinels or around a valid card number;
//! - all of these in base64 (standard or URL alphabet) and percent-encoded, card numbers in EBCDIC's digits, and grouped by
//!   dots, slashes or no-break spaces in the shapes of cards;
//! - card verification codes behind a word or key that says so, and in the same text as a card number;
//! - PIN blocks in hexadecimal: of format 2 by themselves, encrypted ones behind a word that says so, beside a key's serial
//!   number (DUKPT), or beside a card number;
//! - values under keys that terminals use for secrets (Heartland UPA: `PAN`, `clearPAN`, `encryptedPan`,
//!   `trackData`, `Cvv`, `PinDUKPT`, `3DesDukpt`, `EmvTags`, ...), card holder and expiry, tokens that can be charged,
//!   gift card numbers, and the chip tags that hold any of these (EMV 56, 57, 5A, 5F20, 5F24, 99, 9F0B, 9F1F, 9F20, 9F6B).
//!
//! It does not see: numbers that fail the check digit or lie outside the networks' ranges; thirteen or fourteen
//! digits that are a valid bar code number (GTIN) as well; digits grouped in
//! other ways; an encrypted PIN block of which nothing beside it says what it is; a card number inside a longer unbroken row of digits; anything compressed or encrypted, in base64 of base64,
//! in other digits than ASCII's and EBCDIC's, or split over two messages (each dialect hands over whole ones); names and expiry in
//! chip data under a key it does not know; a picture of a card. Behind it, the record types refuse card numbers once more.
//!
//! Keys are found by their text, not by parsing the whole body, so that malformed and cut bodies are swept as well.

use tillwire_proto::TokenFingerprint;
use zeroize::Zeroize as _;

mod code;
mod edit;
mod encoded;
mod keys;
mod number;
mod pin;
mod strings;
mod track;

use edit::Edit;

/// How deep JSON quoted inside JSON strings is followed.
const DEPTH_MAX: u8 = 4;

/// What kind of card data was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A card number (PAN).
    CardNumber,
    /// Magnetic stripe data.
    Track,
    /// A card verification code (CVV, CVC, CSC).
    CardCode,
    /// A PIN or PIN block.
    Pin,
    /// Card data that the terminal encrypted, with its key serial number.
    Encrypted,
    /// Chip data that holds any of the above.
    Chip,
    /// The card holder's name.
    HolderName,
    /// The card's expiry date.
    Expiry,
    /// The issuer digits of a card number that was already masked.
    IssuerDigits,
    /// A token that the merchant can charge.
    Token,
    /// A gift card's number: not a card number, but money.
    GiftCard,
}

impl Kind {
    /// Every kind, in order of declaration.
    pub const ALL: [Self; 11] = [
        Self::CardNumber,
        Self::Track,
        Self::CardCode,
        Self::Pin,
        Self::Encrypted,
        Self::Chip,
        Self::HolderName,
        Self::Expiry,
        Self::IssuerDigits,
        Self::Token,
        Self::GiftCard,
    ];

    /// The word that takes the place of the data.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CardNumber => "card-number",
            Self::Track => "track-data",
            Self::CardCode => "card-code",
            Self::Pin => "pin",
            Self::Encrypted => "encrypted-card-data",
            Self::Chip => "chip-data",
            Self::HolderName => "holder-name",
            Self::Expiry => "expiry",
            Self::IssuerDigits => "issuer-digits",
            Self::Token => "token",
            Self::GiftCard => "gift-card",
        }
    }

    /// True for data that no source should ever have sent here. Holder, expiry, masked numbers and tokens are in
    /// every answer of a well-behaved terminal: they are dropped without raising an alarm.
    #[must_use]
    pub const fn is_alarming(self) -> bool {
        matches!(
            self,
            Self::CardNumber | Self::Track | Self::CardCode | Self::Pin | Self::Encrypted | Self::Chip
        )
    }
}

/// What a sweep replaced.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Redactions {
    counts: [u32; Kind::ALL.len()],
    token: Option<TokenFingerprint>,
}

impl Redactions {
    /// Pieces of one kind.
    #[must_use]
    pub const fn of(&self, kind: Kind) -> u32 {
        self.counts[kind as usize]
    }

    /// Pieces of any kind.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.counts.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// True when something was there that should never have been sent.
    #[must_use]
    pub fn is_alarming(&self) -> bool {
        Kind::ALL
            .into_iter()
            .any(|kind| kind.is_alarming() && self.of(kind) > 0)
    }

    /// Fingerprint of the first token that was replaced, taken before it was overwritten.
    #[must_use]
    pub const fn token(&self) -> Option<TokenFingerprint> {
        self.token
    }

    /// In words, for a notice: `2 card-number, 1 track-data`. Holds no card data.
    #[must_use]
    pub fn words(&self) -> String {
        let seen = Kind::ALL.into_iter().filter(|kind| self.of(*kind) > 0);
        let words: Vec<String> = seen
            .map(|kind| format!("{} {}", self.of(kind), kind.name()))
            .collect();
        words.join(", ")
    }

    /// Adds what another sweep replaced.
    pub fn merge(&mut self, other: &Self) {
        for (sum, more) in self.counts.iter_mut().zip(other.counts) {
            *sum = sum.saturating_add(more);
        }
        self.token = self.token.or(other.token);
    }

    /// Counts a piece that its reader replaced by its place in a message.
    pub fn add(&mut self, kind: Kind) {
        self.counts[kind as usize] = self.counts[kind as usize].saturating_add(1);
    }

    fn count(&mut self, edit: &Edit) {
        if let Some(kind) = edit.kind {
            self.add(kind);
        }
        self.token = self.token.or(edit.token);
    }
}

/// Replaces all card data in `bytes` by its kind and at most the last four digits; the originals are overwritten.
/// Bytes without card data are left exactly as they are.
#[must_use]
pub fn sweep(bytes: &mut Vec<u8>) -> Redactions {
    let mut redactions = Redactions::default();
    sweep_into(bytes, &mut redactions, 0);
    if bytes.contains(&0) {
        sweep_wide(bytes, &mut redactions);
    }
    redactions
}

/// UTF-16 is text with a zero beside every digit. Where reading it so shows card data, the text without zeros is
/// what is kept.
fn sweep_wide(bytes: &mut Vec<u8>, redactions: &mut Redactions) {
    let mut narrow: Vec<u8> = Vec::with_capacity(bytes.len());
    narrow.extend(bytes.iter().filter(|byte| **byte != 0));
    let mut found = Redactions::default();
    sweep_into(&mut narrow, &mut found, 0);
    if found.total() > 0 {
        redactions.merge(&found);
        std::mem::swap(bytes, &mut narrow);
    }
    narrow.zeroize();
}

fn sweep_into(bytes: &mut Vec<u8>, redactions: &mut Redactions, depth: u8) {
    if depth < DEPTH_MAX {
        let (edits, inner) = strings::find(bytes, depth);
        redactions.merge(&inner);
        edit::apply(bytes, edits, redactions);
    }
    sweep_plain(bytes, redactions);
    edit::apply(bytes, encoded::find(bytes), redactions);
}

/// What is written as it is.
fn sweep_plain(bytes: &mut Vec<u8>, redactions: &mut Redactions) {
    for find in [keys::find, track::find, number::find, code::find, pin::find] {
        edit::apply(bytes, find(bytes), redactions);
    }
}

/// Replaces every digit of every row of three or more digits by `#`. For bytes off a terminal's wire that are no
/// message at all: their shape may be kept for a look, their figures may not, for nobody knows what they are.
pub fn blank_digits(bytes: &mut [u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let len = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        if len >= 3 {
            bytes[at..at + len].fill(b'#');
        }
        at += len.max(1);
    }
}

#[cfg(test)]
mod tests;
