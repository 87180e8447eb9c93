//! The tax inside prices that include it: how many cents of each line are tax.

use tillwire_proto::{LineKind, Prices, Trade};

use crate::Cents;

/// One whole, in the millionths that rates are told in.
const WHOLE: Cents = 1_000_000;

/// Per line, in cents; nothing where taxes come on top.
pub(crate) fn tax_inside(trade: &Trade) -> Vec<Cents> {
    let mut inside = vec![0; trade.lines.len()];
    if trade.prices == Prices::BeforeTax {
        return inside;
    }
    let sold = |line: usize| Cents::from(trade.lines[line].extended.minor());
    // gift cards bear no tax, unless there is nothing else
    let mut bearing: Vec<usize> = (0..trade.lines.len())
        .filter(|line| trade.lines[*line].kind != LineKind::GiftCard)
        .collect();
    if bearing.is_empty() {
        bearing = (0..trade.lines.len()).collect();
    }
    let tax: Cents = trade
        .taxes
        .iter()
        .map(|tax| Cents::from(tax.amount.minor()))
        .sum();
    let goods: Cents = bearing.iter().map(|line| sold(*line)).sum();
    let share = |by: Cents, of: Cents| -> Vec<Cents> {
        bearing.iter().map(|line| half_up(sold(*line) * by, of)).collect()
    };
    let left = |shares: &[Cents]| tax - shares.iter().sum::<Cents>();
    let by_rates = rates(trade, goods - tax).map(|rate| share(rate, WHOLE + rate));
    let few = Cents::try_from(bearing.len()).unwrap_or(Cents::MAX);
    let shares = by_rates
        .filter(|shares| left(shares).abs() <= few)
        .unwrap_or_else(|| share(tax, goods));
    for (line, share) in bearing.iter().zip(&shares) {
        inside[*line] = *share;
    }
    // what is left goes to the largest line, the first of equals
    if let Some(largest) = bearing.iter().min_by_key(|line| (-sold(**line).abs(), **line)) {
        inside[*largest] += left(&shares);
    }
    inside
}

/// The sum of the rates, where every tax tells its rate and none tells another base than all the goods.
fn rates(trade: &Trade, net: Cents) -> Option<Cents> {
    let mut sum = 0;
    for tax in &trade.taxes {
        if tax.base.is_some_and(|base| Cents::from(base.minor()) != net) {
            return None;
        }
        sum += Cents::from(tax.rate?.millionths());
    }
    (sum >= 0 && !trade.taxes.is_empty()).then_some(sum)
}

/// A quotient to the nearest cent, a half away from zero; nothing of nothing.
pub(crate) fn half_up(value: Cents, by: Cents) -> Cents {
    if by == 0 {
        return 0;
    }
    let size = (2 * value.abs() + by.abs()) / (2 * by.abs());
    size * value.signum() * by.signum()
}
