//! The parts of a sale, return or exchange. Tenders are debits, what they pay for is credits; a return's amounts are
//! negative and so turn round by themselves. Taxes are carried as the POS computed them.

use tillwire_proto::{
    Amount, CardBrand, Line, LineKind, MoneyError, Rate, TaxLine, Tender, TenderKind, TenderState, Trade,
};

use super::held::Missing;
use super::ledger::{LineKey, TaxKey};
use super::ticket::{Parts, summed};
use crate::facts::RecordId;
use crate::matching::TenderRef;

pub(super) fn trade_parts(parts: &mut Parts<'_>, trade: &Trade) -> Result<(), MoneyError> {
    for (index, tender) in trade.tenders.iter().enumerate() {
        if tender.state == TenderState::Complete {
            add_tender(parts, index, tender)?;
        }
    }
    if let Some(change) = &trade.change {
        let given = change.amount.checked_neg()?;
        if let Some(account) = parts.tender_account(&change.kind, None, given) {
            parts.add(LineKey::plain(account, &tender_label(&change.kind, None)), given)?;
        }
    }
    let taxed_by = taxes_of_all_goods(parts, trade);
    add_lines(parts, trade, &taxed_by)?;
    for tax in &trade.taxes {
        add_tax(parts, tax)?;
    }
    for tip in &trade.tips {
        let account = parts.tickets.settings.odoo.accounts.tip();
        if let Some(account) = parts.account(account, || Missing::movement("tip", tip.amount)) {
            parts.add(LineKey::plain(account, "Tips"), tip.amount.checked_neg()?)?;
        }
    }
    Ok(())
}

fn add_tender(parts: &mut Parts<'_>, index: usize, tender: &Tender) -> Result<(), MoneyError> {
    let (brand, seen) = if tender.kind == TenderKind::Card {
        let (brand, seen) = brand(parts, index, tender);
        (Some(brand), seen)
    } else {
        (None, None)
    };
    if let Some(account) = parts.tender_account(&tender.kind, brand, tender.amount) {
        let line = LineKey::plain(account, &tender_label(&tender.kind, brand));
        let more: Vec<RecordId> = seen.into_iter().collect();
        parts.add_with(line, tender.amount, None, &more)?;
    }
    Ok(())
}

/// The terminal read the card; the ticket was told about it. On a taken-back ticket the answer to the payment itself
/// counts, so that what was booked by brand goes back by brand.
fn brand(parts: &Parts<'_>, index: usize, tender: &Tender) -> (CardBrand, Option<RecordId>) {
    let joined = &parts.tickets.matching.joined;
    let under = |key: &tillwire_proto::BusinessKey| {
        joined.get(&TenderRef {
            ticket: key.clone(),
            index,
        })
    };
    let answer = under(&parts.ticket.transaction.key).or_else(|| under(parts.ticket.key));
    let told = answer
        .and_then(|answer| answer.brand)
        .filter(|brand| *brand != CardBrand::Other);
    let written = tender.card.as_ref().map(|card| card.brand);
    let brand = told.or(written).unwrap_or(CardBrand::Other);
    (brand, answer.map(|answer| answer.payment))
}

fn tender_label(kind: &TenderKind, brand: Option<CardBrand>) -> String {
    match kind {
        TenderKind::Cash => "Cash".to_owned(),
        TenderKind::Card => format!("Card {}", brand.unwrap_or(CardBrand::Other).name()),
        TenderKind::GiftCard => "Gift cards redeemed".to_owned(),
        TenderKind::StoreCredit => "Store credit".to_owned(),
        TenderKind::Check => "Checks".to_owned(),
        TenderKind::OnAccount => "On account".to_owned(),
        TenderKind::Other(code) => format!("Tender {code}"),
    }
}

fn is_goods(line: &Line) -> bool {
    line.kind != LineKind::GiftCard
}

/// The Odoo taxes that the POS computed on all goods of the ticket, which is the only base that a ticket proves. A
/// tax on some of its lines is booked, but no line is called its base.
fn taxes_of_all_goods(parts: &Parts<'_>, trade: &Trade) -> Vec<String> {
    let currency = parts.tickets.settings.currency;
    let goods = Amount::sum(
        trade.lines.iter().filter(|l| is_goods(l)).map(|l| l.extended),
        currency,
    )
    .ok();
    let accounts = &parts.tickets.settings.odoo.accounts;
    let mut names: Vec<String> = trade
        .taxes
        .iter()
        .filter(|tax| tax.base.is_some() && tax.base == goods)
        .filter_map(|tax| accounts.tax(&tax.jurisdiction, tax.rate)?.odoo_tax.clone())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn add_lines(parts: &mut Parts<'_>, trade: &Trade, taxed_by: &[String]) -> Result<(), MoneyError> {
    let mut credits = Vec::new();
    let mut discounts = Vec::new();
    for line in &trade.lines {
        let accounts = &parts.tickets.settings.odoo.accounts;
        let (account, discount) = (accounts.line(line.kind), accounts.discount().cloned());
        let Some(account) = parts.account(account, || Missing::movement("gift card sold", line.extended))
        else {
            continue;
        };
        let taxed = if is_goods(line) {
            taxed_by.to_vec()
        } else {
            Vec::new()
        };
        let key = LineKey {
            account,
            label: line_label(line, &taxed),
            tax: None,
            taxed_by: taxed,
        };
        let off = Amount::sum(line.discounts.iter().map(|d| d.amount), line.extended.currency())?;
        match discount.filter(|_| is_goods(line) && !off.is_zero()) {
            Some(account) => {
                credits.push((key, line.extended.checked_add(off)?));
                discounts.push((LineKey::plain(account, "Discounts"), off));
            }
            None => credits.push((key, line.extended)),
        }
    }
    for (key, amount) in summed(credits)? {
        parts.add(key, amount.checked_neg()?)?;
    }
    for (key, amount) in summed(discounts)? {
        parts.add(key, amount)?;
    }
    Ok(())
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
    let mapped = parts
        .tickets
        .settings
        .odoo
        .accounts
        .tax(&tax.jurisdiction, tax.rate);
    let account = mapped.map(|mapped| &mapped.account);
    if tax.amount.is_zero() && account.is_none() {
        return Ok(());
    }
    let Some(account) = parts.account_or_suspense(account, || Missing::tax(tax)) else {
        return Ok(());
    };
    let key = LineKey {
        account,
        label: tax_label(tax),
        tax: Some(TaxKey {
            jurisdiction: tax.jurisdiction.to_string(),
            rate_millionths: tax.rate.map(Rate::millionths),
            odoo_tax: mapped.and_then(|mapped| mapped.odoo_tax.clone()),
        }),
        taxed_by: Vec::new(),
    };
    parts.add_with(key, tax.amount.checked_neg()?, tax.base, &[])
}

fn tax_label(tax: &TaxLine) -> String {
    match tax.rate {
        Some(rate) => format!("{} {}", tax.jurisdiction, percent(rate)),
        None => tax.jurisdiction.to_string(),
    }
}

/// `8.25%` for 82 500 millionths.
fn percent(rate: Rate) -> String {
    let millionths = rate.millionths();
    let sign = if millionths < 0 { "-" } else { "" };
    let size = millionths.unsigned_abs();
    let fraction = format!("{:04}", size % 10_000);
    let text = format!("{sign}{}.{}", size / 10_000, fraction.trim_end_matches('0'));
    format!("{}%", text.trim_end_matches('.'))
}
