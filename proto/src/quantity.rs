//! Quantities and rates: exact decimals with at most six digits after the point.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Digits after the point that a quantity keeps (Odoo's own product precision is 2 to 6).
pub const QUANTITY_SCALE: u32 = 6;

/// Why a quantity or rate could not be read or computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a number, too precise or too large.
    #[error("found {0:?}, wanted a decimal number with at most {QUANTITY_SCALE} digits after the point")]
    NotDecimal(String),
    /// Beyond 64 bits of millionths.
    #[error("quantity is beyond 64 bits of millionths")]
    Overflow,
    /// Two units met in one sum.
    #[error("found unit {found:?}, wanted {wanted:?}")]
    UnitMismatch {
        /// The second quantity's unit.
        found: Unit,
        /// The first quantity's unit.
        wanted: Unit,
    },
}

/// What is counted. A till that says nothing counts pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// Pieces (Odoo's "Units").
    Each,
    /// Kilograms.
    Kilogram,
    /// Pounds.
    Pound,
    /// Metres.
    Metre,
    /// Litres.
    Litre,
    /// US gallons, the unit of fuel.
    Gallon,
}

/// A signed decimal quantity with its unit. Negative means returned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Quantity {
    millionths: i64,
    unit: Unit,
}

impl Quantity {
    /// A whole number of pieces.
    #[must_use]
    pub const fn each(count: i32) -> Self {
        Self {
            millionths: count as i64 * 1_000_000,
            unit: Unit::Each,
        }
    }

    /// Millionths of a unit.
    #[must_use]
    pub const fn from_millionths(millionths: i64, unit: Unit) -> Self {
        Self { millionths, unit }
    }

    /// Reads decimal text such as `2`, `-1` or `0.335`.
    ///
    /// # Errors
    /// [`QuantityError::NotDecimal`].
    pub fn parse(text: &str, unit: Unit) -> Result<Self, QuantityError> {
        let millionths = parse_millionths(text)?;
        Ok(Self { millionths, unit })
    }

    /// Millionths of a unit.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.millionths
    }

    /// The unit.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// True for exactly nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.millionths == 0
    }

    /// True for a return.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.millionths < 0
    }

    /// Sum.
    ///
    /// # Errors
    /// [`QuantityError::UnitMismatch`] or [`QuantityError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, QuantityError> {
        if self.unit != other.unit {
            return Err(QuantityError::UnitMismatch {
                found: other.unit,
                wanted: self.unit,
            });
        }
        let millionths = self
            .millionths
            .checked_add(other.millionths)
            .ok_or(QuantityError::Overflow)?;
        Ok(Self { millionths, ..self })
    }

    /// The same quantity with the other sign.
    ///
    /// # Errors
    /// [`QuantityError::Overflow`] for the one value without an opposite.
    pub fn checked_neg(self) -> Result<Self, QuantityError> {
        let millionths = self.millionths.checked_neg().ok_or(QuantityError::Overflow)?;
        Ok(Self { millionths, ..self })
    }

    /// Shortest exact decimal text: `2`, `-1`, `0.335`.
    #[must_use]
    pub fn decimal(self) -> String {
        shortest(self.millionths)
    }
}

fn parse_millionths(text: &str) -> Result<i64, QuantityError> {
    let wrong = || QuantityError::NotDecimal(text.chars().take(40).collect());
    let (mantissa, scale) = crate::decimal::parse(text).ok_or_else(wrong)?;
    let millionths = crate::decimal::rescale_exact(mantissa, scale, QUANTITY_SCALE).ok_or_else(wrong)?;
    i64::try_from(millionths).map_err(|_| QuantityError::Overflow)
}

fn shortest(millionths: i64) -> String {
    let text = crate::decimal::format(i128::from(millionths), QUANTITY_SCALE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Unit {
    /// Its sign after a number; pieces have none.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Each => "",
            Self::Kilogram => "kg",
            Self::Pound => "lb",
            Self::Metre => "m",
            Self::Litre => "l",
            Self::Gallon => "gal",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.decimal())
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.decimal(), self.unit)
    }
}

/// A tax rate as a fraction of one, exact to six digits: 8.25 % is `0.0825`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rate {
    millionths: i64,
}

impl Rate {
    /// Millionths of one: 8.25 % is 82 500.
    #[must_use]
    pub const fn from_millionths(millionths: i64) -> Self {
        Self { millionths }
    }

    /// Reads decimal text such as `0.0825`.
    ///
    /// # Errors
    /// [`QuantityError::NotDecimal`].
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        parse_millionths(text).map(|millionths| Self { millionths })
    }

    /// Millionths of one.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.millionths
    }

    /// In hundredths, as people write it: `8.25%` for 82 500 millionths.
    #[must_use]
    pub fn percent(self) -> String {
        let text = crate::decimal::format(i128::from(self.millionths), QUANTITY_SCALE - 2);
        format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shortest(self.millionths))
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact_and_print_short() {
        for text in ["2", "-1", "0.335", "0", "1234567.000001"] {
            assert_eq!(Quantity::parse(text, Unit::Each).unwrap().decimal(), text);
        }
        assert_eq!(Quantity::parse("2.0", Unit::Each).unwrap(), Quantity::each(2));
        assert!(Quantity::parse("0.0000001", Unit::Each).is_err());
    }

    #[test]
    fn rates_are_written_in_hundredths() {
        for (millionths, text) in [
            (82_500, "8.25%"),
            (-2_500, "-0.25%"),
            (1_000_000, "100%"),
            (0, "0%"),
            (1, "0.0001%"),
        ] {
            assert_eq!(Rate::from_millionths(millionths).percent(), text);
        }
    }

    #[test]
    fn pieces_and_pounds_do_not_add() {
        let pounds = Quantity::parse("1.5", Unit::Pound).unwrap();
        assert!(matches!(
            Quantity::each(1).checked_add(pounds),
            Err(QuantityError::UnitMismatch { .. })
        ));
    }
}
