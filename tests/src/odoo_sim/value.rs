//! Values as the simulated database holds them. Numbers with a fraction are whole millionths, so that no sum drifts;
//! a float appears only where JSON has one.

use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// Millionths in one unit.
pub(crate) const MICRO: i64 = 1_000_000;
/// Millionths in one cent.
pub(crate) const CENT: i64 = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Val {
    #[default]
    Null,
    Bool(bool),
    /// An integer, or the id behind a many2one.
    Int(i64),
    /// A float or monetary value in millionths.
    Num(i64),
    Str(String),
    /// A many2many.
    Ids(Vec<i64>),
}

pub(crate) type Rec = BTreeMap<&'static str, Val>;

/// A command on a one2many or many2many, Odoo's `(0, 0, {...})` triples.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Create(Vals),
    Update(i64, Vals),
    Delete(i64),
    Unlink(i64),
    Link(i64),
    Clear,
    Set(Vec<i64>),
}

/// One value on its way in.
#[derive(Debug, Clone)]
pub(crate) enum In {
    Val(Val),
    Commands(Vec<Command>),
}

pub(crate) type Vals = BTreeMap<&'static str, In>;

impl Val {
    pub(crate) fn str(text: impl Into<String>) -> Self {
        Self::Str(text.into())
    }

    pub(crate) fn int(&self) -> i64 {
        match self {
            Self::Int(n) => *n,
            Self::Num(n) => n / MICRO,
            Self::Bool(b) => i64::from(*b),
            _ => 0,
        }
    }

    pub(crate) fn num(&self) -> i64 {
        match self {
            Self::Num(n) => *n,
            Self::Int(n) => n * MICRO,
            _ => 0,
        }
    }

    pub(crate) fn text(&self) -> &str {
        if let Self::Str(s) = self { s } else { "" }
    }

    pub(crate) fn truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(b) => *b,
            Self::Int(n) | Self::Num(n) => *n != 0,
            Self::Str(s) => !s.is_empty(),
            Self::Ids(ids) => !ids.is_empty(),
        }
    }

    pub(crate) fn ids(&self) -> &[i64] {
        if let Self::Ids(ids) = self { ids } else { &[] }
    }
}

/// Helpers over a set of incoming values.
pub(crate) fn scalar<'v>(vals: &'v Vals, field: &str) -> Option<&'v Val> {
    match vals.get(field) {
        Some(In::Val(v)) => Some(v),
        _ => None,
    }
}

/// A JSON number as millionths, rounded half away from zero at the seventh digit.
pub(crate) fn micros(n: &Number) -> i64 {
    if let Some(i) = n.as_i64() {
        return i.saturating_mul(MICRO);
    }
    let f = n.as_f64().unwrap_or(0.0) * 1e6;
    #[allow(clippy::cast_possible_truncation)]
    let rounded = f.round() as i64;
    rounded
}

/// Reads "12.50" or "-3" as millionths; refuses separators, as Odoo does.
pub(crate) fn parse_micros(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.is_empty()
        || !text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
    {
        return None;
    }
    let f: f64 = text.parse().ok()?;
    Number::from_f64(f).map(|n| micros(&n))
}

/// Rounds millionths to a step (also millionths), half away from zero.
pub(crate) fn round_to(value: i64, step: i64) -> i64 {
    if step <= 0 {
        return value;
    }
    let half = step / 2;
    if value >= 0 {
        (value + half) / step * step
    } else {
        -((-value + half) / step * step)
    }
}

/// Millionths as the float that Odoo would print.
pub(crate) fn json_num(value: i64) -> Value {
    #[allow(clippy::cast_precision_loss)]
    let f = value as f64 / 1e6;
    Number::from_f64(f).map_or(Value::Null, Value::Number)
}

/// `$ 1,234.50`, as error texts show money.
pub(crate) fn show_money(value: i64) -> String {
    let cents = round_to(value, CENT) / CENT;
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.abs();
    let whole = (cents / 100).to_string();
    let mut grouped = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(c);
    }
    format!("$ {sign}{grouped}.{:02}", cents % 100)
}

/// The object in a JSON value, or an empty one.
pub(crate) fn object(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Ids in a JSON value: a number, or a list of numbers.
pub(crate) fn id_list(value: &Value) -> Vec<i64> {
    match value {
        Value::Number(n) => n.as_i64().into_iter().collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_i64).collect(),
        _ => Vec::new(),
    }
}
