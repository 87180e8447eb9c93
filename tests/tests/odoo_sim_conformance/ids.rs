//! Recorded ids and the simulator's: which means which, and requests put from one into the other.

use serde_json::{Map, Value};
use std::collections::HashMap;

/// The model that a field of a model points at, for the fields that occur in the recordings.
pub(crate) fn relation(model: &str, field: &str) -> Option<&'static str> {
    Some(match (model, field) {
        ("account.move.line" | "account.payment", "move_id")
        | (_, "reversed_entry_id" | "reconciled_invoice_ids" | "invoice_ids")
        | ("account.move.reversal", "move_ids") => "account.move",
        (
            _,
            "account_id"
            | "default_account_id"
            | "suspense_account_id"
            | "payment_account_id"
            | "outstanding_account_id"
            | "destination_account_id"
            | "transfer_account_id"
            | "account_default_pos_receivable_account_id"
            | "account_journal_payment_debit_account_id"
            | "account_journal_payment_credit_account_id",
        ) => "account.account",
        (
            _,
            "payment_method_line_id" | "inbound_payment_method_line_ids" | "outbound_payment_method_line_ids",
        ) => "account.payment.method.line",
        (_, "journal_id") => "account.journal",
        (_, "tax_ids" | "tax_line_id") => "account.tax",
        (_, "tax_repartition_line_id") => "account.tax.repartition.line",
        (_, "line_ids" | "invoice_line_ids") => "account.move.line",
        (_, "product_id") => "product.product",
        (_, "location_id" | "location_dest_id") => "stock.location",
        (_, "picking_type_id") => "stock.picking.type",
        (_, "product_uom" | "product_uom_id") => "uom.uom",
        (_, "partner_id" | "parent_id") => "res.partner",
        (_, "picking_id" | "backorder_id" | "picking_ids") => "stock.picking",
        (_, "warehouse_id") => "stock.warehouse",
        ("sale.order", "order_line") => "sale.order.line",
        ("sale.order.line", "tax_id") => "account.tax",
        ("stock.picking", "move_ids") => "stock.move",
        (_, "move_line_ids") => "stock.move.line",
        (_, "product_return_moves") => "stock.return.picking.line",
        (_, "country_id") => "res.country",
        (_, "lot_id") => "stock.lot",
        (_, "tax_group_id") => "account.tax.group",
        (_, "company_id") => "res.company",
        _ => return None,
    })
}

#[derive(Debug, Default)]
pub(crate) struct Ids {
    map: HashMap<(String, i64), i64>,
    /// Recorded seconds and ours, of the times that answers showed.
    times: HashMap<String, String>,
}

impl Ids {
    pub(crate) fn learn(&mut self, model: &str, recorded: i64, ours: i64) {
        self.map.insert((model.to_owned(), recorded), ours);
    }

    pub(crate) fn learn_time(&mut self, recorded: &str, ours: &str) {
        self.times.insert(recorded.to_owned(), ours.to_owned());
    }

    /// A time for a request: what we showed where the recording showed it, with the fraction it may have.
    fn time(&self, value: &Value) -> Value {
        let known = value
            .as_str()
            .and_then(|text| Some((self.times.get(text.get(..19)?)?, text.get(19..)?)));
        known.map_or_else(
            || value.clone(),
            |(ours, rest)| Value::from(format!("{ours}{rest}")),
        )
    }

    pub(crate) fn knows(&self, model: &str, recorded: i64) -> bool {
        self.get(model, recorded).is_some()
    }

    pub(crate) fn get(&self, model: &str, recorded: i64) -> Option<i64> {
        self.map.get(&(model.to_owned(), recorded)).copied()
    }

    /// An id for a request; ids that nobody has are left as they are.
    fn put(&self, model: &str, recorded: i64) -> i64 {
        match self.get(model, recorded) {
            Some(ours) => ours,
            None if recorded >= 99_999 || model.starts_with("ir.") => recorded,
            None => panic!("{model} {recorded} was used before it was seen: prepare it in lab.rs"),
        }
    }

    pub(crate) fn value(&self, model: &str, value: &Value) -> Value {
        match value {
            Value::Number(n) => n
                .as_i64()
                .map_or(value.clone(), |id| Value::from(self.put(model, id))),
            Value::String(s) => match s.parse() {
                Ok(id) => Value::from(self.put(model, id).to_string()),
                Err(_) => value.clone(),
            },
            Value::Array(items) => items.iter().map(|v| self.value(model, v)).collect(),
            other => other.clone(),
        }
    }

    /// Values of a create or write.
    pub(crate) fn vals(&self, model: &str, vals: &Value) -> Value {
        match vals {
            Value::Array(items) => items.iter().map(|v| self.vals(model, v)).collect(),
            Value::Object(map) => {
                let own = map.get("model").and_then(Value::as_str);
                let put = |(field, value): (&String, &Value)| {
                    let value = match (relation(model, field), value) {
                        (Some(other), Value::Array(items)) => {
                            items.iter().map(|command| self.command(other, command)).collect()
                        }
                        (Some(other), value) => self.value(other, value),
                        (None, value) if field == "res_id" => self.value(own.unwrap_or(model), value),
                        (None, value) => value.clone(),
                    };
                    (field.clone(), value)
                };
                Value::Object(map.iter().map(put).collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    fn command(&self, model: &str, command: &Value) -> Value {
        let Some(parts) = command.as_array() else {
            return self.value(model, command);
        };
        let mut parts = parts.clone();
        match parts.first().and_then(Value::as_i64) {
            Some(0) => {
                if let Some(vals) = parts.get_mut(2) {
                    *vals = self.vals(model, vals);
                }
            }
            Some(6) => {
                if let Some(ids) = parts.get_mut(2) {
                    *ids = self.value(model, ids);
                }
            }
            _ => {}
        }
        Value::Array(parts)
    }

    pub(crate) fn domain(&self, model: &str, domain: &Value) -> Value {
        let leaf = |item: &Value| match item.as_array().map(Vec::as_slice) {
            Some([field, op, value]) => {
                let name = field.as_str().unwrap_or("");
                let other = if name == "id" {
                    Some(model)
                } else {
                    relation(model, name)
                };
                let value = match other {
                    Some(other) => self.value(other, value),
                    None if name == "write_date" => self.time(value),
                    None => value.clone(),
                };
                Value::Array(vec![field.clone(), op.clone(), value])
            }
            _ => item.clone(),
        };
        domain
            .as_array()
            .map_or_else(|| domain.clone(), |items| items.iter().map(leaf).collect())
    }

    /// Rows of a `load()`: cells of columns that end in `/.id`.
    pub(crate) fn rows(&self, model: &str, fields: &Value, rows: &Value) -> Value {
        let targets: Vec<Option<&str>> = fields
            .as_array()
            .into_iter()
            .flatten()
            .map(|path| {
                let path = path.as_str().unwrap_or("").strip_suffix("/.id")?;
                let mut at = model;
                for name in path.split('/') {
                    at = relation(at, name)?;
                }
                Some(at)
            })
            .collect();
        let row = |row: &Value| -> Value {
            let cells = row.as_array().into_iter().flatten();
            cells
                .zip(&targets)
                .map(|(cell, target)| target.map_or(cell.clone(), |m| self.value(m, cell)))
                .collect()
        };
        rows.as_array().into_iter().flatten().map(row).collect()
    }

    pub(crate) fn context(&self, context: &Value) -> Value {
        let Some(map) = context.as_object() else {
            return context.clone();
        };
        let active = map.get("active_model").and_then(Value::as_str).unwrap_or("");
        let put = |(key, value): (&String, &Value)| {
            let value = match key.as_str() {
                "active_ids" | "active_id" => self.value(active, value),
                "picking_ids_not_to_backorder" => self.value("stock.picking", value),
                "location" => self.value("stock.location", value),
                "warehouse" | "warehouse_id" => self.value("stock.warehouse", value),
                _ => value.clone(),
            };
            (key.clone(), value)
        };
        Value::Object(map.iter().map(put).collect::<Map<_, _>>())
    }
}
