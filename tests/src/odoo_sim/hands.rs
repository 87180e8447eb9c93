//! People at Odoo's own screens: what they do between the calls of a client, with all rights and no care.

use super::account_move::{LINE, MOVE};
use super::dispatch::{self, Args, Reply};
use super::env::Env;
use super::snapshot::Snapshot;
use super::stock_quant;
use super::value::{In, Val, Vals};
use serde_json::{Map, Value, json};

/// A person with every right. Each act is a transaction of its own: it happens wholly or not at all.
pub struct Hands<'e, 'd> {
    env: &'e mut Env<'d>,
}

impl std::fmt::Debug for Hands<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hands").finish_non_exhaustive()
    }
}

impl<'e, 'd> Hands<'e, 'd> {
    pub(crate) fn new(env: &'e mut Env<'d>) -> Self {
        Self { env }
    }

    /// Calls any method by its positional arguments, as the web client would.
    ///
    /// # Errors
    /// Gives `class: message` of the exception that Odoo would raise; nothing is kept then.
    pub fn call(&mut self, model: &str, method: &str, args: &Value) -> Result<Value, String> {
        let list = args.as_array().cloned().unwrap_or_default();
        let mark = self.env.db.savepoint();
        let context = std::mem::take(&mut self.env.ctx);
        let done = dispatch::call(self.env, model, method, Args::Positional(list, Map::new()));
        self.env.ctx = context;
        match done {
            Ok(Reply::Value(value)) => Ok(value),
            Ok(Reply::Nothing) => Ok(Value::Null),
            Err(error) => {
                self.env.db.rollback_to(mark);
                Err(format!("{}: {}", error.name, error.message))
            }
        }
    }

    /// The record behind an external id `module.name`.
    #[must_use]
    pub fn find(&self, xid: &str) -> Option<i64> {
        let (module, name) = super::convert::split_xid(xid);
        self.env
            .xid_row(&module, &name)
            .map(|row| self.env.db.val("ir.model.data", row, "res_id").int())
    }

    /// One consistent picture, as this person sees it now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(self.env)
    }

    /// Where goods are when customers have them.
    #[must_use]
    pub fn customers(&self) -> i64 {
        let locations = &self.env.db.table("stock.location").rows;
        let customers = |usage: Option<&Val>| usage.is_some_and(|usage| usage.text() == "customer");
        locations
            .iter()
            .find(|(_, rec)| customers(rec.get("usage")))
            .map_or(0, |(id, _)| *id)
    }

    /// Sets or clears a lock date of the company, for example `fiscalyear_lock_date`.
    ///
    /// # Errors
    /// As [`Self::call`]; this version may not have that lock.
    pub fn set_lock_date(&mut self, field: &str, day: Option<&str>) -> Result<(), String> {
        let company = self.env.company();
        let mut vals = Map::new();
        vals.insert(field.into(), day.map_or(Value::Bool(false), Value::from));
        self.call("res.company", "write", &json!([[company], vals]))
            .map(|_| ())
    }

    /// Changes the reference of an entry, which Odoo allows at any time.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn edit_reference(&mut self, entry: i64, text: &str) -> Result<(), String> {
        self.call("account.move", "write", &json!([[entry], { "ref": text }]))
            .map(|_| ())
    }

    /// Resets a posted entry to draft, shifts `cents` from its first line to its second, and posts it again.
    ///
    /// # Errors
    /// As [`Self::call`]; for example in a locked period.
    pub fn edit_amounts(&mut self, entry: i64, cents: i64) -> Result<(), String> {
        let posted = self.env.db.text(MOVE, entry, "state") == "posted";
        if posted {
            self.call("account.move", "button_draft", &json!([[entry]]))?;
        }
        let lines = self.env.db.by(LINE, "move_id", entry);
        for (line, delta) in lines.iter().zip([cents, -cents]) {
            let mut amounts = super::account_line::amounts(self.env, *line);
            amounts.balance += delta * super::value::CENT;
            amounts.foreign += delta * super::value::CENT;
            self.env
                .db
                .update(LINE, *line, |rec| super::account_line::put_amounts(rec, amounts));
        }
        if posted {
            self.call("account.move", "action_post", &json!([[entry]]))?;
        }
        Ok(())
    }

    /// Deletes an entry, resetting it to draft first when it is posted. Its external id goes with it.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn delete_entry(&mut self, entry: i64) -> Result<(), String> {
        if self.env.db.text(MOVE, entry, "state") == "posted" {
            self.call("account.move", "button_draft", &json!([[entry]]))?;
        }
        self.call("account.move", "unlink", &json!([[entry]])).map(|_| ())
    }

    /// Deletes a record of any model.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn delete(&mut self, model: &str, id: i64) -> Result<(), String> {
        self.call(model, "unlink", &json!([[id]])).map(|_| ())
    }

    /// Changes how much the first item of a transfer moves, also of one that is done; what moved follows.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn edit_quantity(&mut self, picking: i64, units: i64) -> Result<(), String> {
        let moves = self.env.db.by("stock.move", "picking_id", picking);
        let first = moves.first().copied().unwrap_or(0);
        self.call("stock.move", "write", &json!([[first], { "quantity": units }]))
            .map(|_| ())
    }

    /// Archives a product, so that searches no longer show it.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn archive_product(&mut self, product: i64) -> Result<(), String> {
        self.call("product.product", "action_archive", &json!([[product]]))
            .map(|_| ())
    }

    /// Counts a product at a location: its stock becomes `quantity` whole units.
    ///
    /// # Errors
    /// As [`Self::call`]; products that are not storable have no stock.
    pub fn count_stock(&mut self, product: i64, location: i64, quantity: i64) -> Result<(), String> {
        let vals = Vals::from([
            ("product_id", In::Val(Val::Int(product))),
            ("location_id", In::Val(Val::Int(location))),
            (
                "inventory_quantity_auto_apply",
                In::Val(Val::Num(quantity * super::value::MICRO)),
            ),
        ]);
        stock_quant::create(self.env, vals)
            .map(|_| ())
            .map_err(|e| format!("{}: {}", e.name, e.message))
    }

    /// Opens the stock report, which deletes quants at zero.
    pub fn open_stock_report(&mut self) {
        stock_quant::view(self.env);
    }
}
