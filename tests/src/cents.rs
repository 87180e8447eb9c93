//! Money as the simulators count it: a plain number of cents, printed as the POS prints it. Deliberately not the
//! programs' own `Amount`: the reference must not share an error with what it judges.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// `-4.96` for -496.
#[must_use]
pub fn decimal(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// `amount` × `millionths` of one, rounded half away from zero, in cents.
#[must_use]
pub fn share(amount: i64, millionths: i64) -> i64 {
    let product = i128::from(amount) * i128::from(millionths);
    let rounded = (product.abs() + 500_000) / 1_000_000 * product.signum();
    i64::try_from(rounded).expect("a share of at most one is no larger than the amount")
}

/// Cents that serialise as a JSON number with two digits after the point, exact: no float in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cents(pub i64);

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(decimal(self.0)).serialize(serializer)
    }
}

/// Millionths of one (a tax rate) that serialise as an exact JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Millionths(pub i64);

impl Serialize for Millionths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        number(text).serialize(serializer)
    }
}

fn number(text: String) -> Box<RawValue> {
    RawValue::from_string(text).expect("digits, a point and a sign are a JSON number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_are_written_as_exact_json_numbers() {
        let text = serde_json::to_string(&[Cents(9504), Cents(-496), Cents(-5), Cents(0)]).unwrap();
        assert_eq!(text, "[95.04,-4.96,-0.05,0.00]");
        assert_eq!(serde_json::to_string(&Millionths(82_500)).unwrap(), "0.082500");
    }

    #[test]
    fn a_share_rounds_half_away_from_zero() {
        assert_eq!(share(6470, 82_500), 534);
        assert_eq!(share(-2610, 82_500), -215);
        assert_eq!(share(100, 5_000), 1);
        assert_eq!(share(-100, 5_000), -1);
    }
}
