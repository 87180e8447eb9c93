//! Money: whole minor units with their currency beside them. No float, no silent rounding, no silent overflow.

use std::fmt;

use iso_currency::Currency as Iso;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(u16);

impl Currency {
    /// The US dollar, Heartland's home currency.
    pub const USD: Self = Self(840);

    /// By its three letters, any case.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] for a code that ISO 4217 does not list.
    pub fn from_code(code: &str) -> Result<Self, MoneyError> {
        Iso::from_code(&code.to_ascii_uppercase())
            .map(|iso| Self(iso.numeric()))
            .ok_or_else(|| MoneyError::UnknownCurrency(code.chars().take(8).collect()))
    }

    /// By its ISO number (840 is USD).
    #[must_use]
    pub fn from_numeric(numeric: u16) -> Option<Self> {
        Iso::from_numeric(numeric).map(|iso| Self(iso.numeric()))
    }

    /// The three letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.iso().map_or("XXX", |iso| iso.code())
    }

    /// The ISO number, which is what travels on the wire.
    #[must_use]
    pub const fn numeric(self) -> u16 {
        self.0
    }

    /// Digits after the point: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn exponent(self) -> u32 {
        self.iso().and_then(|iso| iso.exponent()).unwrap_or(0).into()
    }

    fn iso(self) -> Option<Iso> {
        Iso::from_numeric(self.0)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.code().serialize(serializer)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let code = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
            Self::from_code(&code).map_err(serde::de::Error::custom)
        } else {
            let numeric = u16::deserialize(deserializer)?;
            Self::from_numeric(numeric).ok_or_else(|| {
                serde::de::Error::custom(format!("found currency number {numeric}, wanted ISO 4217"))
            })
        }
    }
}

/// Why an amount could not be read or computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// ISO 4217 has no such code.
    #[error("found currency {0:?}, wanted a code of ISO 4217 such as USD")]
    UnknownCurrency(String),
    /// Two currencies met in one computation.
    #[error("found an amount in {found}, wanted {wanted}")]
    CurrencyMismatch {
        /// The second amount's currency.
        found: Currency,
        /// The first amount's currency.
        wanted: Currency,
    },
    /// The text is not a plain decimal number.
    #[error("found {0:?}, wanted a decimal amount such as 12.50")]
    NotDecimal(String),
    /// More digits after the point than the currency has.
    #[error("found {found:?}, wanted at most {digits} digits after the point for {currency}")]
    TooPrecise {
        /// The text.
        found: String,
        /// Digits that the currency has.
        digits: u32,
        /// The currency.
        currency: Currency,
    },
    /// Beyond 64 bits of minor units.
    #[error("amount is beyond 64 bits of minor units")]
    Overflow,
}

/// How a division rounds. Every division names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest unit; a half goes away from zero (what Odoo's `HALF-UP` does).
    HalfUp,
    /// To the nearest unit; a half goes to the even neighbour.
    HalfEven,
    /// Towards zero.
    Down,
}

/// An amount of money: minor units (cents for USD) and the currency. May be negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Amount {
    minor: i64,
    currency: Currency,
}

impl Amount {
    /// `minor` whole minor units.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// True for exactly nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// True below nothing.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// Reads decimal text such as `95.04`, `-4.96`, `0.0` or `1e2` free JSON number text. Exact: trailing zeros
    /// beyond the currency's digits are fine, other digits there are an error, never rounded.
    ///
    /// # Errors
    /// [`MoneyError::NotDecimal`], [`MoneyError::TooPrecise`], [`MoneyError::Overflow`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let digits = currency.exponent();
        let (mantissa, scale) = crate::decimal::parse(text)
            .ok_or_else(|| MoneyError::NotDecimal(text.chars().take(40).collect()))?;
        let minor =
            crate::decimal::rescale_exact(mantissa, scale, digits).ok_or_else(|| MoneyError::TooPrecise {
                found: text.chars().take(40).collect(),
                digits,
                currency,
            })?;
        i64::try_from(minor)
            .map(|minor| Self { minor, currency })
            .map_err(|_| MoneyError::Overflow)
    }

    /// Sum.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// Difference.
    ///
    /// # Errors
    /// As [`Amount::checked_add`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.checked_add(other.checked_neg()?)
    }

    /// The same amount with the other sign.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] for the one value without an opposite.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_neg().ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// Sum of many, starting from nothing in `currency`.
    ///
    /// # Errors
    /// As [`Amount::checked_add`].
    pub fn sum(amounts: impl IntoIterator<Item = Self>, currency: Currency) -> Result<Self, MoneyError> {
        amounts
            .into_iter()
            .try_fold(Self::zero(currency), Self::checked_add)
    }

    /// `self × numerator ÷ denominator`, rounded as said.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`], also for a denominator of zero.
    pub fn mul_ratio(self, numerator: i64, denominator: i64, rounding: Rounding) -> Result<Self, MoneyError> {
        if denominator == 0 {
            return Err(MoneyError::Overflow);
        }
        let exact = i128::from(self.minor) * i128::from(numerator);
        let minor = div_round(exact, i128::from(denominator), rounding);
        Ok(Self {
            minor: i64::try_from(minor).map_err(|_| MoneyError::Overflow)?,
            ..self
        })
    }

    /// Plain decimal text without the currency: `-4.96`. What Odoo and CSV files get.
    #[must_use]
    pub fn decimal(self) -> String {
        crate::decimal::format(i128::from(self.minor), self.currency.exponent())
    }

    fn same(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch {
                found: other.currency,
                wanted: self.currency,
            })
        }
    }
}

/// Division that says what it does with the rest.
#[must_use]
pub(crate) fn div_round(value: i128, by: i128, rounding: Rounding) -> i128 {
    let (value, by) = if by < 0 { (-value, -by) } else { (value, by) };
    let (whole, rest) = (value / by, value % by);
    let twice = rest.abs() * 2;
    let away = match rounding {
        Rounding::Down => false,
        Rounding::HalfUp => twice >= by,
        Rounding::HalfEven => twice > by || (twice == by && whole % 2 != 0),
    };
    if away { whole + value.signum() } else { whole }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_read_exactly_and_print_back() {
        for (text, minor) in [
            ("95.04", 9504),
            ("-4.96", -496),
            ("0.0", 0),
            ("12.5", 1250),
            ("1e2", 10_000),
            ("7", 700),
        ] {
            assert_eq!(
                Amount::parse(text, Currency::USD).unwrap().minor(),
                minor,
                "{text}"
            );
        }
        assert_eq!(Amount::new(-496, Currency::USD).to_string(), "-4.96 USD");
        assert_eq!(Amount::new(5, Currency::USD).decimal(), "0.05");
    }

    #[test]
    fn half_a_cent_is_an_error_not_a_rounding() {
        let error = Amount::parse("1.005", Currency::USD).unwrap_err();
        assert_eq!(
            error.to_string(),
            "found \"1.005\", wanted at most 2 digits after the point for USD"
        );
        assert!(Amount::parse("1.500", Currency::USD).is_ok());
    }

    #[test]
    fn yen_has_no_minor_digits_and_dinar_three() {
        let yen = Currency::from_code("JPY").unwrap();
        let dinar = Currency::from_code("kwd").unwrap();
        assert_eq!(Amount::parse("500", yen).unwrap().minor(), 500);
        assert_eq!(Amount::parse("1.234", dinar).unwrap().minor(), 1234);
        assert!(Amount::parse("1.5", yen).is_err());
    }

    #[test]
    fn currencies_never_mix_and_sums_never_wrap() {
        let yen = Currency::from_code("JPY").unwrap();
        let dollar = Amount::new(1, Currency::USD);
        assert!(matches!(
            dollar.checked_add(Amount::new(1, yen)),
            Err(MoneyError::CurrencyMismatch { .. })
        ));
        assert_eq!(
            Amount::new(i64::MAX, Currency::USD).checked_add(dollar),
            Err(MoneyError::Overflow)
        );
        assert_eq!(
            Amount::new(i64::MIN, Currency::USD).checked_neg(),
            Err(MoneyError::Overflow)
        );
    }

    #[test]
    fn each_rounding_does_what_its_name_says() {
        let cases = [
            (15, 10, 2, 2, 1),
            (25, 10, 3, 2, 2),
            (-15, 10, -2, -2, -1),
            (-25, 10, -3, -2, -2),
            (14, 10, 1, 1, 1),
        ];
        for (value, by, up, even, down) in cases {
            assert_eq!(div_round(value, by, Rounding::HalfUp), up);
            assert_eq!(div_round(value, by, Rounding::HalfEven), even);
            assert_eq!(div_round(value, by, Rounding::Down), down);
        }
    }

    #[test]
    fn garbage_is_named() {
        for text in ["", "-", ".", "1.2.3", "1,50", "NaN", "1e", "0x10", "1e999", "é"] {
            assert!(Amount::parse(text, Currency::USD).is_err(), "{text}");
        }
    }
}
