//! Generic create, write and unlink, with the checks the database itself makes. Models with rules of their own
//! (journal entries, transfers, products, quants) are entered through `Env::create` and friends, which pass them on.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::incoming::merge_ids;
use super::schema::{self, Kind};
use super::value::{Command, In, Rec, Val, Vals};
use super::{
    account_payment, account_register, company, company_create, defaults, product, sale_order, stock_move,
    stock_picking, stock_quant, stock_warehouse,
};

impl Env<'_> {
    /// Creates one record by the rules of its model.
    pub(crate) fn create(&mut self, model: &'static str, vals: Vals) -> Outcome<i64> {
        match model {
            "account.move" => self.create_move(vals),
            "account.move.line" => self.create_lone_line(vals),
            "account.journal" => self.create_journal(vals),
            "account.payment" => account_payment::create(self, vals),
            "account.payment.register" => account_register::create(self, vals),
            "account.tax" => self.create_tax(vals),
            "product.product" => product::create_variant(self, vals),
            "product.template" => product::create_template(self, vals),
            "sale.order" => sale_order::create(self, vals),
            "sale.order.line" => sale_order::create_line(self, vals),
            "stock.picking" => stock_picking::create(self, vals),
            "stock.move" => stock_move::create(self, vals, None),
            "stock.quant" => stock_quant::create(self, vals),
            "stock.return.picking" => stock_picking::create_return_wizard(self, vals),
            "stock.warehouse" => stock_warehouse::create(self, vals),
            "res.company" => company_create::run(self, vals),
            "stock.location" => {
                let id = self.create_plain(model, vals)?;
                self.name_location(id);
                Ok(id)
            }
            _ => self.create_plain(model, vals),
        }
    }

    pub(crate) fn create_plain(&mut self, model: &'static str, vals: Vals) -> Outcome<i64> {
        let mut rec = self.new_rec(model);
        let commands = self.apply(model, &mut rec, vals)?;
        defaults::fill(self, model, &mut rec);
        self.check_required(model, &rec)?;
        self.check_unique(model, 0, &rec)?;
        let id = self.db.insert(model, rec);
        self.run_commands(model, id, commands)?;
        Ok(id)
    }

    pub(crate) fn new_rec(&self, _model: &'static str) -> Rec {
        let mut rec = Rec::new();
        for field in ["create_date", "write_date"] {
            rec.insert(field, Val::str(self.now.clone()));
        }
        for field in ["create_uid", "write_uid"] {
            rec.insert(field, Val::Int(self.uid));
        }
        rec
    }

    /// Puts plain values into `rec` and hands back what has to be done on other records.
    pub(crate) fn apply(
        &self,
        model: &'static str,
        rec: &mut Rec,
        vals: Vals,
    ) -> Outcome<Vec<(&'static str, Vec<Command>)>> {
        let mut commands = Vec::new();
        for (name, value) in vals {
            match value {
                In::Val(value) => {
                    self.check_target(model, name, &value)?;
                    rec.insert(name, value);
                }
                In::Commands(list) => commands.push((name, list)),
            }
        }
        Ok(commands)
    }

    /// A many2one must point at something; partners are read while they are written, hence another error.
    fn check_target(&self, model: &str, name: &str, value: &Val) -> Outcome<()> {
        let Val::Int(id) = value else { return Ok(()) };
        let field = self.field(model, name, "write")?;
        if field.kind != Kind::Many2one || !self.db.schema.models.contains_key(field.extra) {
            return Ok(());
        }
        if self.db.get(field.extra, *id).is_some() {
            return Ok(());
        }
        if model == "res.partner" {
            return Err(OdooError::missing(field.extra, *id, self.uid));
        }
        Err(OdooError::foreign_key(model, name))
    }

    pub(crate) fn check_required(&self, model: &str, rec: &Rec) -> Outcome<()> {
        for field in defaults::required(model, self.version()) {
            if rec
                .get(field)
                .is_none_or(|v| matches!(v, Val::Null) || v == &Val::Str(String::new()))
            {
                if model == "res.partner" {
                    return Err(OdooError::validation(
                        "The operation cannot be completed: Contacts require a name",
                    ));
                }
                return Err(OdooError::mandatory(model, field));
            }
        }
        Ok(())
    }

    /// Unique constraints of the plain models.
    pub(crate) fn check_unique(&self, model: &str, id: i64, rec: &Rec) -> Outcome<()> {
        let get = |f: &str| rec.get(f).cloned().unwrap_or_default();
        let clash = |fields: &[&str]| {
            self.db.table(model).rows.iter().any(|(other, r)| {
                *other != id
                    && fields
                        .iter()
                        .all(|f| r.get(f).cloned().unwrap_or_default() == get(f))
            })
        };
        match model {
            "ir.model.data" => {
                let taken = self.db.lookup(model, "name", &get("name")).unwrap_or_default();
                let (module, name) = (get("module"), get("name"));
                if name.text().contains(' ') {
                    return Err(OdooError::validation(
                        "The operation cannot be completed: new row for relation \"ir_model_data\" violates check constraint \"ir_model_data_name_nospaces\"",
                    ));
                }
                if taken
                    .iter()
                    .any(|x| *x != id && self.db.val(model, *x, "module") == module)
                {
                    return Err(OdooError::validation(format!(
                        "The operation cannot be completed: duplicate key value violates unique constraint \"ir_model_data_module_name_uniq_index\"\nDETAIL:  Key (module, name)=({}, {}) already exists.\n",
                        module.text(),
                        name.text()
                    )));
                }
                Ok(())
            }
            "account.journal" if clash(&["code", "company_id"]) => Err(OdooError::validation(
                "The operation cannot be completed: Journal codes must be unique per company.",
            )),
            "stock.warehouse" if clash(&["code", "company_id"]) => Err(OdooError::validation(
                "The operation cannot be completed: The short name of the warehouse must be unique per company!",
            )),
            "stock.lot" if clash(&["name", "product_id", "company_id"]) => Err(OdooError::validation(
                "The combination of serial number and product must be unique across a company.",
            )),
            "account.account" if clash(&["code", "company_id", "company_ids"]) => Err(OdooError::validation(
                "The code of the account must be unique per company!",
            )),
            _ => Ok(()),
        }
    }

    /// Carries out one2many and many2many commands after the record is there.
    pub(crate) fn run_commands(
        &mut self,
        model: &'static str,
        id: i64,
        commands: Vec<(&'static str, Vec<Command>)>,
    ) -> Outcome<()> {
        for (field, list) in commands {
            match schema::inverse(model, field) {
                Some((child, back)) => self.one2many(child, back, id, list)?,
                None => self.many2many(model, id, field, &list),
            }
        }
        Ok(())
    }

    fn one2many(
        &mut self,
        child: &'static str,
        back: &'static str,
        id: i64,
        list: Vec<Command>,
    ) -> Outcome<()> {
        for command in list {
            match command {
                Command::Create(mut vals) => {
                    vals.insert(back, In::Val(Val::Int(id)));
                    self.create(child, vals)?;
                }
                Command::Update(other, vals) => self.write(child, &[other], vals)?,
                Command::Delete(other) | Command::Unlink(other) => self.unlink(child, &[other])?,
                Command::Link(other) => self.db.set(child, other, back, Val::Int(id)),
                Command::Clear => {
                    let all = self.db.by(child, back, id);
                    self.unlink(child, &all)?;
                }
                Command::Set(keep) => {
                    let gone: Vec<i64> = self
                        .db
                        .by(child, back, id)
                        .into_iter()
                        .filter(|x| !keep.contains(x))
                        .collect();
                    self.unlink(child, &gone)?;
                }
            }
        }
        Ok(())
    }

    fn many2many(&mut self, model: &'static str, id: i64, field: &'static str, list: &[Command]) {
        let before = self.db.val(model, id, field).ids().to_vec();
        let after = merge_ids(before, list);
        self.db.set(model, id, field, Val::Ids(after));
    }

    /// Writes the same values on records by the rules of their model.
    pub(crate) fn write(&mut self, model: &'static str, ids: &[i64], vals: Vals) -> Outcome<()> {
        for id in ids {
            self.must_exist(model, *id)?;
            company::check(self, model, *id)?;
        }
        for id in ids {
            match model {
                "account.move" => self.write_move(*id, vals.clone())?,
                "account.move.line" => self.write_line(*id, vals.clone())?,
                "account.payment" => account_payment::write(self, *id, vals.clone())?,
                "product.product" => product::write_variant(self, *id, vals.clone())?,
                "product.template" => product::write_template(self, *id, vals.clone())?,
                "sale.order.line" => sale_order::write_line(self, *id, vals.clone())?,
                "stock.picking" => stock_picking::write(self, *id, vals.clone())?,
                "stock.move" => stock_move::write(self, *id, vals.clone())?,
                "stock.quant" => stock_quant::write(self, *id, vals.clone())?,
                _ => self.write_plain(model, *id, vals.clone())?,
            }
            if model == "stock.location" {
                self.name_location(*id);
            }
        }
        Ok(())
    }

    pub(crate) fn write_plain(&mut self, model: &'static str, id: i64, vals: Vals) -> Outcome<()> {
        let Some(rec) = self.db.get(model, id) else {
            return Ok(());
        };
        let mut rec = Rec::clone(rec);
        let commands = self.apply(model, &mut rec, vals)?;
        rec.insert("write_date", Val::str(self.now.clone()));
        rec.insert("write_uid", Val::Int(self.uid));
        self.check_required(model, &rec)?;
        self.check_unique(model, id, &rec)?;
        self.db.update(model, id, |r| *r = rec);
        self.run_commands(model, id, commands)
    }

    /// Deletes records, with what belongs to them and their external ids.
    pub(crate) fn unlink(&mut self, model: &'static str, ids: &[i64]) -> Outcome<()> {
        for id in ids {
            if self.db.get(model, *id).is_none() {
                continue;
            }
            match model {
                "account.move" => self.before_unlink_move(*id)?,
                "account.move.line" => self.before_unlink_line(*id)?,
                "account.payment" => account_payment::before_unlink(self, *id)?,
                "stock.picking" => stock_picking::before_unlink(self, *id)?,
                "stock.move" => stock_move::before_unlink(self, *id)?,
                "res.company" | "res.partner" | "account.account" | "account.journal" | "product.product"
                    if self.is_used(model, *id) =>
                {
                    return Err(OdooError::foreign_key(model, "record"));
                }
                _ => {}
            }
            if model == "account.journal" {
                for line in self.db.by("account.payment.method.line", "journal_id", *id) {
                    self.db.delete("account.payment.method.line", line);
                }
            }
            self.unlink_xids(model, *id);
            self.db.delete(model, *id);
        }
        Ok(())
    }

    /// Whether a journal item or a stock move points at this master record.
    fn is_used(&self, model: &str, id: i64) -> bool {
        let (child, field) = match model {
            "account.account" => ("account.move.line", "account_id"),
            "account.journal" => ("account.move", "journal_id"),
            "product.product" => ("stock.move", "product_id"),
            "res.partner" => ("account.move", "partner_id"),
            _ => return true,
        };
        self.db
            .table(child)
            .rows
            .values()
            .any(|r| r.get(field) == Some(&Val::Int(id)))
    }

    /// Keeps `complete_name` of a location and of those below it.
    pub(crate) fn name_location(&mut self, id: i64) {
        let parent = self.db.ref_id("stock.location", id, "location_id");
        let name = self.db.text("stock.location", id, "name");
        let full = match parent {
            Some(p) if self.db.text("stock.location", id, "usage") != "view" => {
                let above = self.db.text("stock.location", p, "complete_name");
                if above.is_empty() {
                    name
                } else {
                    format!("{above}/{name}")
                }
            }
            _ => name,
        };
        self.db.set("stock.location", id, "complete_name", Val::Str(full));
        for child in self.db.by("stock.location", "location_id", id) {
            self.name_location(child);
        }
    }
}
