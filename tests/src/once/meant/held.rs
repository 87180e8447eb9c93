//! What Odoo holds, in words that compare with [`Meant::content`](super::Meant::content).

use std::collections::BTreeMap;

use super::{RECEIVABLE, entry_line};
use crate::cents;
use crate::odoo_sim::{LineView, MoveView, PartnerView, Snapshot};

/// A document in Odoo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its external id, where it has one; the key of a payment.
    pub key: Option<String>,
    /// Its model's name.
    pub model: &'static str,
    /// Its database id; 0 of a payment, which is no record.
    pub id: i64,
    /// Whether it is posted or done.
    pub confirmed: bool,
    /// What it says, but for its date.
    pub content: Vec<String>,
    /// The accounting date, of what has one.
    pub date: Option<String>,
}

/// Every document of the kinds that the relay makes, whoever made it.
#[must_use]
pub fn documents(odoo: &Snapshot, customers: i64) -> Vec<Document> {
    let partners: BTreeMap<i64, &str> = odoo
        .partners
        .iter()
        .map(|partner| (partner.id, called(partner)))
        .collect();
    let moves = odoo.moves.iter().map(|entry| Document {
        key: entry.xid.clone(),
        model: "account.move",
        id: entry.id,
        confirmed: entry.state == "posted",
        content: if entry.move_type == "entry" {
            entry_words(entry, &partners)
        } else {
            invoice_words(entry, &partners)
        },
        date: Some(entry.date.clone()),
    });
    let pickings = odoo.pickings.iter().map(|picking| {
        let moves = picking.moves.iter().filter(|item| item.state != "cancel");
        let moves = moves.map(|item| format!("{} {}", item.default_code, item.quantity));
        let way = if picking.location_dest_id == customers {
            "out"
        } else {
            "back"
        };
        Document {
            key: picking.xid.clone(),
            model: "stock.picking",
            id: picking.id,
            confirmed: picking.state == "done",
            content: sorted(moves.chain([format!("{} {way}", picking.name)])),
            date: None,
        }
    });
    let contacts = odoo.partners.iter().filter(|partner| is_customer(partner));
    let contacts = contacts.map(|partner| Document {
        key: partner.xid.clone(),
        model: "res.partner",
        id: partner.id,
        confirmed: true,
        content: vec![format!("{} owes on {}", partner.reference, partner.receivable)],
        date: None,
    });
    let payments = odoo.moves.iter().filter_map(payment);
    moves.chain(pickings).chain(contacts).chain(payments).collect()
}

/// Made by the relay, or a double of one that was: Odoo's own contacts have no such reference.
fn is_customer(partner: &PartnerView) -> bool {
    let ours = |xid: &String| xid.starts_with("tillwire.");
    partner.xid.as_ref().is_some_and(ours) || partner.reference.starts_with("CUST-")
}

/// A contact stays who it is when people change what it says.
fn called(partner: &PartnerView) -> &str {
    let customer = partner
        .xid
        .as_deref()
        .and_then(|xid| xid.strip_prefix("tillwire.c_acme_"));
    customer.unwrap_or(&partner.reference)
}

/// That an invoice of a customer is paid in full.
fn payment(invoice: &MoveView) -> Option<Document> {
    let of = invoice.xid.as_ref()?.strip_prefix("tillwire.i_")?;
    let owed = invoice
        .lines
        .iter()
        .filter(|line| line.account_code == RECEIVABLE);
    let owed: i64 = owed.map(|line| line.debit).sum();
    (invoice.state == "posted" && invoice.payment_state == "paid" && of.contains("_s_c")).then(|| Document {
        key: Some(format!("tillwire.m_{of}_1")),
        model: "account.move.line",
        id: 0,
        confirmed: true,
        content: vec![format!("paid {}", cents::decimal(owed))],
        date: None,
    })
}

fn owner<'a>(line: &LineView, partners: &BTreeMap<i64, &'a str>) -> Option<&'a str> {
    line.partner_id.and_then(|id| partners.get(&id).copied())
}

fn entry_words(entry: &MoveView, partners: &BTreeMap<i64, &str>) -> Vec<String> {
    let words = |line: &LineView| {
        let amount = line.debit - line.credit;
        entry_line((&line.account_code, &line.label, amount), owner(line, partners))
    };
    let head = format!("{} {}", entry.journal_code, entry.reference);
    sorted(entry.lines.iter().map(words).chain([head]))
}

/// Odoo labels the line of what is owed by itself, so labels are not compared.
fn invoice_words(invoice: &MoveView, partners: &BTreeMap<i64, &str>) -> Vec<String> {
    let words = |line: &LineView| {
        let words = format!(
            "{} {}",
            line.account_code,
            cents::decimal(line.debit - line.credit)
        );
        match owner(line, partners).filter(|_| line.display_type == "payment_term") {
            Some(owner) => format!("{words} owed by {owner}"),
            None => words,
        }
    };
    let head = format!(
        "{} {} {}",
        invoice.journal_code, invoice.move_type, invoice.reference
    );
    sorted(invoice.lines.iter().map(words).chain([head]))
}

fn sorted(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut words: Vec<String> = words.collect();
    words.sort();
    words
}
