//! Reading: search, read, counts, groups and field descriptions, in the shapes of the wire.

use super::access::Role;
use super::company;
use super::domain::{self, Node};
use super::env::Env;
use super::error::Outcome;
use super::schema::{Field, Kind};
use super::value::{Val, json_num};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Window and order of a search.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pub(crate) offset: usize,
    pub(crate) limit: Option<usize>,
    pub(crate) order: Option<String>,
}

impl Env<'_> {
    pub(crate) fn search(&self, model: &'static str, domain: &Value, window: &Window) -> Outcome<Vec<i64>> {
        let node = domain::parse(self, model, domain)?;
        let mut ids = self.matching(model, &node);
        self.sort(model, &mut ids, window.order.as_deref())?;
        let end = window
            .limit
            .map_or(ids.len(), |l| (window.offset + l).min(ids.len()));
        Ok(ids.get(window.offset.min(end)..end).unwrap_or_default().to_vec())
    }

    fn matching(&self, model: &'static str, node: &Node) -> Vec<i64> {
        let hide_archived = self.has_field(model, "active")
            && !node.mentions_active()
            && self.ctx.get("active_test") != Some(&Value::Bool(false));
        // a record rule: everybody sees their own keys only
        let own_only = model == "res.users.apikeys" && self.role != Role::Admin;
        let keep = |id: &i64| {
            if own_only && self.db.ref_id(model, *id, "user_id") != Some(self.uid) {
                return false;
            }
            company::visible(self, model, *id)
                && (!hide_archived || self.db.val(model, *id, "active") != Val::Bool(false))
                && node.matches(self, model, *id)
        };
        match node.candidates(self, model) {
            Some(ids) => ids.into_iter().filter(keep).collect(),
            None => self.db.table(model).rows.keys().copied().filter(keep).collect(),
        }
    }

    pub(crate) fn has_field(&self, model: &str, field: &str) -> bool {
        self.db
            .schema
            .models
            .get(model)
            .is_some_and(|m| m.fields.contains_key(field))
    }

    fn sort(&self, model: &'static str, ids: &mut [i64], order: Option<&str>) -> Outcome<()> {
        let order = match order {
            Some(text) if !text.is_empty() => text,
            _ => default_order(model),
        };
        let mut keys: Vec<(&Field, bool)> = Vec::new();
        for part in order.split(',') {
            let mut words = part.split_whitespace();
            let Some(name) = words.next() else { continue };
            let down = words.next().is_some_and(|w| w.eq_ignore_ascii_case("desc"));
            keys.push((self.field(model, name, "read")?, down));
        }
        ids.sort_by(|a, b| {
            for (field, down) in &keys {
                let order = order_of(&self.value(model, *a, field), &self.value(model, *b, field));
                if order != Ordering::Equal {
                    return if *down { order.reverse() } else { order };
                }
            }
            a.cmp(b)
        });
        Ok(())
    }

    pub(crate) fn read(&self, model: &'static str, ids: &[i64], fields: &[String]) -> Outcome<Value> {
        let mut wanted: Vec<&Field> = Vec::new();
        if fields.is_empty() {
            wanted.extend(
                self.db
                    .schema
                    .models
                    .get(model)
                    .into_iter()
                    .flat_map(|m| m.fields.values()),
            );
        }
        for name in fields {
            wanted.push(self.field(model, name, "read")?);
        }
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            if self.db.get(model, *id).is_none() {
                continue;
            }
            company::check(self, model, *id)?;
            let mut row = Map::new();
            row.insert("id".into(), Value::from(*id));
            for field in &wanted {
                row.insert(field.name.into(), self.out(field, self.value(model, *id, field)));
            }
            rows.push(Value::Object(row));
        }
        Ok(Value::Array(rows))
    }

    /// A value as the wire shows it: empty is `false`, a many2one is `[id, name]`.
    pub(crate) fn out(&self, field: &Field, value: Val) -> Value {
        match value {
            Val::Null => Value::Bool(false),
            Val::Bool(b) => Value::Bool(b),
            Val::Num(n) => json_num(n),
            Val::Ids(ids) => json!(ids),
            Val::Str(s) if field.kind == Kind::Time => Value::from(s.get(..19).unwrap_or(&s)),
            Val::Str(s) if field.kind == Kind::Opaque => {
                serde_json::from_str(&s).unwrap_or_else(|_| Value::from(s))
            }
            Val::Str(s) => Value::from(s),
            Val::Int(n) if field.kind == Kind::Many2one => match self.model(field.extra) {
                Ok(model) => json!([n, self.display_name(model, n)]),
                Err(_) => json!([n, format!("{},{n}", field.extra)]),
            },
            Val::Int(n) => Value::from(n),
        }
    }

    pub(crate) fn fields_get(&self, model: &'static str, only: &[String], attributes: &[String]) -> Value {
        let mut out = Map::new();
        for field in self
            .db
            .schema
            .models
            .get(model)
            .into_iter()
            .flat_map(|m| m.fields.values())
        {
            if !only.is_empty() && !only.iter().any(|n| n == field.name) {
                continue;
            }
            let mut about = Map::new();
            about.insert("type".into(), field.type_name().into());
            about.insert("string".into(), field.label().into());
            about.insert("name".into(), field.name.into());
            about.insert("required".into(), field.required.into());
            about.insert("readonly".into(), field.readonly.into());
            about.insert("store".into(), field.stored.into());
            if field.is_relation() {
                about.insert("relation".into(), field.extra.into());
            }
            if field.kind == Kind::Selection {
                let pairs: Vec<Value> = field.selection().map(|(k, l)| json!([k, l])).collect();
                about.insert("selection".into(), Value::Array(pairs));
            }
            if !attributes.is_empty() {
                about.retain(|k, _| attributes.iter().any(|a| a == k));
            }
            out.insert(field.name.into(), Value::Object(about));
        }
        Value::Object(out)
    }

    /// Groups of records by plain fields, with sums; the base of both `read_group` shapes.
    pub(crate) fn grouped(
        &self,
        model: &'static str,
        domain: &Value,
        by: &[String],
        sums: &[(String, String)],
    ) -> Outcome<Vec<Group>> {
        let node = domain::parse(self, model, domain)?;
        let mut fields = Vec::new();
        for name in by {
            fields.push(self.field(model, name.split(':').next().unwrap_or(name), "read")?);
        }
        let mut groups: BTreeMap<Vec<String>, Group> = BTreeMap::new();
        for id in self.matching(model, &node) {
            let keys: Vec<Value> = fields
                .iter()
                .map(|f| self.out(f, self.value(model, id, f)))
                .collect();
            let tag: Vec<String> = keys.iter().map(order_tag).collect();
            groups
                .entry(tag)
                .or_insert_with(|| Group {
                    keys,
                    ids: vec![],
                    totals: vec![],
                })
                .ids
                .push(id);
        }
        let mut out: Vec<Group> = groups.into_values().collect();
        for group in &mut out {
            for (name, how) in sums {
                let field = self.field(model, name, "read")?;
                let values: Vec<Val> = group.ids.iter().map(|id| self.value(model, *id, field)).collect();
                group.totals.push(self.total(field, values, how));
            }
        }
        Ok(out)
    }

    fn total(&self, field: &Field, values: Vec<Val>, how: &str) -> Value {
        match how {
            "max" => values
                .into_iter()
                .max_by(order_of)
                .map_or(Value::Bool(false), |v| self.out(field, v)),
            "min" => values
                .into_iter()
                .min_by(order_of)
                .map_or(Value::Bool(false), |v| self.out(field, v)),
            "count" => Value::from(values.len()),
            "avg" => {
                let n = i64::try_from(values.len().max(1)).unwrap_or(1);
                json_num(values.iter().map(Val::num).sum::<i64>() / n)
            }
            _ if field.kind == Kind::Int => Value::from(values.iter().map(Val::int).sum::<i64>()),
            _ => json_num(values.iter().map(Val::num).sum()),
        }
    }
}

/// One group of `read_group`.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) keys: Vec<Value>,
    pub(crate) ids: Vec<i64>,
    pub(crate) totals: Vec<Value>,
}

/// Text that sorts groups: by id for relations, by value else.
fn order_tag(key: &Value) -> String {
    match key.get(0).and_then(Value::as_i64) {
        Some(id) => format!("{id:020}"),
        None => key.to_string(),
    }
}

fn order_of(a: &Val, b: &Val) -> Ordering {
    match (a, b) {
        (Val::Str(a), Val::Str(b)) => a.cmp(b),
        (Val::Null, Val::Null) => Ordering::Equal,
        // PostgreSQL puts empty values last
        (Val::Null, _) => Ordering::Greater,
        (_, Val::Null) => Ordering::Less,
        (a, b) => a.num().cmp(&b.num()),
    }
}

fn default_order(model: &str) -> &'static str {
    match model {
        "account.move" => "date desc, name desc, invoice_date desc, id desc",
        "account.move.line" => "date desc, move_name desc, id",
        "account.account" => "code",
        "account.journal" => "sequence, type, code",
        "stock.picking" => "priority desc, scheduled_date, id desc",
        "stock.location" => "complete_name, id",
        "res.partner" => "name, id desc",
        "product.product" => "default_code, name, id",
        "ir.model.data" => "module, model, name",
        _ => "id",
    }
}
