//! Payments of a ticket: tenders, and change as the movement of its own that it is.

use tillwire_proto::{
    Amount, CardBrand, CardFacts, Change, Code, Currency, Description, EntryMode, Last4, Tender, TenderKind,
    TenderState,
};

use super::error::TicketError;
use super::wire::{self, amount};
use crate::scalar::Object;
use crate::settings::HeartlandRetailSettings;

/// Tenders and change. Voided payments count for nothing and are left to the kept bytes.
pub(super) fn read(
    payments: &[Object<wire::Payment<'_>>],
    settings: &HeartlandRetailSettings,
) -> Result<(Vec<Tender>, Option<Change>), TicketError> {
    let mut tenders = Vec::new();
    for (index, payment) in payments.iter().enumerate() {
        if state(payment) != TenderState::Voided {
            tenders.push(tender(payment, index + 1, settings)?);
        }
    }
    let cash_came = tenders
        .iter()
        .any(|t| t.kind == TenderKind::Cash && !t.amount.is_negative());
    let is_change = |t: &Tender| {
        let said = t
            .label
            .as_ref()
            .is_some_and(|label| label.as_str().eq_ignore_ascii_case("change"));
        t.kind == TenderKind::Cash && t.amount.is_negative() && (said || cash_came)
    };
    let (given_back, tenders): (Vec<_>, Vec<_>) = tenders.into_iter().partition(is_change);
    if given_back.is_empty() {
        return Ok((tenders, None));
    }
    let sum = Amount::sum(given_back.iter().map(|t| t.amount), settings.currency)?;
    let change = Change {
        kind: TenderKind::Cash,
        amount: sum.checked_neg()?,
    };
    Ok((tenders, Some(change)))
}

/// What came into the till. A movement out of it (`deposit` false) is negative, whichever way the POS wrote it; the
/// ticket's totals would not agree if that were wrong.
pub(super) fn moved(
    payment: &wire::Payment<'_>,
    field: &str,
    currency: Currency,
) -> Result<Amount, TicketError> {
    let amount = amount(payment.amount, field, currency)?;
    if payment.deposit.flag() == Some(false) && !amount.is_negative() {
        return Ok(amount.checked_neg()?);
    }
    Ok(amount)
}

fn tender(
    payment: &wire::Payment<'_>,
    number: usize,
    settings: &HeartlandRetailSettings,
) -> Result<Tender, TicketError> {
    let amount = moved(payment, &format!("payment {number} amount"), settings.currency)?;
    let words = payment.description.text();
    let kind = kind(payment, number, settings)?;
    let card = (kind == TenderKind::Card)
        .then(|| card(words.as_deref().unwrap_or_default()))
        .flatten();
    let label = words.and_then(|text| Description::cleaned(&text));
    Ok(Tender {
        kind,
        amount,
        state: state(payment),
        card,
        label,
        foreign: None,
    })
}

pub(super) fn state(payment: &wire::Payment<'_>) -> TenderState {
    let words = payment.description.text().unwrap_or_default();
    match payment
        .status
        .text()
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "voided" | "void" => TenderState::Voided,
        "complete" | "completed" if !words.to_ascii_lowercase().starts_with("unresolved") => {
            TenderState::Complete
        }
        _ => TenderState::Pending,
    }
}

/// The retailer's mapping first, then the classes that name a tender. What is left travels under its payment
/// type's number, so that the relay can ask for a mapping.
fn kind(
    payment: &wire::Payment<'_>,
    number: usize,
    settings: &HeartlandRetailSettings,
) -> Result<TenderKind, TicketError> {
    let id = payment.payment_type_id.text();
    if let Some(kind) = id.as_ref().and_then(|id| settings.tenders.get(&**id)) {
        return Ok(kind.clone());
    }
    let class = payment.kind.text().unwrap_or_default();
    match class.strip_prefix("Payments::").unwrap_or(&class) {
        "CashPayment" => return Ok(TenderKind::Cash),
        "CreditCardPayment" | "DebitCardPayment" => return Ok(TenderKind::Card),
        "GiftCardPayment" => return Ok(TenderKind::GiftCard),
        "StoreCreditPayment" => return Ok(TenderKind::StoreCredit),
        "CheckPayment" => return Ok(TenderKind::Check),
        "OnAccountPayment" | "HouseAccountPayment" => return Ok(TenderKind::OnAccount),
        _ => {}
    }
    let code = match (id, payment.description.text()) {
        (Some(id), _) => Code::cleaned(&format!("payment-type-{id}")),
        (None, Some(words)) => Code::cleaned(&words),
        (None, None) => None,
    };
    code.map(TenderKind::Other)
        .ok_or_else(|| TicketError::Missing(format!("payment {number} payment_type_id")))
}

/// Reads `VISA ending in 1111`, the only card facts that a payment shows.
fn card(words: &str) -> Option<CardFacts> {
    let (brand, last4) = match words.split_once(" ending in ") {
        Some((brand, rest)) => (CardBrand::read(brand), Last4::of_masked(rest.trim())),
        None => (CardBrand::read(words), None),
    };
    let known = brand != CardBrand::Other || last4.is_some();
    known.then_some(CardFacts {
        brand,
        last4,
        entry_mode: EntryMode::Unknown,
        auth_code: None,
        reference: None,
        token: None,
    })
}
