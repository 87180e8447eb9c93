//! `load()`: rows of cells to records, keyed by external id, all or nothing, with failures in `messages`.
//! `convert.rs` turns cells into values; this file finds the records in the rows and creates or updates them.

use super::access::Op;
use super::convert::{self, Problem};
use super::env::Env;
use super::error::{OdooError, Outcome, SERIALIZE};
use super::schema::Kind;
use super::value::{In, Val, Vals};
use super::version::OdooVersion;
use serde_json::{Map, Value, json};

/// A column: the path of fields that leads to it.
pub(crate) type Path = Vec<String>;

/// One record found in the rows.
pub(crate) struct Found {
    pub(crate) xid: Option<String>,
    pub(crate) dbid: Option<i64>,
    pub(crate) vals: Vals,
    /// External ids given to one2many rows, in the order of their commands.
    pub(crate) line_xids: Vec<(&'static str, usize, String)>,
    from: usize,
    to: usize,
}

impl Env<'_> {
    pub(crate) fn load(&mut self, model: &'static str, fields: &[String], data: &Value) -> Outcome<Value> {
        self.check(model, Op::Create)?;
        self.check(model, Op::Write)?;
        let paths: Vec<Path> = fields
            .iter()
            .map(|f| f.split('/').map(str::to_owned).collect())
            .collect();
        self.check_columns(model, &paths)?;
        let rows: Vec<Vec<Value>> = data
            .as_array()
            .into_iter()
            .flatten()
            .map(|r| r.as_array().cloned().unwrap_or_default())
            .collect();

        let mark = self.db.savepoint();
        let mut messages = Vec::new();
        let mut ids = Vec::new();
        for (number, (from, to)) in spans(self, model, &paths, &rows).into_iter().enumerate() {
            match convert::record(
                self,
                model,
                &paths,
                rows.get(from..=to).unwrap_or_default(),
                from,
                to,
            ) {
                Ok(found) => match self.load_one(model, found) {
                    Ok(id) => ids.push(id),
                    Err(error) => {
                        // 17 tries the batch and then each record, and reports what a model refused twice
                        let twice = self.is(OdooVersion::V17) && error.name == "odoo.exceptions.UserError";
                        let times = if twice { 2 } else { 1 };
                        messages.extend((0..times).map(|_| failure(&error, number, from, to)));
                    }
                },
                Err(problems) => {
                    messages.extend(problems.into_iter().map(|p| complaint(p, number, from, to)));
                }
            }
        }
        let ids = if messages.is_empty() {
            json!(ids)
        } else {
            self.db.rollback_to(mark);
            Value::Bool(false)
        };
        Ok(json!({ "ids": ids, "messages": messages, "nextrow": 0 }))
    }

    fn check_columns(&self, model: &'static str, paths: &[Path]) -> Outcome<()> {
        for path in paths {
            let mut at = model;
            for (i, name) in path.iter().enumerate() {
                if name == "id" || name == ".id" {
                    break;
                }
                if !self.has_field(at, name) {
                    return Err(if self.is(OdooVersion::V17) {
                        OdooError::key(name.clone())
                    } else {
                        OdooError::value(format!("Invalid field name '{name}'"))
                    });
                }
                if i + 1 < path.len() {
                    at = self.model(self.field(at, name, "read")?.extra).unwrap_or(at);
                }
            }
        }
        Ok(())
    }

    /// Creates, updates or leaves alone one record, as its external id and the context say.
    fn load_one(&mut self, model: &'static str, found: Found) -> Outcome<i64> {
        let mark = self.db.savepoint();
        let done = self.load_record(model, found);
        if done.is_err() {
            self.db.rollback_to(mark);
        }
        done
    }

    fn load_record(&mut self, model: &'static str, found: Found) -> Outcome<i64> {
        let update = self.ctx.get("mode").and_then(Value::as_str) == Some("update");
        let noupdate = self.ctx_true("noupdate");
        if let Some(xid) = &found.xid {
            let (module, name) = convert::split_xid(xid);
            if let Some(row) = self.xid_row(&module, &name) {
                let held = self.db.text("ir.model.data", row, "model");
                if held != model {
                    return Err(OdooError::validation(format!(
                        "For external id {module}.{name} when trying to create/update a record of model {model} found record of different model {held} ({row})"
                    )));
                }
                let born = self.db.xid_born.get(&row).copied().unwrap_or(0);
                if born > self.began {
                    return Err(OdooError::serialization());
                }
                let id = self.db.val("ir.model.data", row, "res_id").int();
                if !(update && self.db.val("ir.model.data", row, "noupdate").truthy()) {
                    self.update_loaded(model, id, found)?;
                }
                return Ok(id);
            }
            let (line_xids, vals) = (found.line_xids, found.vals);
            let id = self.create(model, vals)?;
            self.add_xid(&module, &name, model, id, noupdate)?;
            self.add_line_xids(model, id, &line_xids, noupdate)?;
            return Ok(id);
        }
        if let Some(id) = found.dbid {
            self.must_exist(model, id)?;
            self.update_loaded(model, id, found)?;
            return Ok(id);
        }
        self.create(model, found.vals)
    }

    /// A later `load()` of a record: known lines are updated, unknown lines are added again.
    fn update_loaded(&mut self, model: &'static str, id: i64, mut found: Found) -> Outcome<()> {
        let mut fresh = Vec::new();
        for (field, at, xid) in std::mem::take(&mut found.line_xids) {
            let (module, name) = convert::split_xid(&xid);
            let known = self
                .xid_row(&module, &name)
                .map(|r| self.db.val("ir.model.data", r, "res_id").int());
            match known {
                Some(line) => convert::make_update(&mut found.vals, field, at, line),
                None => fresh.push((field, at, xid)),
            }
        }
        let noupdate = self.ctx_true("noupdate");
        self.write(model, &[id], found.vals)?;
        self.add_line_xids(model, id, &fresh, noupdate)
    }

    fn add_line_xids(
        &mut self,
        model: &'static str,
        id: i64,
        lines: &[(&'static str, usize, String)],
        noupdate: bool,
    ) -> Outcome<()> {
        for (field, at, xid) in lines {
            let Some((child, back)) = super::schema::inverse(model, field) else {
                continue;
            };
            if let Some(line) = self.db.by(child, back, id).get(*at) {
                let (module, name) = convert::split_xid(xid);
                self.add_xid(&module, &name, child, *line, noupdate)?;
            }
        }
        Ok(())
    }

    pub(crate) fn xid_row(&self, module: &str, name: &str) -> Option<i64> {
        let rows = self.db.lookup("ir.model.data", "name", &Val::str(name))?;
        rows.into_iter()
            .find(|r| self.db.text("ir.model.data", *r, "module") == module)
    }

    pub(crate) fn add_xid(
        &mut self,
        module: &str,
        name: &str,
        model: &str,
        id: i64,
        noupdate: bool,
    ) -> Outcome<()> {
        let mut vals = Vals::new();
        vals.insert("module", In::Val(Val::str(module)));
        vals.insert("name", In::Val(Val::str(name)));
        vals.insert("model", In::Val(Val::str(model)));
        vals.insert("res_id", In::Val(Val::Int(id)));
        vals.insert("noupdate", In::Val(Val::Bool(noupdate)));
        self.create_plain("ir.model.data", vals).map(|_| ())
    }

    /// `get_external_id`: every id, with its first external id or an empty text.
    pub(crate) fn external_ids(&self, model: &str, ids: &[i64]) -> Value {
        let mut out = Map::new();
        for id in ids {
            let rows = self.db.by("ir.model.data", "res_id", *id);
            let xid = rows
                .into_iter()
                .find(|r| self.db.text("ir.model.data", *r, "model") == model)
                .map(|r| {
                    format!(
                        "{}.{}",
                        self.db.text("ir.model.data", r, "module"),
                        self.db.text("ir.model.data", r, "name")
                    )
                });
            out.insert(id.to_string(), Value::from(xid.unwrap_or_default()));
        }
        Value::Object(out)
    }
}

impl Found {
    pub(crate) fn new(from: usize, to: usize) -> Self {
        Self {
            xid: None,
            dbid: None,
            vals: Vals::new(),
            line_xids: vec![],
            from,
            to,
        }
    }

    pub(crate) fn rows(&self) -> (usize, usize) {
        (self.from, self.to)
    }
}

/// First and last row of each record: a following row belongs to it while only its one2many cells are filled.
fn spans(env: &Env<'_>, model: &'static str, paths: &[Path], rows: &[Vec<Value>]) -> Vec<(usize, usize)> {
    let many: Vec<bool> = paths.iter().map(|p| is_one2many(env, model, p)).collect();
    let mut out: Vec<(usize, usize)> = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let filled = |many_cells: bool| {
            many.iter()
                .zip(row)
                .any(|(m, cell)| *m == many_cells && !convert::blank(cell))
        };
        match out.last_mut() {
            Some(last) if filled(true) && !filled(false) => last.1 = i,
            _ => out.push((i, i)),
        }
    }
    out
}

pub(crate) fn is_one2many(env: &Env<'_>, model: &'static str, path: &Path) -> bool {
    path.len() > 1
        && path.first().is_some_and(|f| {
            env.field(model, f, "read")
                .is_ok_and(|f| f.kind == Kind::One2many)
        })
}

fn failure(error: &OdooError, number: usize, from: usize, to: usize) -> Value {
    let message = if error.name == "psycopg2.errors.SerializationFailure" {
        SERIALIZE
    } else {
        &error.message
    };
    json!({ "rows": { "from": from, "to": to }, "record": number, "type": "error", "message": message })
}

fn complaint(problem: Problem, number: usize, from: usize, to: usize) -> Value {
    let mut out = json!({
        "rows": { "from": from, "to": to },
        "type": "error",
        "record": number,
        "field": problem.field,
        "message": problem.message,
        "field_name": problem.label,
    });
    if let (Some(more), Some(map)) = (problem.more, out.as_object_mut()) {
        map.insert("moreinfo".into(), more);
    }
    out
}
