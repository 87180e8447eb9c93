//! Prices that include the tax: how much of each line is revenue. The taxes are the POS's and stay as it computed them;
//! what is left of the lines is revenue, to the cent. Only where it lands among the lines needs a rule:
//!
//! 1. Taxes are inside goods, never inside gift cards (where a ticket sells nothing else, inside its lines).
//! 2. **By the rates**, where every tax of the ticket tells its rate and was computed on all goods (or does not say on
//!    what): a line's share is `amount × R / (1 + R)`, `R` the sum of the rates, rounded half away from zero. This is
//!    right line by line, also where goods come back on the same ticket.
//! 3. **In proportion**, where the rates are not told, or leave more than a cent per line over: a line's share is
//!    `tax × amount / sum of the goods`, rounded half away from zero; nothing where the goods sum to nothing.
//! 4. **What is left over goes to the largest line**, by size without its sign, the first of equals.

use tillwire_proto::{Amount, Line, LineKind, MoneyError, Prices, Rounding, Trade};

/// One whole, in millionths.
const ONE: i64 = 1_000_000;

/// The tax inside each line; nothing where prices are before tax.
pub(super) fn tax_inside(trade: &Trade) -> Result<Vec<Amount>, MoneyError> {
    let currency = trade.totals.total.currency();
    let mut shares = vec![Amount::zero(currency); trade.lines.len()];
    if trade.prices == Prices::BeforeTax || trade.lines.is_empty() {
        return Ok(shares);
    }
    let tax = Amount::sum(trade.taxes.iter().map(|tax| tax.amount), currency)?;
    let bearing = bearing(&trade.lines);
    let goods = Amount::sum(bearing.iter().map(|index| trade.lines[*index].extended), currency)?;
    let by_rates = rates_of_all(trade, goods.checked_sub(tax)?)
        .map(|rates| estimate(trade, &bearing, rates, ONE.saturating_add(rates)))
        .transpose()?;
    let mut estimated = by_rates.unwrap_or_default();
    if estimated.is_empty() || rest(tax, &estimated)?.minor().unsigned_abs() > bearing.len() as u64 {
        estimated = if goods.is_zero() {
            vec![Amount::zero(currency); bearing.len()]
        } else {
            estimate(trade, &bearing, tax.minor(), goods.minor())?
        };
    }
    let left_over = rest(tax, &estimated)?;
    for (index, share) in bearing.iter().zip(estimated) {
        shares[*index] = share;
    }
    if let Some(largest) = largest(&trade.lines, &bearing) {
        shares[largest] = shares[largest].checked_add(left_over)?;
    }
    Ok(shares)
}

/// Lines that taxes are inside of.
fn bearing(lines: &[Line]) -> Vec<usize> {
    let goods: Vec<usize> = (0..lines.len())
        .filter(|index| lines[*index].kind != LineKind::GiftCard)
        .collect();
    if goods.is_empty() {
        (0..lines.len()).collect()
    } else {
        goods
    }
}

/// The sum of the rates in millionths, where all taxes tell theirs and none was computed on a part of the goods.
fn rates_of_all(trade: &Trade, net: Amount) -> Option<i64> {
    let on_all = trade
        .taxes
        .iter()
        .all(|tax| tax.base.is_none_or(|base| base == net));
    let mut rates = trade.taxes.iter().map(|tax| Some(tax.rate?.millionths()));
    let sum = rates.try_fold(0_i64, |sum, rate| sum.checked_add(rate?))?;
    (on_all && sum >= 0 && !trade.taxes.is_empty()).then_some(sum)
}

fn estimate(
    trade: &Trade,
    bearing: &[usize],
    numerator: i64,
    denominator: i64,
) -> Result<Vec<Amount>, MoneyError> {
    let lines = bearing.iter().map(|index| trade.lines[*index].extended);
    lines
        .map(|amount| amount.mul_ratio(numerator, denominator, Rounding::HalfUp))
        .collect()
}

fn rest(tax: Amount, shares: &[Amount]) -> Result<Amount, MoneyError> {
    tax.checked_sub(Amount::sum(shares.iter().copied(), tax.currency())?)
}

fn largest(lines: &[Line], bearing: &[usize]) -> Option<usize> {
    let size = |index: &usize| lines[*index].extended.minor().unsigned_abs();
    // of equals the last maximum would be taken, so they are looked at from the end
    bearing.iter().rev().copied().max_by_key(|index| size(index))
}
