//! Card facts: brand, last four, entry mode, authorisation code, processor reference, token fingerprint.
//! Nothing else of a card exists in our types, and none of these types can hold a card number.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::Digest;
use crate::pan;

/// Card network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CardBrand {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// American Express.
    Amex,
    /// Discover.
    Discover,
    /// Diners Club.
    Diners,
    /// JCB.
    Jcb,
    /// China UnionPay.
    UnionPay,
    /// Electronic benefit transfer.
    Ebt,
    /// A brand that the source did not name or that we do not know.
    Other,
}

impl CardBrand {
    /// Reads what terminals and tickets write: `VISA`, `MasterCard`, `MC`, `AMERICAN EXPRESS` and the like.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
        match letters.to_ascii_uppercase().as_str() {
            "VISA" | "VISADEBIT" | "VISACREDIT" => Self::Visa,
            "MASTERCARD" | "MC" | "MASTERCARDDEBIT" => Self::Mastercard,
            "AMEX" | "AMERICANEXPRESS" => Self::Amex,
            "DISCOVER" | "DISC" | "DISCOVERDEBIT" => Self::Discover,
            "DINERS" | "DINERSCLUB" => Self::Diners,
            "JCB" => Self::Jcb,
            "UNIONPAY" | "CUP" | "CHINAUNIONPAY" => Self::UnionPay,
            "EBT" | "EBTFOOD" | "EBTCASH" => Self::Ebt,
            _ => Self::Other,
        }
    }

    /// Lower-case name, as configuration and mapping files write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
            Self::Discover => "discover",
            Self::Diners => "diners",
            Self::Jcb => "jcb",
            Self::UnionPay => "unionpay",
            Self::Ebt => "ebt",
            Self::Other => "other",
        }
    }
}

/// How the card was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EntryMode {
    /// The source did not say.
    Unknown,
    /// Typed in.
    Manual,
    /// Magnetic stripe.
    Swipe,
    /// Contactless chip.
    Contactless,
    /// Contact chip.
    Chip,
    /// Stripe after the chip failed.
    Fallback,
}

impl EntryMode {
    /// Reads UPA's `cardAcquisition`: `CHIP`, `SWIPE`, `TAP`, `CONTACTLESS`, `MANUAL`, `FALLBACK`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text.to_ascii_uppercase().as_str() {
            "CHIP" | "INSERT" | "EMV" => Self::Chip,
            "SWIPE" | "MSR" => Self::Swipe,
            "TAP" | "CONTACTLESS" | "CTLS" => Self::Contactless,
            "MANUAL" | "KEYED" => Self::Manual,
            "FALLBACK" => Self::Fallback,
            _ => Self::Unknown,
        }
    }
}

/// The last four digits. Four digits cannot be a card number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Last4([u8; 4]);

impl Last4 {
    /// Exactly four digits.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let digits: [u8; 4] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// The last four of any masked form such as `411111******1111`; the rest is not looked at and not kept.
    #[must_use]
    pub fn of_masked(text: &str) -> Option<Self> {
        text.get(text.len().checked_sub(4)?..).and_then(Self::new)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("????")
    }
}

impl fmt::Debug for Last4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Last4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Last4 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: u16 = self.as_str().parse().unwrap_or(0);
        if serializer.is_human_readable() {
            serializer.serialize_str(self.as_str())
        } else {
            value.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Last4 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = if deserializer.is_human_readable() {
            String::deserialize(deserializer)?
        } else {
            format!("{:04}", u16::deserialize(deserializer)?)
        };
        Self::new(&text)
            .ok_or_else(|| D::Error::custom(format!("found {} characters, wanted four digits", text.len())))
    }
}

/// Why a card reference was refused. The text is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not 1 to {max} letters, digits or '-', or reads as a card number")]
pub struct ReferenceError {
    what: &'static str,
    max: usize,
}

macro_rules! reference {
    ($(#[$doc:meta])* $type:ident, $what:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Box<str>);

        impl $type {
            /// Checks alphabet and length, and that it is not a card number.
            ///
            /// # Errors
            /// [`ReferenceError`], which never repeats the text.
            pub fn new(text: &str) -> Result<Self, ReferenceError> {
                let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                if plain && (1..=$max).contains(&text.len()) && !pan::holds_card_number(text.as_bytes()) {
                    Ok(Self(text.into()))
                } else {
                    Err(ReferenceError { what: $what, max: $max })
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

reference!(
    /// The issuer's approval code, printed on the slip.
    AuthCode, "authorisation code", 12
);
reference!(
    /// The gateway's own number of the payment (UPA `referenceNumber`, Portico `GatewayTxnId`).
    ProcessorReference, "processor reference", 40
);

/// The first eight bytes of the SHA-256 of a processor's token: enough to see that two payments used the same
/// card on file, useless for charging it. The token itself is not kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenFingerprint([u8; 8]);

impl TokenFingerprint {
    /// Of the token as the terminal gave it.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let mut out = [0; 8];
        out.copy_from_slice(&Digest::of(token.as_bytes()).0[..8]);
        Self(out)
    }
}

impl fmt::Debug for TokenFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// All that we keep of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardFacts {
    /// Network.
    pub brand: CardBrand,
    /// Last four digits.
    pub last4: Option<Last4>,
    /// How it was read.
    pub entry_mode: EntryMode,
    /// Issuer's approval code.
    pub auth_code: Option<AuthCode>,
    /// Gateway's number of the payment.
    pub reference: Option<ProcessorReference>,
    /// Fingerprint of the processor's token.
    pub token: Option<TokenFingerprint>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_refuse_card_numbers_without_repeating_them() {
        let error = ProcessorReference::new("4111111111111111")
            .unwrap_err()
            .to_string();
        assert!(!error.contains("4111"));
        assert!(AuthCode::new("05231A").is_ok());
        assert!(ProcessorReference::new("200073811442").is_ok());
    }

    #[test]
    fn last_four_keeps_leading_zeros_and_nothing_else() {
        let last4 = Last4::of_masked("411111******0087").unwrap();
        let bytes = postcard::to_stdvec(&last4).unwrap();
        assert_eq!(postcard::from_bytes::<Last4>(&bytes).unwrap().as_str(), "0087");
        assert!(bytes.len() <= 3);
        assert!(Last4::new("12345").is_none());
        assert!(postcard::from_bytes::<Last4>(&postcard::to_stdvec(&10_000_u16).unwrap()).is_err());
    }
}
