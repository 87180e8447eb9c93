//! Groups of records with sums, in the two shapes that the versions speak.

use super::access::Op;
use super::dispatch::Bound;
use super::env::Env;
use super::error::Outcome;
use serde_json::{Map, Value, json};

/// `field:sum` to its parts; a bare field is summed.
fn aggregates(specs: &[String], skip: &[String]) -> Vec<(String, String)> {
    specs
        .iter()
        .filter(|s| !skip.contains(s) && *s != "__count")
        .map(|s| {
            let (field, how) = s.split_once(':').unwrap_or((s, "sum"));
            (field.to_owned(), how.split('(').next().unwrap_or(how).to_owned())
        })
        .collect()
}

fn group_domain(domain: &Value, by: &[String], keys: &[Value]) -> Value {
    let own = domain.as_array().cloned().unwrap_or_default();
    let mut terms: Vec<Value> = own.iter().filter(|t| !t.is_string()).cloned().collect();
    for (field, key) in by.iter().zip(keys) {
        let key = key.get(0).cloned().unwrap_or_else(|| key.clone());
        terms.push(json!([field, "=", key]));
    }
    let mut out = vec![Value::from("&"); terms.len().saturating_sub(1)];
    out.extend(terms);
    Value::Array(out)
}

/// `read_group`, with the keys that 17 to 19 give.
pub(crate) fn read_group(env: &Env<'_>, model: &'static str, bound: &Bound) -> Outcome<Value> {
    env.check(model, Op::Read)?;
    let mut by = bound.strings("groupby");
    if bound.get("lazy") != Some(&Value::Bool(false)) {
        by.truncate(1);
    }
    let sums = aggregates(&bound.strings("fields"), &by);
    let domain = bound.domain();
    let mut out = Vec::new();
    for group in env.grouped(model, &domain, &by, &sums)? {
        let mut row = Map::new();
        for (field, key) in by.iter().zip(&group.keys) {
            row.insert(field.clone(), key.clone());
        }
        for ((field, _), total) in sums.iter().zip(group.totals) {
            row.insert(field.clone(), total);
        }
        let count = if bound.get("lazy") == Some(&Value::Bool(false)) {
            "__count".to_owned()
        } else {
            format!("{}_count", by.first().map_or("", String::as_str))
        };
        row.insert(count, json!(group.ids.len()));
        row.insert("__domain".into(), group_domain(&domain, &by, &group.keys));
        out.push(Value::Object(row));
    }
    Ok(Value::Array(out))
}

/// `formatted_read_group` of 19.
pub(crate) fn formatted_read_group(env: &Env<'_>, model: &'static str, bound: &Bound) -> Outcome<Value> {
    env.check(model, Op::Read)?;
    let by = bound.strings("groupby");
    let specs = bound.strings("aggregates");
    let sums = aggregates(&specs, &[]);
    let mut out = Vec::new();
    for group in env.grouped(model, &bound.domain(), &by, &sums)? {
        let mut row = Map::new();
        for (field, key) in by.iter().zip(&group.keys) {
            row.insert(field.clone(), key.clone());
        }
        let mut totals = group.totals.into_iter();
        for spec in &specs {
            let value = if spec == "__count" {
                json!(group.ids.len())
            } else {
                totals.next().unwrap_or(Value::Null)
            };
            row.insert(spec.clone(), value);
        }
        row.insert(
            "__extra_domain".into(),
            group_domain(&json!([]), &by, &group.keys),
        );
        out.push(Value::Object(row));
    }
    Ok(Value::Array(out))
}
