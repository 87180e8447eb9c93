//! JSON on its way in: names of fields to fields, values to values of their types, and commands on lists.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::schema::{Field, Kind};
use super::value::{Command, In, Val, Vals, id_list, micros};
use super::version::OdooVersion;
use serde_json::{Map, Value};

impl Env<'_> {
    /// Turns a JSON object into typed values; unknown fields are a `ValueError`, as on a real server.
    pub(crate) fn vals(&self, model: &'static str, map: &Map<String, Value>) -> Outcome<Vals> {
        let mut vals = Vals::new();
        for (name, value) in map {
            let field = self.field(model, name, "write")?;
            vals.insert(field.name, self.incoming(field, value)?);
        }
        Ok(vals)
    }

    /// A field by name, or the error that this version gives for `purpose`.
    pub(crate) fn field(&self, model: &str, name: &str, purpose: &str) -> Outcome<&'static Field> {
        if let Some(field) = self.db.schema.models.get(model).and_then(|m| m.fields.get(name)) {
            return Ok(field);
        }
        let text = match (self.version(), purpose) {
            (OdooVersion::V19, "read") => format!("Invalid field '{name}' on '{model}'"),
            (OdooVersion::V19, "write") => format!("Invalid field '{name}' in '{model}'"),
            (OdooVersion::V19, _) => format!("Invalid field {model}.{name} in condition ('{name}', ...)"),
            (_, "domain") => format!("Invalid field {model}.{name} in leaf ('{name}', ...)"),
            _ => format!("Invalid field '{name}' on model '{model}'"),
        };
        Err(OdooError::value(text))
    }

    fn incoming(&self, field: &Field, value: &Value) -> Outcome<In> {
        if matches!(field.kind, Kind::One2many | Kind::Many2many) {
            return Ok(In::Commands(self.commands(field, value)?));
        }
        Ok(In::Val(plain(field, value)?))
    }

    fn commands(&self, field: &Field, value: &Value) -> Outcome<Vec<Command>> {
        let Some(items) = value.as_array() else {
            return Ok(vec![]);
        };
        if items.iter().all(Value::is_number) {
            return Ok(vec![Command::Set(id_list(value))]);
        }
        let mut commands = Vec::with_capacity(items.len());
        for item in items {
            let part = |i: usize| item.get(i).unwrap_or(&Value::Null);
            let id = part(1).as_i64().unwrap_or(0);
            let inner = || -> Outcome<Vals> {
                let model = self.model(field.extra)?;
                self.vals(model, part(2).as_object().unwrap_or(&Map::new()))
            };
            commands.push(match part(0).as_i64() {
                Some(0) => Command::Create(inner()?),
                Some(1) => Command::Update(id, inner()?),
                Some(2) => Command::Delete(id),
                Some(3) => Command::Unlink(id),
                Some(4) => Command::Link(id),
                Some(5) => Command::Clear,
                Some(6) => Command::Set(id_list(part(2))),
                _ => {
                    return Err(OdooError::value(format!(
                        "Wrong value for {}: {item}",
                        field.name
                    )));
                }
            });
        }
        Ok(commands)
    }
}

/// The id list after many2many commands.
pub(crate) fn merge_ids(before: Vec<i64>, list: &[Command]) -> Vec<i64> {
    let mut ids = before;
    for command in list {
        match command {
            Command::Set(new) => ids.clone_from(new),
            Command::Link(id) => {
                if !ids.contains(id) {
                    ids.push(*id);
                }
            }
            Command::Clear => ids.clear(),
            Command::Unlink(id) | Command::Delete(id) => ids.retain(|x| x != id),
            Command::Create(_) | Command::Update(..) => {}
        }
    }
    ids
}

/// A scalar from JSON, by the type of its field.
pub(crate) fn plain(field: &Field, value: &Value) -> Outcome<Val> {
    let wrong = || OdooError::value(format!("Wrong value for {}: {value}", field.name));
    if value.is_null() || (value == &Value::Bool(false) && field.kind != Kind::Bool) {
        return Ok(match field.kind {
            Kind::Float | Kind::Money => Val::Num(0),
            _ => Val::Null,
        });
    }
    Ok(match field.kind {
        Kind::Bool => Val::Bool(match value {
            Value::Bool(b) => *b,
            Value::Number(n) => n.as_i64() != Some(0),
            Value::String(s) => !s.is_empty(),
            _ => return Err(wrong()),
        }),
        Kind::Int | Kind::Many2one => Val::Int(value.as_i64().ok_or_else(wrong)?),
        Kind::Float | Kind::Money => match value {
            Value::Number(n) => Val::Num(micros(n)),
            Value::String(s) => Val::Num(super::value::parse_micros(s).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        },
        Kind::Selection => {
            let key = value.as_str().ok_or_else(wrong)?;
            if !field.extra.is_empty() && !field.selection().any(|(k, _)| k == key) {
                return Err(wrong());
            }
            Val::str(key)
        }
        Kind::Date | Kind::Time => {
            let text = value.as_str().ok_or_else(wrong)?;
            let text = if field.kind == Kind::Date {
                text.get(..10).unwrap_or(text)
            } else {
                text
            };
            if text.is_empty() {
                Val::Null
            } else if valid_date(text) {
                Val::str(text)
            } else {
                return Err(OdooError::value(format!(
                    "time data '{text}' does not match format '%Y-%m-%d'"
                )));
            }
        }
        Kind::Char | Kind::Text | Kind::Opaque => match value {
            Value::String(s) => Val::str(s.clone()),
            other => Val::Str(other.to_string()),
        },
        Kind::One2many | Kind::Many2many => Val::Null,
    })
}

/// Whether a text starts with a real calendar date, `YYYY-MM-DD`.
pub(crate) fn valid_date(text: &str) -> bool {
    text.get(..10)
        .is_some_and(|d| d.parse::<jiff::civil::Date>().is_ok() && d.as_bytes().get(4) == Some(&b'-'))
}
