//! Lines of a ticket: goods, gift cards, shipping, taxes.

use tillwire_proto::{
    Amount, Currency, Description, Discount, Discrepancy, Jurisdiction, Line, LineKind, Quantity, Rate,
    Rounding, Sku, TaxLine, Unit,
};

use super::error::TicketError;
use super::wire::{self, amount, optional};
use crate::scalar::Scalar;

/// What a line turned out to be.
pub(super) enum Read {
    Goods(Line),
    Tax(TaxLine),
}

pub(super) fn read(line: &wire::Line<'_>, number: usize, currency: Currency) -> Result<Read, TicketError> {
    let at = At { number, currency };
    let said = line
        .kind
        .text()
        .ok_or_else(|| TicketError::Missing(at.field("type")))?;
    match &*said {
        "ItemLine" => goods(line, LineKind::Item, &at).map(Read::Goods),
        "GiftCardLine" => goods(line, LineKind::GiftCard, &at).map(Read::Goods),
        "ShippingLine" => goods(line, LineKind::Shipping, &at).map(Read::Goods),
        "TaxLine" => tax(line, &at).map(Read::Tax),
        other => Err(TicketError::Line {
            line: number,
            found: other.chars().take(40).collect(),
        }),
    }
}

struct At {
    number: usize,
    currency: Currency,
}

impl At {
    fn field(&self, name: &str) -> String {
        format!("line {} {name}", self.number)
    }
}

fn tax(line: &wire::Line<'_>, at: &At) -> Result<TaxLine, TicketError> {
    let name = line
        .description
        .text()
        .and_then(|text| Jurisdiction::cleaned(&text));
    let rate = line.rate.text().map(|text| Rate::parse(&text)).transpose();
    Ok(TaxLine {
        jurisdiction: name.ok_or_else(|| TicketError::Missing(at.field("description")))?,
        rate: rate.map_err(|error| TicketError::value(at.field("rate"), error))?,
        base: None,
        amount: amount(line.value, &at.field("value"), at.currency)?,
    })
}

fn goods(line: &wire::Line<'_>, kind: LineKind, at: &At) -> Result<Line, TicketError> {
    let extended = amount(line.value, &at.field("value"), at.currency)?;
    let quantity = quantity(line, kind, extended, at)?;
    let unit_price = unit_price(line, kind, extended, at)?;
    check_value(line, quantity, extended, at)?;
    let sku = sku(line, kind, at)?;
    let mut sold = sold(kind, sku, line.description, quantity, unit_price, extended)?;
    for discount in &mut sold.discounts {
        discount.reason = reason(line);
    }
    Ok(sold)
}

/// A line of goods: what its value is less than the price for all of it is a discount.
pub(super) fn sold(
    kind: LineKind,
    sku: Option<Sku>,
    description: Scalar<'_>,
    quantity: Quantity,
    unit_price: Amount,
    extended: Amount,
) -> Result<Line, TicketError> {
    let full = unit_price.mul_ratio(quantity.millionths(), MILLION, Rounding::HalfUp)?;
    let reduction = full.checked_sub(extended)?;
    let discounts = (!reduction.is_zero()).then_some(Discount {
        amount: reduction,
        reason: None,
    });
    Ok(Line {
        kind,
        sku,
        description: description.text().and_then(|text| Description::cleaned(&text)),
        department: None,
        serial: None,
        quantity,
        unit_price,
        discounts: discounts.into_iter().collect(),
        extended,
    })
}

const MILLION: i64 = 1_000_000;

fn sku(line: &wire::Line<'_>, kind: LineKind, at: &At) -> Result<Option<Sku>, TicketError> {
    if kind != LineKind::Item {
        return Ok(None);
    }
    let field = || at.field("item_public_id");
    let text = line
        .item_public_id
        .text()
        .ok_or_else(|| TicketError::Missing(field()))?;
    Sku::new(text.trim())
        .map(Some)
        .map_err(|error| TicketError::value(field(), error))
}

/// Goods must say how many. Shipping and gift cards are one, coming back when the value does.
fn quantity(
    line: &wire::Line<'_>,
    kind: LineKind,
    extended: Amount,
    at: &At,
) -> Result<Quantity, TicketError> {
    let quantity = match line.qty.text() {
        Some(text) => {
            Quantity::parse(&text, Unit::Each).map_err(|error| TicketError::value(at.field("qty"), error))?
        }
        None if kind == LineKind::Item => return Err(TicketError::Missing(at.field("qty"))),
        None => Quantity::each(if extended.is_negative() { -1 } else { 1 }),
    };
    if quantity.is_zero() {
        return Err(TicketError::value(
            at.field("qty"),
            "found 0, wanted another figure",
        ));
    }
    Ok(quantity)
}

/// The price before discounts: the original one, unless a cashier raised it.
fn unit_price(
    line: &wire::Line<'_>,
    kind: LineKind,
    extended: Amount,
    at: &At,
) -> Result<Amount, TicketError> {
    let original = optional(
        line.original_unit_price,
        &at.field("original_unit_price"),
        at.currency,
    )?;
    let price = optional(line.unit_price, &at.field("unit_price"), at.currency)?;
    match (original, price) {
        (Some(original), Some(price)) => Ok(original.max(price)),
        (Some(price), None) | (None, Some(price)) => Ok(price),
        (None, None) if kind == LineKind::Item => Err(TicketError::Missing(at.field("unit_price"))),
        (None, None) if extended.is_negative() => Ok(extended.checked_neg()?),
        (None, None) => Ok(extended),
    }
}

/// The value must be quantity times the price that was asked in the end, to less than a cent: how the POS rounds
/// fractions of a cent is its own business, a cent more or less is not. Prices asked in the end may be finer than
/// cents (10 % off 12.55).
fn check_value(
    line: &wire::Line<'_>,
    quantity: Quantity,
    extended: Amount,
    at: &At,
) -> Result<(), TicketError> {
    let asked = line.adjusted_unit_price.text().or_else(|| line.unit_price.text());
    let Some(asked) = asked else { return Ok(()) };
    let asked = Quantity::parse(&asked, Unit::Each)
        .map_err(|error| TicketError::value(at.field("adjusted_unit_price"), error))?;
    let exact = exact_value(asked, quantity, at.currency);
    let unit = i128::from(MILLION) * i128::from(MILLION);
    if (exact - i128::from(extended.minor()) * unit).abs() < unit {
        return Ok(());
    }
    let computed = i64::try_from(exact / unit).map_err(|_| TicketError::Sums(Discrepancy::Overflow))?;
    Err(TicketError::Sums(Discrepancy::Line {
        line: at.number,
        stated: extended,
        computed: Amount::new(computed, at.currency),
    }))
}

/// Price times quantity, in millionths of millionths of a minor unit.
pub(super) fn exact_value(price: Quantity, quantity: Quantity, currency: Currency) -> i128 {
    let minor = 10_i128.pow(currency.exponent());
    i128::from(price.millionths()) * i128::from(quantity.millionths()) * minor
}

fn reason(line: &wire::Line<'_>) -> Option<Description> {
    let adjustments = line.price_adjustments.as_deref().unwrap_or_default();
    let names: Vec<_> = adjustments.iter().filter_map(|a| a.description.text()).collect();
    Description::cleaned(&names.join(", "))
}
