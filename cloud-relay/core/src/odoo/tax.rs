//! What Odoo will make of a tax on an invoice. Odoo always computes taxes of an invoice itself; the POS's amounts are
//! carried all the same, as a line with the difference. So its computation has to be foretold to the cent; where it
//! cannot be, the tax is not named on the invoice and its amount is booked to its account.

use serde::{Deserialize, Serialize};
use tillwire_proto::{Amount, MoneyError};

/// Whether a company rounds a tax on each line or once per document (`tax_calculation_rounding_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaxRounding {
    /// On each line.
    #[default]
    PerLine,
    /// Once, on the sum.
    Globally,
}

/// A tax of so many percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentage {
    /// Millionths of a percent: 8 250 000 for 8.25 %.
    pub millionths: i64,
    /// Whether prices have it inside.
    pub included: bool,
}

/// Millionths of a percent in a whole.
const WHOLE: i128 = 100_000_000;

impl Percentage {
    /// Odoo's amount of the tax on lines with these bases.
    ///
    /// # Errors
    /// [`MoneyError`] beyond 64 bits or for two currencies.
    pub fn on(self, bases: &[Amount], rounding: TaxRounding) -> Result<Option<Amount>, MoneyError> {
        let Some(first) = bases.first() else {
            return Ok(None);
        };
        let currency = first.currency();
        let sum = match rounding {
            TaxRounding::PerLine => {
                let each = bases.iter().map(|base| self.on_one(*base));
                Amount::sum(each.collect::<Result<Vec<_>, _>>()?, currency)?
            }
            TaxRounding::Globally => self.on_one(Amount::sum(bases.iter().copied(), currency)?)?,
        };
        Ok(Some(sum))
    }

    /// Half a cent goes away from nothing, as Odoo rounds.
    fn on_one(self, base: Amount) -> Result<Amount, MoneyError> {
        let product = i128::from(base.minor()) * i128::from(self.millionths);
        let half = if product < 0 { -WHOLE / 2 } else { WHOLE / 2 };
        let minor = i64::try_from((product + half) / WHOLE).map_err(|_| MoneyError::Overflow)?;
        Ok(Amount::new(minor, base.currency()))
    }
}

#[cfg(test)]
mod tests {
    use tillwire_proto::Currency;

    use super::*;

    fn tax(percent_millionths: i64, bases: &[i64], rounding: TaxRounding) -> i64 {
        let bases: Vec<Amount> = bases.iter().map(|b| Amount::new(*b, Currency::USD)).collect();
        let tax = Percentage {
            millionths: percent_millionths,
            included: false,
        };
        tax.on(&bases, rounding).unwrap().unwrap().minor()
    }

    #[test]
    fn half_a_cent_is_rounded_away_from_nothing() {
        assert_eq!(tax(15_000_000, &[10], TaxRounding::PerLine), 2);
        assert_eq!(tax(15_000_000, &[-10], TaxRounding::PerLine), -2);
        assert_eq!(tax(8_250_000, &[10_000], TaxRounding::PerLine), 825);
    }

    #[test]
    fn lines_rounded_one_by_one_differ_from_their_sum() {
        // 15 % of 0.03 is 0.0045
        assert_eq!(tax(15_000_000, &[3, 3, 3], TaxRounding::PerLine), 0);
        assert_eq!(tax(15_000_000, &[3, 3, 3], TaxRounding::Globally), 1);
    }
}
