//! Who may do what: three kinds of user, as far as a poster can tell them apart.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::version::OdooVersion;

/// The rights of a user of the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Settings, accounting adviser, stock manager: everything.
    Admin,
    /// Billing, stock user and sales user: what an integration should have.
    Poster,
    /// An internal user without any application right.
    Reader,
}

/// An operation that access rights speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Read,
    Write,
    Create,
    Unlink,
}

impl Op {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "read" => Self::Read,
            "write" => Self::Write,
            "create" => Self::Create,
            "unlink" => Self::Unlink,
            _ => return None,
        })
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Read => "access",
            Self::Write => "modify",
            Self::Create => "create",
            Self::Unlink => "delete",
        }
    }
}

impl Role {
    /// Whether this role may do `op` on `model`.
    pub(crate) fn may(self, model: &str, op: Op, version: OdooVersion) -> bool {
        match self {
            Self::Admin => true,
            Self::Poster => poster_may(model, op),
            Self::Reader => op == Op::Read && reader_sees(model, version),
        }
    }

    /// External ids of the groups that this role is in.
    pub(crate) fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Admin => &[
                "base.group_user",
                "base.group_system",
                "base.group_erp_manager",
                "base.group_no_one",
                "base.group_partner_manager",
                "account.group_account_invoice",
                "account.group_account_user",
                "account.group_account_manager",
                "stock.group_stock_user",
                "stock.group_stock_manager",
                "sales_team.group_sale_manager",
                "sales_team.group_sale_salesman",
                "product.group_product_manager",
            ],
            Self::Poster => &[
                "base.group_user",
                "base.group_partner_manager",
                "account.group_account_invoice",
                "stock.group_stock_user",
                "sales_team.group_sale_salesman",
            ],
            Self::Reader => &["base.group_user"],
        }
    }
}

fn reader_sees(model: &str, version: OdooVersion) -> bool {
    match model {
        "stock.quant" => version != OdooVersion::V17,
        "stock.location" | "stock.warehouse" | "stock.lot" => true,
        _ => model.starts_with("product.") || model.starts_with("res.") || model.starts_with("uom."),
    }
}

fn poster_may(model: &str, op: Op) -> bool {
    match model {
        "ir.model.data" | "ir.module.module" | "ir.config_parameter" => false,
        "account.move"
        | "account.move.line"
        | "account.move.reversal"
        | "account.payment"
        | "account.payment.register"
        | "account.partial.reconcile"
        | "sale.order"
        | "sale.order.line"
        | "sale.advance.payment.inv"
        | "account.full.reconcile"
        | "res.partner"
        | "stock.picking"
        | "stock.move"
        | "stock.move.line"
        | "stock.lot"
        | "stock.return.picking"
        | "stock.return.picking.line" => true,
        // 17 lets a stock user type in counts but not apply them, which stock_quant.rs sees to
        "stock.quant" => true,
        _ => op == Op::Read,
    }
}

impl Env<'_> {
    pub(crate) fn may(&self, model: &str, op: Op) -> bool {
        self.role.may(model, op, self.version())
    }

    pub(crate) fn check(&self, model: &str, op: Op) -> Outcome<()> {
        if self.may(model, op) {
            return Ok(());
        }
        Err(OdooError::access(format!(
            "You are not allowed to {} '{}' ({model}) records.\n\nContact your administrator to request access if necessary.",
            op.verb(),
            title(model),
        )))
    }
}

/// What screens call a model, as far as error texts name one.
pub(crate) fn title(model: &str) -> &str {
    match model {
        "account.move" => "Journal Entry",
        "account.move.line" => "Journal Item",
        "ir.model.data" => "Model Data",
        "res.partner" => "Contact",
        "stock.picking" => "Transfer",
        "stock.quant" => "Quants",
        other => other,
    }
}
