//! What checkers look at: one consistent picture of the database, in whole cents and millionths of a unit.

use super::account_move::{LINE, MOVE};
use super::account_payment::{self, PAYMENT};
use super::account_reconcile;
use super::db::Db;
use super::env::Env;
use super::stock_picking::PICKING;
use super::stock_quant::QUANT;
use super::value::{CENT, Val};
use std::collections::BTreeMap;

const PARTNER: &str = "res.partner";

/// A journal entry with its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveView {
    pub id: i64,
    /// Empty while the entry has no name.
    pub name: String,
    pub state: String,
    /// `YYYY-MM-DD`.
    pub date: String,
    pub reference: String,
    pub move_type: String,
    pub company_id: i64,
    pub journal_id: i64,
    pub journal_code: String,
    /// External id `module.name`, when it has one.
    pub xid: Option<String>,
    pub reverses: Option<i64>,
    /// `not_paid`, `partial`, `paid` or `reversed`; entries are never paid.
    pub payment_state: String,
    /// What is still to be paid of a document, in hundredths of its currency.
    pub residual: i64,
    pub lines: Vec<LineView>,
}

/// A journal item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    pub id: i64,
    pub account_id: i64,
    pub account_code: String,
    pub label: String,
    /// In cents.
    pub debit: i64,
    /// In cents.
    pub credit: i64,
    /// In hundredths of the currency of the line; debits are positive.
    pub foreign: i64,
    /// Name of the currency of the line.
    pub currency: String,
    pub tax_ids: Vec<i64>,
    pub tax_repartition_line_id: Option<i64>,
    /// In cents.
    pub tax_base: i64,
    pub partner_id: Option<i64>,
    /// `product`, `tax` or `payment_term`.
    pub display_type: String,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentView {
    pub id: i64,
    /// As this version calls it: `posted` on 17, `in_process` or `paid` on 18 and 19.
    pub state: String,
    /// `inbound` or `outbound`.
    pub payment_type: String,
    /// In hundredths of its currency.
    pub amount: i64,
    /// `YYYY-MM-DD`.
    pub date: String,
    /// The text that a caller gave: `ref` on 17, `memo` on 18 and 19.
    pub reference: String,
    pub journal_id: i64,
    pub partner_id: Option<i64>,
    /// Its entry, when it has one.
    pub move_id: Option<i64>,
    pub xid: Option<String>,
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerView {
    pub id: i64,
    /// Its internal reference; empty without one.
    pub reference: String,
    /// Code of the account that its invoices are owed on, where the contact itself names one.
    pub receivable: String,
    pub xid: Option<String>,
}

/// Stock of a product at a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuantView {
    pub id: i64,
    pub product_id: i64,
    pub default_code: String,
    pub location_id: i64,
    pub location: String,
    /// `internal`, `customer`, ...
    pub usage: String,
    /// Name of the lot or serial number; empty without one.
    pub lot: String,
    /// In millionths of the unit; may be negative.
    pub quantity: i64,
}

/// A transfer with its moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickingView {
    pub id: i64,
    pub name: String,
    pub state: String,
    pub origin: String,
    pub location_id: i64,
    pub location_dest_id: i64,
    pub xid: Option<String>,
    pub moves: Vec<StockMoveView>,
}

/// One product in a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockMoveView {
    pub id: i64,
    pub product_id: i64,
    pub default_code: String,
    pub state: String,
    /// In millionths of the unit.
    pub demand: i64,
    /// In millionths of the unit.
    pub quantity: i64,
}

/// A consistent picture of the whole database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    pub moves: Vec<MoveView>,
    pub quants: Vec<QuantView>,
    pub pickings: Vec<PickingView>,
    pub payments: Vec<PaymentView>,
    pub partners: Vec<PartnerView>,
    /// External id to model and database id.
    pub xids: BTreeMap<String, (String, i64)>,
}

impl Snapshot {
    pub(crate) fn take(env: &Env<'_>) -> Self {
        let db = &*env.db;
        let mut names: BTreeMap<(String, i64), String> = BTreeMap::new();
        let mut xids = BTreeMap::new();
        for r in db.table("ir.model.data").rows.values() {
            let text = |f: &str| r.get(f).map(|v| v.text().to_owned()).unwrap_or_default();
            let id = r.get("res_id").map_or(0, Val::int);
            let xid = format!("{}.{}", text("module"), text("name"));
            names.entry((text("model"), id)).or_insert_with(|| xid.clone());
            xids.insert(xid, (text("model"), id));
        }
        let xid = |model: &str, id: i64| names.get(&(model.to_owned(), id)).cloned();
        Self {
            moves: db
                .table(MOVE)
                .rows
                .keys()
                .map(|id| entry(env, *id, xid(MOVE, *id)))
                .collect(),
            quants: db.table(QUANT).rows.keys().map(|id| quant(db, *id)).collect(),
            pickings: db
                .table(PICKING)
                .rows
                .keys()
                .map(|id| picking(db, *id, xid(PICKING, *id)))
                .collect(),
            payments: db
                .table(PAYMENT)
                .rows
                .keys()
                .map(|id| payment(env, *id, xid(PAYMENT, *id)))
                .collect(),
            partners: db
                .table(PARTNER)
                .rows
                .keys()
                .map(|id| partner(db, *id, xid(PARTNER, *id)))
                .collect(),
            xids,
        }
    }

    /// Entries that are posted.
    pub fn posted(&self) -> impl Iterator<Item = &MoveView> {
        self.moves.iter().filter(|m| m.state == "posted")
    }

    /// Debit less credit of all posted entries on an account, in cents.
    #[must_use]
    pub fn balance(&self, account_code: &str) -> i64 {
        self.posted()
            .flat_map(|m| &m.lines)
            .filter(|l| l.account_code == account_code)
            .map(|l| l.debit - l.credit)
            .sum()
    }

    /// Stock of a product at internal locations, in millionths of its unit.
    #[must_use]
    pub fn on_hand(&self, default_code: &str) -> i64 {
        self.quants
            .iter()
            .filter(|q| q.usage == "internal" && q.default_code == default_code)
            .map(|q| q.quantity)
            .sum()
    }

    /// The entry with this external id.
    #[must_use]
    pub fn move_by_xid(&self, xid: &str) -> Option<&MoveView> {
        self.moves.iter().find(|m| m.xid.as_deref() == Some(xid))
    }

    /// The transfer with this external id.
    #[must_use]
    pub fn picking_by_xid(&self, xid: &str) -> Option<&PickingView> {
        self.pickings.iter().find(|p| p.xid.as_deref() == Some(xid))
    }
}

fn cents(db: &Db, id: i64, field: &str) -> i64 {
    db.num(LINE, id, field) / CENT
}

fn entry(env: &Env<'_>, id: i64, xid: Option<String>) -> MoveView {
    let db = &*env.db;
    let text = |f: &str| db.text(MOVE, id, f);
    let journal = db.ref_id(MOVE, id, "journal_id").unwrap_or(0);
    MoveView {
        id,
        name: text("name"),
        state: text("state"),
        date: text("date"),
        reference: text("ref"),
        move_type: text("move_type"),
        company_id: db.ref_id(MOVE, id, "company_id").unwrap_or(0),
        journal_id: journal,
        journal_code: db.text("account.journal", journal, "code"),
        xid,
        reverses: db.ref_id(MOVE, id, "reversed_entry_id"),
        payment_state: account_reconcile::payment_state(env, id).into(),
        residual: account_reconcile::residual(env, id) / CENT,
        lines: db
            .by(LINE, "move_id", id)
            .into_iter()
            .map(|l| line(db, l))
            .collect(),
    }
}

fn line(db: &Db, id: i64) -> LineView {
    let account = db.ref_id(LINE, id, "account_id").unwrap_or(0);
    LineView {
        id,
        account_id: account,
        account_code: db.text("account.account", account, "code"),
        label: db.text(LINE, id, "name"),
        debit: cents(db, id, "debit"),
        credit: cents(db, id, "credit"),
        foreign: cents(db, id, "amount_currency"),
        currency: db.text(
            "res.currency",
            db.ref_id(LINE, id, "currency_id").unwrap_or(0),
            "name",
        ),
        tax_ids: db.val(LINE, id, "tax_ids").ids().to_vec(),
        tax_repartition_line_id: db.ref_id(LINE, id, "tax_repartition_line_id"),
        tax_base: cents(db, id, "tax_base_amount"),
        partner_id: db.ref_id(LINE, id, "partner_id"),
        display_type: db.text(LINE, id, "display_type"),
    }
}

fn payment(env: &Env<'_>, id: i64, xid: Option<String>) -> PaymentView {
    let db = &*env.db;
    let text = |f: &str| db.text(PAYMENT, id, f);
    PaymentView {
        id,
        state: account_payment::state(env, id),
        payment_type: text("payment_type"),
        amount: db.num(PAYMENT, id, "amount") / CENT,
        date: text("date"),
        reference: text(account_payment::note_field(env)),
        journal_id: db.ref_id(PAYMENT, id, "journal_id").unwrap_or(0),
        partner_id: db.ref_id(PAYMENT, id, "partner_id"),
        move_id: db.ref_id(PAYMENT, id, "move_id"),
        xid,
    }
}

fn partner(db: &Db, id: i64, xid: Option<String>) -> PartnerView {
    let receivable = db.ref_id(PARTNER, id, "property_account_receivable_id");
    PartnerView {
        id,
        reference: db.text(PARTNER, id, "ref"),
        receivable: db.text("account.account", receivable.unwrap_or(0), "code"),
        xid,
    }
}

fn quant(db: &Db, id: i64) -> QuantView {
    let product = db.ref_id(QUANT, id, "product_id").unwrap_or(0);
    let location = db.ref_id(QUANT, id, "location_id").unwrap_or(0);
    QuantView {
        id,
        product_id: product,
        default_code: db.text("product.product", product, "default_code"),
        location_id: location,
        location: db.text("stock.location", location, "complete_name"),
        usage: db.text("stock.location", location, "usage"),
        lot: db.text("stock.lot", db.ref_id(QUANT, id, "lot_id").unwrap_or(0), "name"),
        quantity: db.num(QUANT, id, "quantity"),
    }
}

fn picking(db: &Db, id: i64, xid: Option<String>) -> PickingView {
    let text = |f: &str| db.text(PICKING, id, f);
    let item = |m: i64| {
        let product = db.ref_id("stock.move", m, "product_id").unwrap_or(0);
        StockMoveView {
            id: m,
            product_id: product,
            default_code: db.text("product.product", product, "default_code"),
            state: db.text("stock.move", m, "state"),
            demand: db.num("stock.move", m, "product_uom_qty"),
            quantity: db.num("stock.move", m, "quantity"),
        }
    };
    PickingView {
        id,
        name: text("name"),
        state: text("state"),
        origin: text("origin"),
        location_id: db.ref_id(PICKING, id, "location_id").unwrap_or(0),
        location_dest_id: db.ref_id(PICKING, id, "location_dest_id").unwrap_or(0),
        xid,
        moves: db
            .by("stock.move", "picking_id", id)
            .into_iter()
            .map(item)
            .collect(),
    }
}
