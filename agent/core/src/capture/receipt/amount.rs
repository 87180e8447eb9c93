//! Amounts as paper writes them.

use tillwire_proto::{Amount, Currency, MoneyError, QuantityError, Rate};

/// Reads `1,234.50`, `$5.00`, `-4.96`, `4.96-` and `(4.96)`. `decimal` is what stands before the cents; anything
/// else between digits only parts thousands.
pub(super) fn amount(text: &str, decimal: char, currency: Currency) -> Result<Amount, MoneyError> {
    let is_negative = text.contains(['-', '(']);
    let amount = Amount::parse(&plain(text, decimal), currency)?;
    if is_negative {
        amount.checked_neg()
    } else {
        Ok(amount)
    }
}

/// Digits with a point, without sign, currency and separators.
pub(super) fn plain(text: &str, decimal: char) -> String {
    let kept = text.chars().filter(|c| c.is_ascii_digit() || *c == decimal);
    kept.map(|c| if c == decimal { '.' } else { c }).collect()
}

/// Reads `8.25` percent.
pub(super) fn percent(text: &str, decimal: char) -> Result<Rate, QuantityError> {
    let millionths = Rate::parse(&plain(text, decimal))?.millionths();
    Ok(Rate::from_millionths(millionths / 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paper_writes_amounts_in_many_ways() {
        for (text, minor) in [
            ("95.04", 9504),
            ("$1,234.50", 123_450),
            ("-4.96", -496),
            ("4.96-", -496),
            ("($4.96)", -496),
        ] {
            assert_eq!(amount(text, '.', Currency::USD).unwrap().minor(), minor, "{text}");
        }
        assert_eq!(amount("1.234,50", ',', Currency::USD).unwrap().minor(), 123_450);
        assert!(amount("1.2.3", '.', Currency::USD).is_err());
        assert!(amount("1.234", '.', Currency::USD).is_err());
        assert_eq!(percent("8.25", '.').unwrap().millionths(), 82_500);
    }
}
