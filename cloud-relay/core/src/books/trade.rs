//! The parts of a sale, return or exchange. Tenders are debits, what they pay for is credits; a return's amounts are
//! negative and so turn round by themselves. Taxes are carried as the POS computed them. The rules, part by part, are
//! written down in `BOOKS.md`.

use std::collections::BTreeMap;

use tillwire_proto::{
    Amount, CardBrand, Currency, Line, LineKind, MoneyError, Rate, Rounding, TaxLine, Tender, TenderKind,
    TenderState, Trade,
};

use super::held::Missing;
use super::included::tax_inside;
use super::ledger::{LineKey, TaxKey};
use super::ticket::{Parts, Sums, summed};
use crate::facts::RecordId;
use crate::matching::TenderRef;
use crate::settings::RowId;
use crate::tickets::{Ticket, Tickets};

pub(super) fn trade_parts(parts: &mut Parts<'_>, trade: &Trade) -> Result<(), MoneyError> {
    let mapping = parts.tickets.mapping();
    for (index, tender) in trade.tenders.iter().enumerate() {
        if tender.state == TenderState::Complete {
            add_tender(parts, index, tender)?;
        }
    }
    if let Some(change) = &trade.change {
        let given = change.amount.checked_neg()?;
        let missing = || Missing::tender(&change.kind, None, given);
        if let Some(to) = parts.account_or_suspense(mapping.tender(&change.kind, None), missing) {
            parts.add(to, &tender_label(&change.kind, None, None), given)?;
        }
    }
    let inside = tax_inside(trade)?;
    let taxed_by = taxes_of_all_goods(parts, trade, &inside)?;
    add_lines(parts, trade, &inside, &taxed_by)?;
    for tax in &trade.taxes {
        add_tax(parts, tax)?;
    }
    for tip in &trade.tips {
        if let Some(to) = parts.account(mapping.tip(), || Missing::movement("tip", tip.amount)) {
            parts.add(to, "Tips", tip.amount.checked_neg()?)?;
        }
    }
    let rounding = trade.totals.rounding;
    if !rounding.is_zero()
        && let Some(to) = parts.account(mapping.rounding(), || Missing::movement("rounding", rounding))
    {
        parts.add(to, "Rounding", rounding.checked_neg()?)?;
    }
    Ok(())
}

fn add_tender(parts: &mut Parts<'_>, index: usize, tender: &Tender) -> Result<(), MoneyError> {
    let (brand, seen) = if tender.kind == TenderKind::Card {
        let (brand, seen) = card_brand(parts.tickets, parts.ticket, index, tender);
        (Some(brand), seen)
    } else {
        (None, None)
    };
    let mapping = parts.tickets.mapping();
    // what is handed over in the store's own currency is no foreign tender, whatever the till calls it
    let foreign = tender
        .foreign
        .filter(|amount| amount.currency() != tender.amount.currency());
    let currency = foreign.map(Amount::currency);
    let found = match currency {
        Some(currency) => mapping.foreign_tender(&tender.kind, currency),
        None => mapping.tender(&tender.kind, brand),
    };
    let missing = || Missing::tender(&tender.kind, currency, tender.amount);
    if let Some(to) = parts.account_or_suspense(found, missing) {
        let line = LineKey {
            currency,
            ..LineKey::mapped(to, &tender_label(&tender.kind, brand, currency))
        };
        let sums = Sums {
            foreign,
            ..Sums::of(tender.amount)
        };
        let more: Vec<RecordId> = seen.into_iter().collect();
        parts.put(to.row, line, sums, &more)?;
    }
    Ok(())
}

/// The terminal read the card; the ticket was told about it. On a taken-back ticket the answer to the payment itself
/// counts, so that what was booked by brand goes back by brand.
pub(crate) fn card_brand(
    tickets: &Tickets<'_>,
    ticket: &Ticket<'_>,
    index: usize,
    tender: &Tender,
) -> (CardBrand, Option<RecordId>) {
    let joined = &tickets.matching.joined;
    let under = |key: &tillwire_proto::BusinessKey| {
        joined.get(&TenderRef {
            ticket: key.clone(),
            index,
        })
    };
    let answer = under(&ticket.transaction.key).or_else(|| under(ticket.key));
    let told = answer
        .and_then(|answer| answer.brand)
        .filter(|brand| *brand != CardBrand::Other);
    let written = tender.card.as_ref().map(|card| card.brand);
    let brand = told.or(written).unwrap_or(CardBrand::Other);
    (brand, answer.map(|answer| answer.payment))
}

fn tender_label(kind: &TenderKind, brand: Option<CardBrand>, currency: Option<Currency>) -> String {
    let label = match kind {
        TenderKind::Cash => "Cash".to_owned(),
        TenderKind::Card => format!("Card {}", brand.unwrap_or(CardBrand::Other).name()),
        TenderKind::GiftCard => "Gift cards redeemed".to_owned(),
        TenderKind::StoreCredit => "Store credit".to_owned(),
        TenderKind::Check => "Checks".to_owned(),
        TenderKind::OnAccount => "On account".to_owned(),
        TenderKind::Other(code) => format!("Tender {code}"),
    };
    match currency {
        Some(currency) => format!("{label} {}", currency.code()),
        None => label,
    }
}

fn is_goods(line: &Line) -> bool {
    line.kind != LineKind::GiftCard
}

/// The Odoo taxes that the POS computed on all goods of the ticket, which is the only base that a ticket proves. A
/// tax on some of its lines is booked, but no line is called its base. Goods of a ticket without any tax are told under
/// the tax that the mapping has for them, if it has one.
fn taxes_of_all_goods(
    parts: &Parts<'_>,
    trade: &Trade,
    inside: &[Amount],
) -> Result<Vec<String>, MoneyError> {
    let mapping = parts.tickets.mapping();
    if trade.taxes.is_empty() {
        return Ok(mapping
            .tax_exempt()
            .map(|(name, _)| name.to_owned())
            .into_iter()
            .collect());
    }
    let goods = trade.lines.iter().zip(inside).filter(|(line, _)| is_goods(line));
    let net: Vec<Amount> = goods
        .map(|(line, inside)| line.extended.checked_sub(*inside))
        .collect::<Result<_, _>>()?;
    let net = Amount::sum(net, parts.tickets.settings.currency)?;
    let mut names: Vec<String> = trade
        .taxes
        .iter()
        .filter(|tax| tax.base == Some(net))
        .filter_map(|tax| Some(mapping.tax(&tax.jurisdiction, tax.rate)?.odoo_tax?.to_owned()))
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn add_lines(
    parts: &mut Parts<'_>,
    trade: &Trade,
    inside: &[Amount],
    taxed_by: &[String],
) -> Result<(), MoneyError> {
    let mapping = parts.tickets.mapping();
    let (mut credits, mut discounts, mut liabilities) = (Vec::new(), Vec::new(), Vec::new());
    for (line, inside) in trade.lines.iter().zip(inside) {
        let Some(to) = parts.account(mapping.line(line), || {
            Missing::movement("gift_card", line.extended)
        }) else {
            continue;
        };
        let taxed = if is_goods(line) { taxed_by } else { &[] };
        let key = LineKey {
            taxed_by: taxed.to_vec(),
            ..LineKey::mapped(to, &line_label(line, taxed))
        };
        let mut credit = line.extended.checked_sub(*inside)?;
        for discount in line.discounts.iter().filter(|_| is_goods(line)) {
            let reason = discount.reason.as_ref().map(|reason| reason.as_str());
            let Some(to) = mapping.discount(reason) else {
                continue;
            };
            let off = without_tax(discount.amount, *inside, line.extended)?;
            credit = credit.checked_add(off)?;
            discounts.push(((LineKey::mapped(to, "Discounts"), to.row), off));
        }
        // a gift card is not sold, it is owed: it stays in the day's entry
        let of = if is_goods(line) {
            &mut credits
        } else {
            &mut liabilities
        };
        of.push(((key, to.row), credit.checked_neg()?));
    }
    for ((key, row), amount) in not_nothing(credits.into_iter().chain(discounts))? {
        parts.sell(row, key, Sums::of(amount))?;
    }
    for ((key, row), amount) in not_nothing(liabilities)? {
        parts.put(row, key, Sums::of(amount), &[])?;
    }
    Ok(())
}

/// A discount less the part of it that is tax: in the proportion in which the line's amount has it inside.
fn without_tax(off: Amount, inside: Amount, whole: Amount) -> Result<Amount, MoneyError> {
    if inside.is_zero() || whole.is_zero() {
        return Ok(off);
    }
    off.checked_sub(off.mul_ratio(inside.minor(), whole.minor(), Rounding::HalfUp)?)
}

fn not_nothing<'r>(
    of: impl IntoIterator<Item = ((LineKey, &'r RowId), Amount)>,
) -> Result<BTreeMap<(LineKey, &'r RowId), Amount>, MoneyError> {
    let mut sums = summed(of)?;
    sums.retain(|_, amount| !amount.is_zero());
    Ok(sums)
}

/// Returns have a line of their own, except under a tax that Odoo is told about: its base is what remains.
fn line_label(line: &Line, taxed_by: &[String]) -> String {
    let back = line.quantity.is_negative() && taxed_by.is_empty();
    match line.kind {
        LineKind::Item if back => "Returns".to_owned(),
        LineKind::Item if taxed_by.is_empty() => "Sales".to_owned(),
        LineKind::Item => format!("Sales taxed {}", taxed_by.join(", ")),
        LineKind::GiftCard => "Gift cards sold".to_owned(),
        LineKind::Shipping => "Shipping".to_owned(),
        LineKind::Fee => "Fees".to_owned(),
    }
}

fn add_tax(parts: &mut Parts<'_>, tax: &TaxLine) -> Result<(), MoneyError> {
    let mapped = parts.tickets.mapping().tax(&tax.jurisdiction, tax.rate);
    if tax.amount.is_zero() && mapped.is_none() {
        return Ok(());
    }
    let Some(to) = parts.account_or_suspense(mapped, || Missing::tax(tax)) else {
        return Ok(());
    };
    let key = LineKey {
        tax: Some(TaxKey {
            jurisdiction: tax.jurisdiction.to_string(),
            rate_millionths: tax.rate.map(Rate::millionths),
            odoo_tax: mapped.and_then(|mapped| mapped.odoo_tax.map(str::to_owned)),
        }),
        ..LineKey::mapped(to, &tax_label(tax))
    };
    let sums = Sums {
        base: tax.base,
        ..Sums::of(tax.amount.checked_neg()?)
    };
    parts.sell(to.row, key, sums)
}

fn tax_label(tax: &TaxLine) -> String {
    match tax.rate {
        Some(rate) => format!("{} {}", tax.jurisdiction, rate.percent()),
        None => tax.jurisdiction.to_string(),
    }
}
