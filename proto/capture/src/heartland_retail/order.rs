//! A sales order of the newer interface ("POS v2", GraphQL) becomes a transaction.
//!
//! The vendor's pole display is the only public program that reads these orders, and it reads few fields. What it leaves open
//! is decided by the sums, and by nothing else: whether a line's value stands under `totalAtUnitPrice` or is quantity times
//! `finalUnitPrice`, and whether `change` is part of `refunds`, is whichever makes the order add up to the cent. Where
//! nothing does, the order is refused with both figures and kept. A card's brand and last digits are not told at all.

mod payment;
mod wire;

use tillwire_proto::{
    Amount, Body, Change, Currency, Discrepancy, Jurisdiction, Line, LineKind, LocalTime, OriginalTicket,
    Prices, Quantity, RegisterId, Sku, TaxLine, Tender, TicketNumber, Totals, Trade, Transaction,
    TransactionKind, Unit, Void,
};

use super::error::TicketError;
use super::line::{exact_value, sold};
use super::ticket::{Head, agree, kind_of, station};
use super::wire::{amount, optional};
use crate::scalar::{Object, Scalar};
use crate::settings::HeartlandRetailSettings;
pub(super) use wire::Kept;
use wire::{GiftCardLine, ItemLine, Nodes, Order, Request, Tax};

/// Where a line's value stands.
#[derive(Debug, Clone, Copy)]
enum Value {
    /// Under `totalAtUnitPrice`.
    Stated,
    /// In `finalUnitPrice`, for one.
    Final,
}

pub(super) fn register(
    kept: &Kept<'_>,
    settings: &HeartlandRetailSettings,
) -> Result<RegisterId, TicketError> {
    station(kept.station, settings)
}

pub(super) fn read(kept: &Kept<'_>, settings: &HeartlandRetailSettings) -> Result<Transaction, TicketError> {
    let register = register(kept, settings)?;
    let order = &kept.order;
    let (kind, body) = if taken_back(order.status) {
        (TransactionKind::Void, Body::Void(void(order)))
    } else {
        check_settled(order)?;
        let (kind, trade) = trade(order, settings)?;
        (kind, Body::Trade(trade))
    };
    let at = begun_at(order, settings)?;
    let head = Head {
        register,
        at,
        number: ("orderNumber", order.order_number),
        id: order.id,
        operator: Scalar::default(),
    };
    head.with(kind, body, settings)
}

/// Whether a status says that the order, or a part of it, does not count any more.
fn taken_back(status: Scalar<'_>) -> bool {
    let said = status.text().unwrap_or_default().to_ascii_uppercase();
    matches!(&*said, "CANCELED" | "CANCELLED" | "VOID" | "VOIDED")
}

/// Whether it is still being rung up, or something is owed on it: it will be told again when that is over.
pub(super) fn is_open(status: Scalar<'_>, amount_due: Scalar<'_>) -> bool {
    let draft = status
        .text()
        .is_some_and(|status| status.eq_ignore_ascii_case("draft"));
    let owed = amount_due
        .text()
        .is_some_and(|due| due.bytes().any(|byte| matches!(byte, b'1'..=b'9')));
    !taken_back(status) && (draft || owed)
}

fn check_settled(order: &Order<'_>) -> Result<(), TicketError> {
    if is_open(order.status, order.amount_due) {
        let said = order.status.text().unwrap_or_default().to_ascii_lowercase();
        let shown = if said.is_empty() { "open" } else { &said };
        return Err(TicketError::NotComplete(shown.chars().take(40).collect()));
    }
    let parts = order.order_requests.as_deref().unwrap_or_default();
    if parts.is_empty() && order.deposits.as_deref().unwrap_or_default().is_empty() {
        return Err(TicketError::NotComplete("empty".to_owned()));
    }
    Ok(())
}

/// When it was begun, on the store's clock: the only time of an order that never changes.
fn begun_at(order: &Order<'_>, settings: &HeartlandRetailSettings) -> Result<LocalTime, TicketError> {
    let text = order
        .created_at
        .text()
        .ok_or_else(|| TicketError::Missing("createdAt".to_owned()))?;
    let at = text.parse::<jiff::Timestamp>();
    let at = at.map_err(|error| TicketError::value("createdAt", error))?;
    settings.time.local(at).ok_or_else(|| {
        TicketError::value(
            "createdAt",
            "found a time in UTC, wanted the store's time zone in the settings",
        )
    })
}

fn void(order: &Order<'_>) -> Void {
    // money that went out counts as much as money that came in: a return can be taken back too
    let moved = |movements: &Option<Vec<_>>| movements.as_ref().is_some_and(|all| !all.is_empty());
    Void {
        of: OriginalTicket {
            ticket: order
                .order_number
                .text()
                .and_then(|text| TicketNumber::new(&text).ok()),
            // another witness knows the sale under another id: a number in the older interface
            pos_id: None,
            day: None,
        },
        was_completed: moved(&order.deposits) || moved(&order.refunds),
    }
}

fn trade(
    order: &Order<'_>,
    settings: &HeartlandRetailSettings,
) -> Result<(TransactionKind, Trade), TicketError> {
    let currency = settings.currency;
    let requests = order
        .order_requests
        .as_deref()
        .ok_or_else(|| TicketError::Missing("orderRequests".to_owned()))?;
    let counted = || requests.iter().filter(|request| !taken_back(request.status));
    let total = amount(order.total, "total", currency)?;
    let mut taxes = Vec::new();
    for tax in counted().flat_map(|request| request.taxes.as_deref().unwrap_or_default()) {
        taxes.push(tax_line(tax, taxes.len() + 1, currency)?);
    }
    let tax = Amount::sum(taxes.iter().map(|tax| tax.amount), currency)?;
    let read = |value| lines(counted(), value, currency);
    let adds_up = |lines: &[Line]| -> Result<bool, TicketError> {
        let net = Amount::sum(lines.iter().map(|line| line.extended), currency)?;
        Ok(net.checked_add(tax)? == total)
    };
    let mut lines = read(Value::Stated)?;
    if !adds_up(&lines)? {
        let others = read(Value::Final)?;
        if adds_up(&others)? {
            lines = others;
        }
    }
    let (tenders, change) = payment::read(order, settings, total)?;
    let totals = totals(order, currency, &lines, total, &tenders, change.as_ref())?;
    let kind = kind_of("Ticket", &lines)?;
    Ok((
        kind,
        Trade {
            lines,
            taxes,
            tips: Vec::new(),
            tenders,
            change,
            totals,
            prices: Prices::BeforeTax,
            customer: None,
            original: None,
        },
    ))
}

fn tax_line(tax: &Tax<'_>, number: usize, currency: Currency) -> Result<TaxLine, TicketError> {
    let name = tax
        .description
        .text()
        .and_then(|text| Jurisdiction::cleaned(&text));
    Ok(TaxLine {
        jurisdiction: name.ok_or_else(|| TicketError::Missing(format!("tax {number} description")))?,
        rate: None,
        base: None,
        amount: amount(tax.amount, &format!("tax {number} amount"), currency)?,
    })
}

fn lines<'a>(
    requests: impl Iterator<Item = &'a Object<Request<'a>>>,
    value: Value,
    currency: Currency,
) -> Result<Vec<Line>, TicketError> {
    let mut read = Vec::new();
    for request in requests {
        for line in whole(request.item_lines.as_ref(), "itemLines")? {
            read.push(item_line(line, read.len() + 1, value, currency)?);
        }
        for line in whole(request.gift_card_lines.as_ref(), "giftCardLines")? {
            read.push(gift_card_line(line, read.len() + 1, currency)?);
        }
    }
    Ok(read)
}

/// All of a list; a part of one is not taken for it.
fn whole<'a, T>(
    list: Option<&'a Object<Nodes<T>>>,
    name: &'static str,
) -> Result<&'a [Object<T>], TicketError> {
    match list {
        None => Ok(&[]),
        Some(list) if list.page_info.as_ref().is_some_and(|info| info.has_next_page) => {
            Err(TicketError::value(
                name,
                format!(
                    "found the first {} of more, wanted all; ring up fewer lines on one order",
                    list.nodes.len()
                ),
            ))
        }
        Some(list) => Ok(&list.nodes),
    }
}

fn item_line(
    line: &ItemLine<'_>,
    number: usize,
    value: Value,
    currency: Currency,
) -> Result<Line, TicketError> {
    let field = |name: &str| format!("line {number} {name}");
    let quantity = line
        .qty
        .text()
        .ok_or_else(|| TicketError::Missing(field("qty")))?;
    let quantity =
        Quantity::parse(&quantity, Unit::Each).map_err(|error| TicketError::value(field("qty"), error))?;
    if quantity.is_zero() {
        return Err(TicketError::value(field("qty"), "found 0, wanted another figure"));
    }
    let listed = amount(line.unit_price, &field("unitPrice"), currency)?;
    let extended = match (value, line.final_unit_price.text()) {
        (Value::Final, Some(asked)) => {
            let asked = Quantity::parse(&asked, Unit::Each)
                .map_err(|error| TicketError::value(field("finalUnitPrice"), error))?;
            rounded(exact_value(asked, quantity, currency), currency)?
        }
        _ => amount(line.total_at_unit_price, &field("totalAtUnitPrice"), currency)?,
    };
    // a price that was raised at the till is no discount below nothing
    let asked = Amount::parse(&line.final_unit_price.text().unwrap_or_default(), currency).ok();
    let unit_price = asked.map_or(listed, |asked| listed.max(asked));
    let sku = line
        .item
        .as_ref()
        .and_then(|item| item.item_number.text())
        .ok_or_else(|| TicketError::Missing(field("item itemNumber")))?;
    let sku = Sku::new(sku.trim()).map_err(|error| TicketError::value(field("item itemNumber"), error))?;
    sold(
        LineKind::Item,
        Some(sku),
        line.description,
        quantity,
        unit_price,
        extended,
    )
}

const MILLION: i64 = 1_000_000;

/// An exact value in whole minor units, half away from zero.
fn rounded(exact: i128, currency: Currency) -> Result<Amount, TicketError> {
    let unit = i128::from(MILLION) * i128::from(MILLION);
    let minor = (exact + exact.signum() * unit / 2) / unit;
    let minor = i64::try_from(minor).map_err(|_| TicketError::Sums(Discrepancy::Overflow))?;
    Ok(Amount::new(minor, currency))
}

/// What a gift card is sold for is a line's whole value, for however many it says.
fn gift_card_line(line: &GiftCardLine<'_>, number: usize, currency: Currency) -> Result<Line, TicketError> {
    let field = |name: &str| format!("line {number} {name}");
    let extended = amount(line.amount, &field("amount"), currency)?;
    let back = extended.is_negative() || line.qty.text().is_some_and(|qty| qty.starts_with('-'));
    let extended = if back && !extended.is_negative() {
        extended.checked_neg()?
    } else {
        extended
    };
    let quantity = Quantity::each(if back { -1 } else { 1 });
    let unit_price = if back { extended.checked_neg()? } else { extended };
    sold(
        LineKind::GiftCard,
        None,
        line.description,
        quantity,
        unit_price,
        extended,
    )
}

fn totals(
    order: &Order<'_>,
    currency: Currency,
    lines: &[Line],
    total: Amount,
    tenders: &[Tender],
    change: Option<&Change>,
) -> Result<Totals, TicketError> {
    let sum_of = |gift_cards_too: bool| {
        let counted = lines
            .iter()
            .filter(|line| gift_cards_too || line.kind != LineKind::GiftCard);
        Amount::sum(counted.map(|line| line.extended), currency)
    };
    let net = sum_of(true)?;
    let stated = optional(order.subtotal, "subtotal", currency)?;
    if stated != Some(sum_of(false)?) {
        agree("subtotal", stated, net)?;
    }
    let discounts = lines
        .iter()
        .flat_map(|line| line.discounts.iter().map(|discount| discount.amount));
    let tendered = Amount::sum(tenders.iter().map(|tender| tender.amount), currency)?;
    let given = Amount::sum(change.map(|change| change.amount), currency)?;
    let paid = tendered.checked_sub(given)?;
    let stated = optional(order.amount_paid, "amountPaid", currency)?;
    if stated != Some(tendered) {
        agree("amountPaid", stated, paid)?;
    }
    Ok(Totals {
        net,
        discount: Amount::sum(discounts, currency)?,
        tax: amount(order.total_tax, "totalTax", currency)?,
        tip: Amount::zero(currency),
        rounding: Amount::zero(currency),
        total,
        paid,
    })
}
