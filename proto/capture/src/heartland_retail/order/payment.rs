//! Deposits and refunds of an order: tenders, and the change that was given.

use tillwire_proto::{Amount, Change, Code, Description, Tender, TenderKind, TenderState};

use super::wire::{Movement, Order};
use crate::heartland_retail::error::TicketError;
use crate::heartland_retail::wire::{amount, optional};
use crate::settings::HeartlandRetailSettings;

/// Deposits come in and refunds go out, whichever sign they are written with. The change that was given may be one of the
/// refunds, or stand in `change` alone, or be left out of the deposits already.
pub(super) fn read(
    order: &Order<'_>,
    settings: &HeartlandRetailSettings,
    total: Amount,
) -> Result<(Vec<Tender>, Option<Change>), TicketError> {
    let currency = settings.currency;
    let deposits = order
        .deposits
        .as_deref()
        .ok_or_else(|| TicketError::Missing("deposits".to_owned()))?;
    let refunds = order
        .refunds
        .as_deref()
        .ok_or_else(|| TicketError::Missing("refunds".to_owned()))?;
    let mut tenders = Vec::new();
    for (index, movement) in deposits.iter().enumerate() {
        tenders.push(tender(movement, &format!("deposit {}", index + 1), settings)?);
    }
    for (index, movement) in refunds.iter().enumerate() {
        let mut refund = tender(movement, &format!("refund {}", index + 1), settings)?;
        if !refund.amount.is_negative() {
            refund.amount = refund.amount.checked_neg()?;
        }
        tenders.push(refund);
    }
    let kept = Amount::sum(tenders.iter().map(|tender| tender.amount), currency)?;
    let given = optional(order.change, "change", currency)?.filter(|given| !given.is_zero());
    let Some(given) = given else {
        return Ok((tenders, None));
    };
    let as_change = |tenders| {
        let change = Change {
            kind: TenderKind::Cash,
            amount: given,
        };
        Ok((tenders, Some(change)))
    };
    if kept != total {
        return as_change(tenders);
    }
    let back = given.checked_neg()?;
    let is_change = |tender: &Tender| tender.kind == TenderKind::Cash && tender.amount == back;
    match tenders.iter().position(is_change) {
        Some(at) => {
            tenders.remove(at);
            as_change(tenders)
        }
        None => Ok((tenders, None)),
    }
}

fn tender(
    movement: &Movement<'_>,
    name: &str,
    settings: &HeartlandRetailSettings,
) -> Result<Tender, TicketError> {
    let said = movement
        .payment_type
        .as_ref()
        .and_then(|kind| kind.name.text().or_else(|| kind.description.text()))
        .ok_or_else(|| TicketError::Missing(format!("{name} paymentType name")))?;
    Ok(Tender {
        kind: tender_kind(&said, name, settings)?,
        amount: amount(movement.amount, &format!("{name} amount"), settings.currency)?,
        state: if said.to_ascii_lowercase().starts_with("unresolved") {
            TenderState::Pending
        } else {
            TenderState::Complete
        },
        card: None,
        label: Description::cleaned(&said),
        foreign: None,
    })
}

/// The retailer's mapping first, then the names that need none. What is left travels under its name, so that the relay can
/// ask for a mapping.
fn tender_kind(
    said: &str,
    name: &str,
    settings: &HeartlandRetailSettings,
) -> Result<TenderKind, TicketError> {
    if let Some(kind) = settings.tenders.get(said) {
        return Ok(kind.clone());
    }
    Ok(match said.trim().to_ascii_lowercase().as_str() {
        "cash" => TenderKind::Cash,
        "card" | "credit card" | "debit card" => TenderKind::Card,
        "gift card" => TenderKind::GiftCard,
        "store credit" => TenderKind::StoreCredit,
        "check" => TenderKind::Check,
        "on account" | "house account" => TenderKind::OnAccount,
        _ => Code::cleaned(said)
            .map(TenderKind::Other)
            .ok_or_else(|| TicketError::Missing(format!("{name} paymentType name")))?,
    })
}
