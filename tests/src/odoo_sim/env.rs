//! One call's surroundings: the database, who calls, with which context, and when.

use super::access::Role;
use super::db::Db;
use super::error::{OdooError, Outcome};
use super::version::OdooVersion;
use serde_json::{Map, Value};

pub(crate) struct Env<'d> {
    pub(crate) db: &'d mut Db,
    pub(crate) uid: i64,
    pub(crate) role: Role,
    pub(crate) ctx: Map<String, Value>,
    /// Start of the transaction, `YYYY-MM-DD HH:MM:SS.ffffff`, UTC.
    pub(crate) now: String,
    /// How many transactions had committed when this call arrived.
    pub(crate) began: u64,
}

impl Env<'_> {
    pub(crate) fn version(&self) -> OdooVersion {
        self.db.version
    }

    pub(crate) fn is(&self, version: OdooVersion) -> bool {
        self.db.version == version
    }

    pub(crate) fn today(&self) -> String {
        self.now.get(..10).unwrap_or_default().to_owned()
    }

    /// The current second, as a stored datetime.
    pub(crate) fn now_second(&self) -> String {
        self.now.get(..19).unwrap_or_default().to_owned()
    }

    pub(crate) fn ctx_true(&self, key: &str) -> bool {
        match self.ctx.get(key) {
            Some(Value::Bool(b)) => *b,
            Some(Value::Number(n)) => n.as_i64() != Some(0),
            Some(Value::String(s)) => !s.is_empty(),
            Some(Value::Array(a)) => !a.is_empty(),
            _ => false,
        }
    }

    pub(crate) fn ctx_int(&self, key: &str) -> Option<i64> {
        self.ctx.get(key).and_then(Value::as_i64)
    }

    /// Model name as the schema spells it, which lives as long as the program.
    pub(crate) fn model(&self, name: &str) -> Outcome<&'static str> {
        self.db
            .schema
            .models
            .get(name)
            .filter(|_| self.db.mrp || !name.starts_with("mrp."))
            .map(|m| m.name)
            .ok_or_else(|| OdooError::user(format!("Object {name} doesn't exist")))
    }

    pub(crate) fn must_exist(&self, model: &str, id: i64) -> Outcome<()> {
        if self.db.get(model, id).is_some() {
            Ok(())
        } else {
            Err(OdooError::missing(model, id, self.uid))
        }
    }

    /// The company that the caller works in: the first of the context, else the user's own.
    pub(crate) fn company(&self) -> i64 {
        let named = self
            .ctx
            .get("allowed_company_ids")
            .and_then(|ids| ids.get(0))
            .and_then(Value::as_i64);
        named
            .or_else(|| self.db.ref_id("res.users", self.uid, "company_id"))
            .or_else(|| self.db.table("res.company").rows.keys().next().copied())
            .unwrap_or(1)
    }
}
