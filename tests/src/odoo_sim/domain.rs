//! Search domains in Polish notation, parsed with the checks of a real server and tried against records.

use super::env::Env;
use super::error::{OdooError, Outcome};
use super::schema::Kind;
use super::value::{MICRO, Val, id_list, micros};
use super::version::OdooVersion;
use serde_json::Value;

#[derive(Debug)]
pub(crate) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Leaf { path: String, op: String, value: Value },
    Const(bool),
}

/// Parses a domain; leaves are checked against the fields of `model`.
pub(crate) fn parse(env: &Env<'_>, model: &'static str, domain: &Value) -> Outcome<Node> {
    let empty = vec![];
    let items = domain.as_array().unwrap_or(&empty);
    let mut rest = items.iter();
    let mut nodes = Vec::new();
    while rest.len() > 0 {
        nodes.push(term(env, model, &mut rest)?);
    }
    Ok(Node::All(nodes))
}

fn term(env: &Env<'_>, model: &'static str, rest: &mut std::slice::Iter<'_, Value>) -> Outcome<Node> {
    let Some(item) = rest.next() else {
        return Err(OdooError::value("Invalid domain: an operator lacks its terms"));
    };
    if let Some(op) = item.as_str() {
        return Ok(match op {
            "&" => Node::All(vec![term(env, model, rest)?, term(env, model, rest)?]),
            "|" => Node::Any(vec![term(env, model, rest)?, term(env, model, rest)?]),
            "!" => Node::Not(Box::new(term(env, model, rest)?)),
            other => return Err(OdooError::value(format!("Invalid domain term '{other}'"))),
        });
    }
    let part = |i: usize| item.get(i).cloned().unwrap_or(Value::Null);
    if let (Some(a), Some(b)) = (part(0).as_i64(), part(2).as_i64()) {
        return Ok(Node::Const(a == b));
    }
    let (Some(path), Some(op)) = (
        part(0).as_str().map(str::to_owned),
        part(1).as_str().map(str::to_owned),
    ) else {
        return Err(OdooError::value(format!("Invalid domain term {item}")));
    };
    check_path(env, model, &path)?;
    Ok(Node::Leaf {
        path,
        op,
        value: part(2),
    })
}

fn check_path(env: &Env<'_>, model: &'static str, path: &str) -> Outcome<()> {
    let mut at = model;
    for name in path.split('.') {
        let field = env.field(at, name, "domain")?;
        if !field.is_relation() {
            return Ok(());
        }
        match env.model(field.extra) {
            Ok(next) => at = next,
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

impl Node {
    /// Whether the domain itself speaks of `active`, which turns off the default filter.
    pub(crate) fn mentions_active(&self) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(Self::mentions_active),
            Self::Not(node) => node.mentions_active(),
            Self::Leaf { path, .. } => path == "active",
            Self::Const(_) => false,
        }
    }

    /// Ids that could match, when an index knows; `None` means every record.
    pub(crate) fn candidates(&self, env: &Env<'_>, model: &'static str) -> Option<Vec<i64>> {
        match self {
            Self::All(nodes) => nodes.iter().find_map(|n| n.candidates(env, model)),
            Self::Leaf { path, op, value } if op == "=" || op == "in" => {
                let values: Vec<&Value> = match value {
                    Value::Array(items) => items.iter().collect(),
                    one => vec![one],
                };
                let mut ids = Vec::new();
                for value in values {
                    let key = match value {
                        Value::String(s) => Val::str(s.clone()),
                        Value::Number(n) => Val::Int(n.as_i64()?),
                        _ => return None,
                    };
                    if path == "id" {
                        ids.extend(env.db.get(model, key.int()).map(|_| key.int()));
                    } else {
                        if matches!(key, Val::Str(_))
                            && env.field(model, path, "domain").ok()?.kind == Kind::Many2one
                        {
                            return None;
                        }
                        ids.extend(env.db.lookup(model, path, &key)?);
                    }
                }
                ids.sort_unstable();
                ids.dedup();
                Some(ids)
            }
            _ => None,
        }
    }

    pub(crate) fn matches(&self, env: &Env<'_>, model: &'static str, id: i64) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|n| n.matches(env, model, id)),
            Self::Any(nodes) => nodes.iter().any(|n| n.matches(env, model, id)),
            Self::Not(node) => !node.matches(env, model, id),
            Self::Const(b) => *b,
            Self::Leaf { path, op, value } => leaf(env, model, id, path, op, value),
        }
    }
}

fn leaf(env: &Env<'_>, model: &'static str, id: i64, path: &str, op: &str, value: &Value) -> bool {
    if let Some((head, tail)) = path.split_once('.') {
        let Ok(field) = env.field(model, head, "domain") else {
            return false;
        };
        let Ok(target) = env.model(field.extra) else {
            return false;
        };
        let ids = match env.value(model, id, field) {
            Val::Int(n) => vec![n],
            Val::Ids(ids) => ids,
            _ => vec![],
        };
        if ids.is_empty() {
            return op == "=" && !truthy(value) || op == "!=" && truthy(value);
        }
        return ids.into_iter().any(|x| leaf(env, target, x, tail, op, value));
    }
    let Ok(field) = env.field(model, path, "domain") else {
        return false;
    };
    let held = env.value(model, id, field);
    match op {
        "=" | "==" => equal(env, field.kind, field.extra, &held, value),
        "!=" | "<>" => !equal(env, field.kind, field.extra, &held, value),
        "in" => value
            .as_array()
            .is_some_and(|v| v.iter().any(|x| equal(env, field.kind, field.extra, &held, x))),
        "not in" => !value
            .as_array()
            .is_some_and(|v| v.iter().any(|x| equal(env, field.kind, field.extra, &held, x))),
        "<" | ">" | "<=" | ">=" => compare(env.version(), field.kind, &held, op, value),
        "child_of" => child_of(env, field.extra, model, &held, value),
        "like" | "ilike" | "=like" | "=ilike" | "not ilike" | "not like" => {
            let text = match &held {
                Val::Int(n) if field.kind == Kind::Many2one => env
                    .model(field.extra)
                    .map(|m| env.display_name(m, *n))
                    .unwrap_or_default(),
                other => other.text().to_owned(),
            };
            like(&text, op, value.as_str().unwrap_or(""))
        }
        _ => false,
    }
}

fn truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

fn equal(env: &Env<'_>, kind: Kind, relation: &'static str, held: &Val, value: &Value) -> bool {
    match (held, value) {
        (Val::Ids(ids), Value::Number(n)) => n.as_i64().is_some_and(|n| ids.contains(&n)),
        (Val::Ids(ids), v) => ids.is_empty() && !truthy(v),
        (Val::Bool(b), Value::Bool(v)) => b == v,
        (Val::Bool(b), Value::Number(v)) => i64::from(*b) == v.as_i64().unwrap_or(0),
        (Val::Null, v) => {
            !truthy(v) || v == &Value::from(0) && matches!(kind, Kind::Float | Kind::Money | Kind::Int)
        }
        (Val::Int(n), Value::Number(v)) => v.as_i64() == Some(*n),
        (Val::Int(n), Value::String(s)) if kind == Kind::Many2one => {
            env.model(relation).is_ok_and(|m| &env.display_name(m, *n) == s)
        }
        (Val::Num(n), Value::Number(v)) => micros(v) == *n,
        (Val::Num(n), Value::Bool(false)) => *n == 0,
        (Val::Str(s), Value::String(v)) => s == v,
        _ => false,
    }
}

fn compare(version: OdooVersion, kind: Kind, held: &Val, op: &str, value: &Value) -> bool {
    let order = match (held, value) {
        (Val::Num(a), Value::Number(b)) => a.cmp(&micros(b)),
        (Val::Int(a), Value::Number(b)) => (a * MICRO).cmp(&micros(b)),
        (Val::Str(a), Value::String(b)) if kind == Kind::Time => {
            // 19 compares at the second it shows, 17 and 18 at the microsecond they keep
            let a = if version == OdooVersion::V19 {
                a.get(..19).unwrap_or(a)
            } else {
                a
            };
            a.cmp(b.as_str())
        }
        (Val::Str(a), Value::String(b)) => a.as_str().cmp(b.as_str()),
        _ => return false,
    };
    match op {
        "<" => order.is_lt(),
        ">" => order.is_gt(),
        "<=" => order.is_le(),
        _ => order.is_ge(),
    }
}

fn child_of(env: &Env<'_>, relation: &'static str, model: &'static str, held: &Val, value: &Value) -> bool {
    let roots = id_list(value);
    let table = if relation.is_empty() { model } else { relation };
    let up = match table {
        "stock.location" => "location_id",
        _ => "parent_id",
    };
    let mut at = match held {
        Val::Int(n) => Some(*n),
        _ => None,
    };
    while let Some(id) = at {
        if roots.contains(&id) {
            return true;
        }
        at = env.db.ref_id(table, id, up);
    }
    false
}

fn like(text: &str, op: &str, pattern: &str) -> bool {
    let (text, pattern, op) = if op.contains("ilike") {
        (
            text.to_lowercase(),
            pattern.to_lowercase(),
            op.replace("ilike", "like"),
        )
    } else {
        (text.to_owned(), pattern.to_owned(), op.to_owned())
    };
    let full = if op == "=like" {
        pattern
    } else {
        format!("%{pattern}%")
    };
    let hit = wildcard(text.as_bytes(), full.as_bytes());
    if op == "not like" { !hit } else { hit }
}

/// SQL `LIKE` with `%` and `_`.
fn wildcard(text: &[u8], pattern: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'%', rest)) => {
            (0..=text.len()).any(|skip| wildcard(text.get(skip..).unwrap_or_default(), rest))
        }
        Some((p, rest)) => match text.split_first() {
            Some((t, more)) => (*p == b'_' || p == t) && wildcard(more, rest),
            None => false,
        },
    }
}
