//! Journal entries: creating, changing and deleting them, with what each version allows on a posted one.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::value::{Command, In, Val, Vals, scalar};
use super::version::OdooVersion;
use super::{
    account_line, account_payment, account_post, account_reconcile, account_sync, company, defaults,
};

pub(crate) const MOVE: &str = "account.move";
pub(crate) const LINE: &str = "account.move.line";

/// Whether a kind of entry is a customer document (or a vendor's), which computes its own counterpart.
pub(crate) fn is_invoice(move_type: &str) -> bool {
    move_type != "entry" && !move_type.is_empty()
}

impl Env<'_> {
    pub(crate) fn create_move(&mut self, mut vals: Vals) -> Outcome<i64> {
        if scalar(&vals, "state").is_some_and(|s| s.text() == "posted") {
            return Err(OdooError::user(
                "You cannot create a move already in the posted state. Please create a draft move and post it after.",
            ));
        }
        let lines = take_lines(&mut vals);
        let mut rec = self.new_rec(MOVE);
        let rest = self.apply(MOVE, &mut rec, vals)?;
        let kind = rec.get("move_type").map_or("entry", Val::text).to_owned();
        if !rec.get("journal_id").is_some_and(Val::truthy) {
            rec.insert("journal_id", Val::Int(self.default_journal(&kind)?));
        }
        let journal = rec.get("journal_id").map_or(0, Val::int);
        company::check(self, "account.journal", journal)?;
        self.check_journal(&kind, journal)?;
        // an entry belongs to the company of its journal, whoever the caller works for
        let house = self.db.val("account.journal", journal, "company_id");
        rec.entry("currency_id")
            .or_insert(self.db.val("res.company", house.int(), "currency_id"));
        rec.insert("company_id", house);
        defaults::fill(self, MOVE, &mut rec);
        let day = rec
            .get("invoice_date")
            .filter(|v| v.truthy())
            .cloned()
            .unwrap_or_else(|| Val::Str(self.today()));
        rec.entry("date").or_insert(day);
        rec.entry("name").or_insert(if self.is(OdooVersion::V17) {
            Val::str("/")
        } else {
            Val::Null
        });
        rec.insert("posted_before", Val::Bool(false));
        let id = self.db.insert(MOVE, rec);
        for command in lines {
            if let Command::Create(line) = command {
                account_line::insert(self, id, line)?;
            }
        }
        self.run_commands(MOVE, id, rest)?;
        account_sync::settle(self, id)?;
        account_post::name_draft(self, id);
        Ok(id)
    }

    fn default_journal(&self, kind: &str) -> Outcome<i64> {
        let wanted = match kind {
            "out_invoice" | "out_refund" | "out_receipt" => "sale",
            "in_invoice" | "in_refund" | "in_receipt" => "purchase",
            _ => "general",
        };
        company::first_journal(self, self.company(), &[wanted]).ok_or_else(|| {
            let name = self.db.text("res.company", self.company(), "name");
            OdooError::user(format!(
                "No journal could be found in company {name} for any of those types: {wanted}"
            ))
        })
    }

    fn check_journal(&self, kind: &str, journal: i64) -> Outcome<()> {
        let held = self.db.text("account.journal", journal, "type");
        if kind.starts_with("out_") && held != "sale" {
            return Err(OdooError::validation(
                "Cannot create a sale document in a non sale journal",
            ));
        }
        if kind.starts_with("in_") && held != "purchase" {
            return Err(OdooError::validation(
                "Cannot create a purchase document in a non purchase journal",
            ));
        }
        Ok(())
    }

    /// A line created on its own still has to leave its entry balanced.
    pub(crate) fn create_lone_line(&mut self, vals: Vals) -> Outcome<i64> {
        let entry = scalar(&vals, "move_id").map_or(0, Val::int);
        if self.db.get(MOVE, entry).is_none() {
            return Err(OdooError::mandatory(LINE, "move_id"));
        }
        let id = account_line::insert(self, entry, vals)?;
        account_sync::settle(self, entry)?;
        Ok(id)
    }

    pub(crate) fn write_move(&mut self, id: i64, mut vals: Vals) -> Outcome<()> {
        self.check_posted_write(id, &vals)?;
        let lines = take_lines(&mut vals);
        let touched = !lines.is_empty() || ["journal_id", "currency_id"].iter().any(|f| vals.contains_key(f));
        self.write_plain(MOVE, id, vals)?;
        for command in lines {
            match command {
                Command::Create(line) => {
                    account_line::insert(self, id, line)?;
                }
                Command::Update(line, vals) => account_line::change(self, line, vals)?,
                Command::Delete(line) | Command::Unlink(line) => self.drop_line(line),
                Command::Clear => self.drop_lines(id, &[]),
                Command::Set(keep) => self.drop_lines(id, &keep),
                Command::Link(_) => {}
            }
        }
        if touched {
            account_sync::settle(self, id)?;
        }
        Ok(())
    }

    fn drop_lines(&mut self, entry: i64, keep: &[i64]) {
        for line in self.db.by(LINE, "move_id", entry) {
            if !keep.contains(&line) {
                self.drop_line(line);
            }
        }
    }

    /// A line goes with its matches.
    fn drop_line(&mut self, line: i64) {
        account_reconcile::undo(self, &[line]);
        self.db.delete(LINE, line);
    }

    /// 18 and 19 keep date and lines of a posted entry; 17 lets both through, as it really does.
    fn check_posted_write(&self, id: i64, vals: &Vals) -> Outcome<()> {
        let text = |f: &str| self.db.text(MOVE, id, f);
        let changes = |f: &str| scalar(vals, f).is_some_and(|v| *v != self.db.val(MOVE, id, f));
        let named = !matches!(text("name").as_str(), "" | "/");
        if changes("journal_id") && self.db.val(MOVE, id, "posted_before").truthy() && named {
            return Err(OdooError::user(
                "You cannot edit the journal of an account move if it has been posted once, unless the name is removed or set to \"/\". This might create a gap in the sequence.",
            ));
        }
        if text("state") != "posted" {
            return Ok(());
        }
        if self.is(OdooVersion::V17) {
            if changes("date") {
                account_post::check_unlocked(self, id)?;
            }
            return Ok(());
        }
        let held: Vec<&str> = ["date", "line_ids", "invoice_line_ids"]
            .into_iter()
            .filter(|f| vals.contains_key(f))
            .collect();
        if held.is_empty() {
            return Ok(());
        }
        Err(OdooError::user(format!(
            "You cannot modify the following readonly fields on a posted move: {}",
            held.join(", ")
        )))
    }

    pub(crate) fn write_line(&mut self, id: i64, vals: Vals) -> Outcome<()> {
        let entry = self.db.ref_id(LINE, id, "move_id").unwrap_or(0);
        let amounts = [
            "debit",
            "credit",
            "balance",
            "amount_currency",
            "price_unit",
            "quantity",
            "tax_ids",
        ];
        let touched = amounts.iter().any(|f| vals.contains_key(f));
        account_line::change(self, id, vals)?;
        if touched {
            if self.db.text(MOVE, entry, "state") == "posted" {
                account_sync::require_balance(self, entry)?;
            } else {
                account_sync::settle(self, entry)?;
            }
        }
        Ok(())
    }

    pub(crate) fn before_unlink_move(&mut self, id: i64) -> Outcome<()> {
        if self.db.text(MOVE, id, "state") == "posted" {
            return Err(OdooError::user(
                "You can't delete a posted journal item. Don’t play games with your accounting records; reset the journal entry to draft before deleting it.",
            ));
        }
        for line in self.db.by(LINE, "move_id", id) {
            self.unlink_xids(LINE, line);
            self.drop_line(line);
        }
        if let Some(payment) = self.db.ref_id(MOVE, id, account_payment::OF_MOVE) {
            self.db
                .set(account_payment::PAYMENT, payment, "move_id", Val::Null);
        }
        Ok(())
    }

    pub(crate) fn before_unlink_line(&mut self, id: i64) -> Outcome<()> {
        let entry = self.db.ref_id(LINE, id, "move_id").unwrap_or(0);
        if self.db.text(MOVE, entry, "state") == "posted" {
            return Err(OdooError::user(
                "You cannot delete an item linked to a posted entry.",
            ));
        }
        Ok(())
    }

    pub(crate) fn unlink_xids(&mut self, model: &str, id: i64) {
        for xid in self.db.by("ir.model.data", "res_id", id) {
            if self.db.text("ir.model.data", xid, "model") == model {
                self.db.delete("ir.model.data", xid);
            }
        }
    }

    pub(crate) fn create_journal(&mut self, mut vals: Vals) -> Outcome<i64> {
        if !vals.contains_key("code") {
            let next = self.db.table("account.journal").rows.len() + 1;
            vals.insert("code", In::Val(Val::Str(format!("J{next}"))));
        }
        let id = self.create_plain("account.journal", vals)?;
        if matches!(
            self.db.text("account.journal", id, "type").as_str(),
            "bank" | "cash" | "credit"
        ) {
            self.add_payment_methods(id)?;
        }
        Ok(id)
    }

    /// A journal of money can be paid in and out by hand.
    fn add_payment_methods(&mut self, journal: i64) -> Outcome<()> {
        let name = if self.is(OdooVersion::V17) {
            "Manual"
        } else {
            "Manual Payment"
        };
        // in this order real servers make them for a bank, and the other way round for cash
        let mut ways = ["inbound", "outbound"];
        if self.db.text("account.journal", journal, "type") == "cash" {
            ways.reverse();
        }
        for way in ways {
            let vals = Vals::from([
                ("name", In::Val(Val::str(name))),
                ("code", In::Val(Val::str("manual"))),
                ("payment_type", In::Val(Val::str(way))),
                ("journal_id", In::Val(Val::Int(journal))),
            ]);
            self.create_plain("account.payment.method.line", vals)?;
        }
        Ok(())
    }

    /// A tax brings its repartition lines: base and tax, for invoices and for refunds.
    pub(crate) fn create_tax(&mut self, mut vals: Vals) -> Outcome<i64> {
        let own: Vec<_> = [
            "invoice_repartition_line_ids",
            "refund_repartition_line_ids",
            "repartition_line_ids",
        ]
        .into_iter()
        .filter_map(|f| vals.remove_entry(f))
        .collect();
        let id = self.create_plain("account.tax", vals)?;
        for document in ["invoice", "refund"] {
            let given = own.iter().find(|(f, _)| f.starts_with(document));
            let lines: Vec<Vals> = match given {
                Some((_, In::Commands(list))) => list.iter().filter_map(new_vals).collect(),
                _ => ["base", "tax"]
                    .iter()
                    .map(|kind| Vals::from([("repartition_type", In::Val(Val::str(*kind)))]))
                    .collect(),
            };
            for mut line in lines {
                line.insert("document_type", In::Val(Val::str(document)));
                line.insert("tax_id", In::Val(Val::Int(id)));
                self.create_plain("account.tax.repartition.line", line)?;
            }
        }
        Ok(id)
    }
}

fn new_vals(command: &Command) -> Option<Vals> {
    if let Command::Create(vals) = command {
        Some(vals.clone())
    } else {
        None
    }
}

fn take_lines(vals: &mut Vals) -> Vec<Command> {
    let mut all = Vec::new();
    for field in ["line_ids", "invoice_line_ids"] {
        if let Some(In::Commands(list)) = vals.remove(field) {
            all.extend(list);
        }
    }
    all
}
