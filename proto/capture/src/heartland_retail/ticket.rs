//! A ticket becomes a transaction.

use tillwire_proto::{
    Amount, Body, BusinessKey, Customer, Description, Discrepancy, Line, LocalTime, Operator, OriginalTicket,
    PosId, Prices, RegisterId, TaxLine, TicketNumber, Totals, Trade, Transaction, TransactionKind, Void,
};

use super::error::TicketError;
use super::line::{self, Read};
use super::payment;
use super::wire::{Ticket, amount, optional};
use crate::scalar::{Object, Scalar};
use crate::settings::HeartlandRetailSettings;

pub(super) fn read(
    ticket: &Ticket<'_>,
    settings: &HeartlandRetailSettings,
) -> Result<Transaction, TicketError> {
    let register = register(ticket, settings)?;
    check_place(ticket, settings)?;
    let voided = ticket.voided.flag().unwrap_or(false) || status(ticket) == "voided";
    let (kind, body) = if voided {
        (TransactionKind::Void, Body::Void(void(ticket)))
    } else {
        check_complete(ticket)?;
        let (kind, trade) = trade(ticket, settings)?;
        (kind, Body::Trade(trade))
    };
    let at = completed_at(ticket, settings)?;
    let head = Head {
        register,
        at,
        number: ("public_id", ticket.public_id),
        id: ticket.id,
        operator: ticket.sales_rep,
    };
    head.with(kind, body, settings)
}

/// What a sale's transaction says beside its body, whichever interface told it.
pub(super) struct Head<'a> {
    pub(super) register: RegisterId,
    pub(super) at: LocalTime,
    /// The number on the receipt, and what its field is called.
    pub(super) number: (&'static str, Scalar<'a>),
    pub(super) id: Scalar<'a>,
    pub(super) operator: Scalar<'a>,
}

impl Head<'_> {
    /// The whole transaction, every sum of it right.
    pub(super) fn with(
        self,
        kind: TransactionKind,
        body: Body,
        settings: &HeartlandRetailSettings,
    ) -> Result<Transaction, TicketError> {
        let (field, number) = self.number;
        let number = number
            .text()
            .ok_or_else(|| TicketError::Missing(field.to_owned()))?;
        let transaction = Transaction {
            key: BusinessKey {
                store: settings.store.clone(),
                register: self.register,
                day: settings.time.day(self.at),
                ticket: TicketNumber::new(&number).map_err(|error| TicketError::value(field, error))?,
                kind,
                revision: 0,
            },
            at: self.at,
            pos_id: pos_id(self.id),
            operator: self.operator.text().and_then(|text| Operator::cleaned(&text)),
            currency: settings.currency,
            body,
        };
        transaction.verify()?;
        Ok(transaction)
    }
}

/// The register whose station rang the ticket up.
pub(super) fn register(
    ticket: &Ticket<'_>,
    settings: &HeartlandRetailSettings,
) -> Result<RegisterId, TicketError> {
    station(ticket.station_id, settings)
}

pub(super) fn station(
    station: Scalar<'_>,
    settings: &HeartlandRetailSettings,
) -> Result<RegisterId, TicketError> {
    let found = station
        .text()
        .ok_or_else(|| TicketError::Missing("station_id".to_owned()))?;
    settings
        .registers
        .get(&*found)
        .cloned()
        .ok_or_else(|| TicketError::Register {
            found: found.chars().take(40).collect(),
            wanted: list(settings.registers.keys()),
        })
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).take(20).collect();
    if names.is_empty() {
        "none is configured".to_owned()
    } else {
        names.join(", ")
    }
}

fn check_place(ticket: &Ticket<'_>, settings: &HeartlandRetailSettings) -> Result<(), TicketError> {
    let location = ticket
        .source_location_id
        .text()
        .or_else(|| ticket.location_id.text());
    if !settings.locations.is_empty() {
        let found = location.ok_or_else(|| TicketError::Missing("source_location_id".to_owned()))?;
        if !settings.locations.contains(&*found) {
            return Err(TicketError::Location {
                found: found.chars().take(40).collect(),
                wanted: list(settings.locations.iter()),
            });
        }
    }
    match ticket.currency.text() {
        Some(found) if !found.eq_ignore_ascii_case(settings.currency.code()) => Err(TicketError::Currency {
            found: found.chars().take(8).collect(),
            wanted: settings.currency.code().to_owned(),
        }),
        _ => Ok(()),
    }
}

fn status(ticket: &Ticket<'_>) -> String {
    ticket
        .status
        .text()
        .map(|text| text.to_ascii_lowercase())
        .unwrap_or_default()
}

fn check_complete(ticket: &Ticket<'_>) -> Result<(), TicketError> {
    let status = status(ticket);
    let complete = ticket.completed.flag().unwrap_or(status == "complete");
    if complete && matches!(status.as_str(), "complete" | "completed" | "") {
        Ok(())
    } else {
        let shown = if status.is_empty() {
            "open"
        } else {
            status.as_str()
        };
        Err(TicketError::NotComplete(shown.chars().take(40).collect()))
    }
}

/// When it was completed, on the store's clock. A ticket voided before its completion has no such time; then the
/// time of its last change stands for it, if the store's zone is known.
fn completed_at(ticket: &Ticket<'_>, settings: &HeartlandRetailSettings) -> Result<LocalTime, TicketError> {
    if let Some(text) = ticket.local_completed_at.text() {
        return text
            .parse()
            .map_err(|error| TicketError::value("local_completed_at", error));
    }
    let changed = ticket.completed_at.text().or_else(|| ticket.updated_at.text());
    let changed = changed.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    changed
        .and_then(|at| settings.time.local(at))
        .ok_or_else(|| TicketError::Missing("local_completed_at".to_owned()))
}

fn pos_id(id: Scalar<'_>) -> Option<PosId> {
    id.text().and_then(|text| PosId::new(&text).ok())
}

fn void(ticket: &Ticket<'_>) -> Void {
    let was_completed = ticket.local_completed_at.text().is_some() || ticket.completed_at.text().is_some();
    let of = OriginalTicket {
        ticket: ticket
            .public_id
            .text()
            .and_then(|text| TicketNumber::new(&text).ok()),
        pos_id: pos_id(ticket.id),
        day: None,
    };
    Void { of, was_completed }
}

fn trade(
    ticket: &Ticket<'_>,
    settings: &HeartlandRetailSettings,
) -> Result<(TransactionKind, Trade), TicketError> {
    let lines = ticket.lines.as_deref().ok_or(TicketError::NeedsParts("lines"))?;
    let payments = ticket
        .payments
        .as_deref()
        .ok_or(TicketError::NeedsParts("payments"))?;
    let (lines, taxes) = read_lines(lines, settings)?;
    let said = ticket.kind.text();
    let said = said.ok_or_else(|| TicketError::Missing("type".to_owned()))?;
    let kind = kind_of(&said, &lines)?;
    let (tenders, change) = payment::read(payments, settings)?;
    let totals = totals(ticket, settings, &lines)?;
    let original = pos_id(ticket.parent_transaction_id);
    let original = original.map(|id| OriginalTicket {
        ticket: None,
        pos_id: Some(id),
        day: None,
    });
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
            customer: customer(ticket),
            original,
        },
    ))
}

/// A walk-in has no customer, or the house customer that the mapping leaves to the day's summary.
fn customer(ticket: &Ticket<'_>) -> Option<Customer> {
    let name = ticket.customer_name.text();
    Some(Customer {
        id: pos_id(ticket.customer_id)?,
        name: name.and_then(|text| Description::cleaned(&text)),
    })
}

fn read_lines(
    lines: &[Object<super::wire::Line<'_>>],
    settings: &HeartlandRetailSettings,
) -> Result<(Vec<Line>, Vec<TaxLine>), TicketError> {
    let (mut goods, mut taxes) = (Vec::new(), Vec::new());
    for (index, found) in lines.iter().enumerate() {
        match line::read(found, index + 1, settings.currency)? {
            Read::Goods(line) => goods.push(line),
            Read::Tax(tax) => taxes.push(tax),
        }
    }
    Ok((goods, taxes))
}

/// The signs of the quantities decide, because an exchange is an ordinary ticket with a line that comes back. What
/// calls itself a return must have one.
pub(super) fn kind_of(said: &str, lines: &[Line]) -> Result<TransactionKind, TicketError> {
    let back = lines.iter().any(|line| line.quantity.is_negative());
    let out = lines.iter().any(|line| !line.quantity.is_negative());
    match (said, back, out) {
        ("Ticket" | "Return", true, true) => Ok(TransactionKind::Exchange),
        ("Ticket", true, false) | ("Return", _, false) => Ok(TransactionKind::Return),
        ("Ticket", false, _) => Ok(TransactionKind::Sale),
        ("Return", false, true) => Err(TicketError::Sums(Discrepancy::Sign {
            part: "quantity",
            found: lines
                .first()
                .map_or_else(String::new, |line| line.quantity.decimal()),
            wanted: "less than zero on a Return",
        })),
        _ => Err(TicketError::Type(said.chars().take(40).collect())),
    }
}

fn totals(
    ticket: &Ticket<'_>,
    settings: &HeartlandRetailSettings,
    lines: &[Line],
) -> Result<Totals, TicketError> {
    let currency = settings.currency;
    let net = amount(ticket.subtotal, "subtotal", currency)?;
    let discounts = lines
        .iter()
        .flat_map(|line| line.discounts.iter().map(|d| d.amount));
    let computed = Amount::sum(discounts, currency)?;
    let discount = optional(ticket.total_discounts, "total_discounts", currency)?.unwrap_or(computed);
    let total = amount(ticket.total, "total", currency)?;
    let paid = amount(ticket.total_paid, "total_paid", currency)?;
    let tax = match optional(ticket.total_tax, "total_tax", currency)? {
        Some(tax) => tax,
        None => amount(ticket.tax_total, "total_tax", currency)?,
    };
    agree(
        "tax_total",
        optional(ticket.tax_total, "tax_total", currency)?,
        tax,
    )?;
    let before = optional(ticket.original_subtotal, "original_subtotal", currency)?;
    agree("original_subtotal", before, net.checked_add(computed)?)?;
    agree(
        "balance",
        optional(ticket.balance, "balance", currency)?,
        total.checked_sub(paid)?,
    )?;
    Ok(Totals {
        net,
        discount,
        tax,
        tip: Amount::zero(currency),
        rounding: Amount::zero(currency),
        total,
        paid,
    })
}

pub(super) fn agree(part: &'static str, stated: Option<Amount>, computed: Amount) -> Result<(), TicketError> {
    match stated {
        Some(stated) if stated != computed => Err(TicketError::Sums(Discrepancy::Total {
            part,
            stated,
            computed,
        })),
        _ => Ok(()),
    }
}
