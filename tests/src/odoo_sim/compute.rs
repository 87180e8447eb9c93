//! Names and values that are worked out when they are read.

use super::env::Env;
use super::schema::{Field, Kind, inverse};
use super::value::{Val, show_money};
use super::version::OdooVersion;
use super::{account_payment, account_reconcile, account_tax, sale_order, stock_move, stock_quant};

impl Env<'_> {
    /// The value of a field: computed, looked up through an inverse, or stored.
    pub(crate) fn value(&self, model: &'static str, id: i64, field: &Field) -> Val {
        match field.name {
            "id" => return Val::Int(id),
            "display_name" => return Val::Str(self.display_name(model, id)),
            _ => {}
        }
        if field.kind == Kind::One2many
            && let Some((child, back)) = inverse(model, field.name)
        {
            return self.children(model, id, field.name, child, back);
        }
        if let Some(value) = self.computed(model, id, field.name) {
            return value;
        }
        let held = self.db.val(model, id, field.name);
        match (field.kind, held) {
            (Kind::Bool, Val::Null) => Val::Bool(false),
            (Kind::Float | Kind::Money, Val::Null) => Val::Num(0),
            (Kind::Int, Val::Null) => Val::Int(0),
            (Kind::One2many | Kind::Many2many, Val::Null) => Val::Ids(vec![]),
            (_, held) => held,
        }
    }

    fn children(&self, model: &str, id: i64, field: &str, child: &'static str, back: &'static str) -> Val {
        let all = self.db.by(child, back, id);
        let keep = |x: &i64| match (model, field) {
            ("account.move", "invoice_line_ids") => self.db.text(child, *x, "display_type") == "product",
            ("account.tax", "invoice_repartition_line_ids") => {
                self.db.text(child, *x, "document_type") == "invoice"
            }
            ("account.tax", "refund_repartition_line_ids") => {
                self.db.text(child, *x, "document_type") == "refund"
            }
            ("account.journal", "inbound_payment_method_line_ids") => {
                self.db.text(child, *x, "payment_type") == "inbound"
            }
            ("account.journal", "outbound_payment_method_line_ids") => {
                self.db.text(child, *x, "payment_type") == "outbound"
            }
            ("stock.picking", "move_line_ids") => {
                self.db.num(child, *x, "quantity") != 0 && self.db.ref_id(child, *x, "lot_id").is_none()
                    || self.db.ref_id(child, *x, "lot_id").is_some()
            }
            _ => true,
        };
        Val::Ids(all.into_iter().filter(keep).collect())
    }

    fn computed(&self, model: &str, id: i64, field: &str) -> Option<Val> {
        let db = &self.db;
        Some(match (model, field) {
            ("sale.order", _) => return sale_order::computed(self, id, field),
            ("account.payment", _) => return account_payment::computed(self, id, field),
            ("account.move", "amount_residual") => Val::Num(account_reconcile::residual(self, id)),
            ("account.move", "payment_state") => Val::str(account_reconcile::payment_state(self, id)),
            ("account.move", "payment_id" | "origin_payment_id") => {
                db.val(model, id, account_payment::OF_MOVE)
            }
            ("account.move.line", "amount_residual") => Val::Num(account_reconcile::rest(self, id).own),
            ("account.move.line", "amount_residual_currency") => {
                Val::Num(account_reconcile::rest(self, id).foreign)
            }
            ("account.move.line", "reconciled") => Val::Bool(account_reconcile::is_reconciled(self, id)),
            ("account.move.line", "payment_id") => {
                let entry = db.ref_id(model, id, "move_id")?;
                db.val("account.move", entry, account_payment::OF_MOVE)
            }
            ("account.tax", "price_include") if !self.is(OdooVersion::V17) => {
                Val::Bool(account_tax::is_included(self, id))
            }
            ("account.move.line", "journal_id" | "date" | "company_id" | "ref" | "move_type") => {
                db.val("account.move", db.ref_id(model, id, "move_id")?, field)
            }
            ("account.move.line", "parent_state") => {
                db.val("account.move", db.ref_id(model, id, "move_id")?, "state")
            }
            ("account.move.line", "move_name") => {
                db.val("account.move", db.ref_id(model, id, "move_id")?, "name")
            }
            ("account.move.line", "tax_line_id") => {
                let rep = db.ref_id(model, id, "tax_repartition_line_id")?;
                db.val("account.tax.repartition.line", rep, "tax_id")
            }
            ("account.move.line", "tax_group_id") => {
                let rep = db.ref_id(model, id, "tax_repartition_line_id")?;
                let tax = db.ref_id("account.tax.repartition.line", rep, "tax_id")?;
                db.val("account.tax", tax, "tax_group_id")
            }
            ("account.move.line", "account_type") => db.val(
                "account.account",
                db.ref_id(model, id, "account_id")?,
                "account_type",
            ),
            ("stock.move", "reference") => match db.ref_id(model, id, "picking_id") {
                Some(p) => db.val("stock.picking", p, "name"),
                None => db.val(model, id, "reference"),
            },
            ("stock.move.line", "quantity_product_uom") => Val::Num(stock_move::in_product_unit(self, id)),
            ("stock.move.line", "is_inventory") => {
                db.val("stock.move", db.ref_id(model, id, "move_id")?, "is_inventory")
            }
            ("stock.move.line", "reference" | "state") => {
                let mv = db.ref_id(model, id, "move_id")?;
                match field {
                    "reference" => match db.ref_id("stock.move", mv, "picking_id") {
                        Some(p) => db.val("stock.picking", p, "name"),
                        None => db.val("stock.move", mv, "reference"),
                    },
                    other => db.val("stock.move", mv, other),
                }
            }
            ("ir.model.data", "complete_name") => Val::Str(format!(
                "{}.{}",
                db.text(model, id, "module"),
                db.text(model, id, "name")
            )),
            ("ir.module.module", "installed_version") => db.val(model, id, "latest_version"),
            ("stock.location", "warehouse_id") => self.warehouse_of(id),
            ("product.template", "product_variant_id") => db
                .by("product.product", "product_tmpl_id", id)
                .first()
                .map_or(Val::Null, |x| Val::Int(*x)),
            ("product.template", "product_variant_count") => Val::Int(1),
            (
                "product.product",
                "qty_available" | "free_qty" | "virtual_available" | "incoming_qty" | "outgoing_qty",
            ) => stock_quant::product_quantity(self, id, field),
            ("stock.quant", "available_quantity") => {
                Val::Num(db.num(model, id, "quantity") - db.num(model, id, "reserved_quantity"))
            }
            _ => return None,
        })
    }

    fn warehouse_of(&self, location: i64) -> Val {
        let mut at = Some(location);
        while let Some(id) = at {
            let found = self.db.table("stock.warehouse").rows.iter().find(|(_, r)| {
                r.get("view_location_id") == Some(&Val::Int(id))
                    || r.get("lot_stock_id") == Some(&Val::Int(id))
            });
            if let Some((w, _)) = found {
                return Val::Int(*w);
            }
            at = self.db.ref_id("stock.location", id, "location_id");
        }
        Val::Null
    }

    /// What a many2one shows beside the id.
    pub(crate) fn display_name(&self, model: &'static str, id: i64) -> String {
        let text = |f: &str| self.db.text(model, id, f);
        match model {
            "account.account" => format!("{} {}", text("code"), text("name")),
            "account.move" => self.move_title(id),
            "account.move.line" => {
                let entry = self
                    .db
                    .ref_id(model, id, "move_id")
                    .map(|m| self.move_title(m))
                    .unwrap_or_default();
                format!("{entry} {}", text("name")).trim().to_owned()
            }
            "product.product" | "product.template" => match text("default_code") {
                code if code.is_empty() => text("name"),
                code => format!("[{code}] {}", text("name")),
            },
            "stock.location" | "product.category" => match text("complete_name") {
                full if full.is_empty() => text("name"),
                full => full,
            },
            "account.payment.method.line" if !self.is(OdooVersion::V17) => {
                match self.db.ref_id(model, id, "journal_id") {
                    Some(journal) => format!(
                        "{} ({})",
                        text("name"),
                        self.display_name("account.journal", journal)
                    ),
                    None => text("name"),
                }
            }
            "stock.picking.type" => match self.db.ref_id(model, id, "warehouse_id") {
                Some(w) => format!("{}: {}", self.db.text("stock.warehouse", w, "name"), text("name")),
                None => text("name"),
            },
            _ => match text("name") {
                name if name.is_empty() => format!("{model},{id}"),
                name => name,
            },
        }
    }

    /// `HPOS/2026/00001 (ref)`, or what a draft is called.
    pub(crate) fn move_title(&self, id: i64) -> String {
        let name = self.db.text("account.move", id, "name");
        let reference = self.db.text("account.move", id, "ref");
        let mut title = if name.is_empty() || name == "/" {
            if name == "/" || self.is(OdooVersion::V17) {
                format!("Draft Entry (* {id})")
            } else {
                "Draft Entry".into()
            }
        } else {
            name
        };
        if !reference.is_empty() {
            title = format!("{title} ({reference})");
        }
        title
    }

    /// The text of the refusal of an unbalanced entry.
    pub(crate) fn unbalanced_text(&self, id: i64, debit: i64, credit: i64) -> String {
        if self.is(OdooVersion::V19) {
            return "The entry is not balanced.".into();
        }
        let journal = self.db.ref_id("account.move", id, "journal_id").unwrap_or(0);
        format!(
            "An error has occurred.\n\nThe move ({}) is not balanced.\nThe total of debits equals {} and the total of credits equals {}.\nYou might want to specify a default account on journal \"{}\" to automatically balance each move.",
            self.move_title(id),
            show_money(debit),
            show_money(credit),
            self.db.text("account.journal", journal, "name"),
        )
    }
}
