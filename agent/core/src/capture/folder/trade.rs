//! A trade whose totals the file does not print: they are what its parts come to.

use tillwire_proto::{
    Amount, Change, Currency, Line, MoneyError, OriginalTicket, Prices, TaxLine, Tender, Totals, Trade,
    TransactionKind,
};

/// Adds the parts up.
pub(super) fn of_parts(
    currency: Currency,
    lines: Vec<Line>,
    taxes: Vec<TaxLine>,
    tenders: Vec<Tender>,
    change: Option<Change>,
    original: Option<OriginalTicket>,
) -> Result<Trade, MoneyError> {
    let sum = |amounts: &mut dyn Iterator<Item = Amount>| Amount::sum(amounts, currency);
    let net = sum(&mut lines.iter().map(|line| line.extended))?;
    let discounts = lines.iter().flat_map(|line| &line.discounts);
    let discount = sum(&mut discounts.map(|discount| discount.amount))?;
    let tax = sum(&mut taxes.iter().map(|tax| tax.amount))?;
    let tendered = sum(&mut tenders.iter().map(|tender| tender.amount))?;
    let back = change
        .as_ref()
        .map_or(Amount::zero(currency), |change| change.amount);
    Ok(Trade {
        totals: Totals {
            net,
            discount,
            tax,
            tip: Amount::zero(currency),
            rounding: Amount::zero(currency),
            total: net.checked_add(tax)?,
            paid: tendered.checked_sub(back)?,
        },
        lines,
        taxes,
        tips: Vec::new(),
        tenders,
        change,
        prices: Prices::BeforeTax,
        customer: None,
        original,
    })
}

/// What the signs of the quantities say it is.
pub(super) fn kind(lines: &[Line]) -> TransactionKind {
    let back = lines.iter().any(|line| line.quantity.is_negative());
    let out = lines.iter().any(|line| !line.quantity.is_negative());
    match (back, out) {
        (true, true) => TransactionKind::Exchange,
        (true, false) => TransactionKind::Return,
        (false, _) => TransactionKind::Sale,
    }
}
