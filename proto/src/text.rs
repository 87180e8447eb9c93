//! Bounded text. Every free text that a record can hold goes through here, and none can hold a card number:
//! the constructors look for one, and so does reading from bytes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::pan;

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but spaces.
    #[error("{what} is empty")]
    Empty {
        /// The field's word.
        what: &'static str,
    },
    /// Longer than the field may be.
    #[error("{what} has {found} bytes, at most {wanted} are allowed")]
    TooLong {
        /// The field's word.
        what: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        wanted: usize,
    },
    /// A control character.
    #[error("{what} holds control character {found:?}, wanted printable text")]
    Control {
        /// The field's word.
        what: &'static str,
        /// The character.
        found: char,
    },
    /// Something that reads as a card number. The text itself is never repeated.
    #[error("{what} holds what reads as a card number; remove it at the source")]
    CardNumber {
        /// The field's word.
        what: &'static str,
    },
}

fn check(what: &'static str, text: &str, max: usize) -> Result<(), TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Empty { what });
    }
    if text.len() > max {
        return Err(TextError::TooLong {
            what,
            found: text.len(),
            wanted: max,
        });
    }
    if let Some(found) = text.chars().find(|c| c.is_control()) {
        return Err(TextError::Control { what, found });
    }
    if pan::holds_card_number(text.as_bytes()) {
        return Err(TextError::CardNumber { what });
    }
    Ok(())
}

/// Printable, cut at `max` bytes on a character's edge, card numbers masked; `None` when nothing is left.
fn clean(text: &str, max: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    pan::mask_card_numbers(&mut bytes);
    let masked = String::from_utf8_lossy(&bytes);
    let mut out = String::new();
    for c in masked
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
    {
        if out.len() + c.len_utf8() > max {
            break;
        }
        out.push(c);
    }
    let out = out.trim_end().to_owned();
    (!out.is_empty()).then_some(out)
}

macro_rules! text {
    ($(#[$doc:meta])* $type:ident, $what:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Longest text, in bytes of UTF-8.
            pub const LEN_MAX: usize = $max;

            /// Takes the text as it is.
            ///
            /// # Errors
            /// [`TextError`] when it is empty, too long, not printable or holds a card number.
            pub fn new(text: &str) -> Result<Self, TextError> {
                check($what, text, $max)?;
                Ok(Self(Arc::from(text)))
            }

            /// Makes the best of any text: trims, cuts, blanks control characters, masks card numbers.
            /// `None` when nothing printable is left. For notes that people read, never for identities.
            #[must_use]
            pub fn cleaned(text: &str) -> Option<Self> {
                clean(text, $max).and_then(|text| Self::new(&text).ok())
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

        impl std::str::FromStr for $type {
            type Err = TextError;
            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::new(text)
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

text!(
    /// The number that the POS prints on the ticket.
    TicketNumber, "ticket number", 40
);
text!(
    /// The POS's own internal id of a transaction, line or payment.
    PosId, "POS id", 48
);
text!(
    /// Stock keeping unit: the POS's item number, which is Odoo's `default_code`.
    Sku, "SKU", 64
);
text!(
    /// What a line, discount or movement is called on the receipt.
    Description, "description", 120
);
text!(
    /// Who rang the sale up.
    Operator, "operator", 40
);
text!(
    /// Taxing authority as the POS names it, such as "Sales Tax" or "TX-Travis".
    Jurisdiction, "tax jurisdiction", 64
);
text!(
    /// A code that the POS or the retailer chose: reason, tender type.
    Code, "code", 40
);
text!(
    /// A sentence for people.
    Note, "note", 400
);
text!(
    /// A program's version, such as `0.1.0+4f1c2d`.
    Version, "version", 40
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_type_takes_a_card_number() {
        assert!(matches!(
            Description::new("card 4111 1111 1111 1111"),
            Err(TextError::CardNumber { .. })
        ));
        assert_eq!(
            Description::cleaned("card 4111 1111 1111 1111 ok")
                .unwrap()
                .as_str(),
            "card **** **** **** 1111 ok"
        );
    }

    #[test]
    fn a_refusal_does_not_repeat_the_card_number() {
        let error = TicketNumber::new("4111111111111111").unwrap_err().to_string();
        assert!(!error.contains("1111"), "{error}");
    }

    #[test]
    fn cleaning_keeps_whole_characters() {
        let text = "é".repeat(100);
        assert_eq!(Description::cleaned(&text).unwrap().as_str().len(), 120);
        assert!(Description::cleaned(" \u{7} ").is_none());
        assert!(Sku::new("A\nB").is_err());
    }

    #[test]
    fn bytes_with_a_card_number_do_not_become_a_text() {
        let bytes = postcard::to_stdvec("5555555555554444").unwrap();
        assert!(postcard::from_bytes::<Sku>(&bytes).is_err());
    }
}
