//! Cells of `load()` to values, with the complaints of a real server about those that cannot be.

use super::env::Env;
use super::incoming::valid_date;
use super::load::{Found, Path, is_one2many};
use super::schema::{Field, Kind};
use super::value::{Command, In, Val, Vals, micros, parse_micros};
use super::version::OdooVersion;
use serde_json::{Value, json};

/// Why a cell was refused.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) field: String,
    pub(crate) label: String,
    pub(crate) message: String,
    pub(crate) more: Option<Value>,
}

/// An empty cell: null, false or nothing.
pub(crate) fn blank(cell: &Value) -> bool {
    matches!(cell, Value::Null | Value::Bool(false)) || cell.as_str() == Some("")
}

/// `module.name`; without a dot the module is `__import__`.
pub(crate) fn split_xid(xid: &str) -> (String, String) {
    match xid.split_once('.') {
        Some((module, name)) => (module.to_owned(), name.to_owned()),
        None => ("__import__".to_owned(), xid.to_owned()),
    }
}

fn text_of(cell: &Value) -> String {
    match cell {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

/// Reads one record from its rows.
pub(crate) fn record(
    env: &Env<'_>,
    model: &'static str,
    paths: &[Path],
    rows: &[Vec<Value>],
    from: usize,
    to: usize,
) -> Result<Found, Vec<Problem>> {
    let mut found = Found::new(from, to);
    let mut problems = Vec::new();
    let head = rows.first().map(Vec::as_slice).unwrap_or_default();
    let mut done: Vec<&str> = Vec::new();
    for (column, path) in paths.iter().enumerate() {
        let Some(name) = path.first() else { continue };
        if is_one2many(env, model, path) {
            if !done.contains(&name.as_str()) {
                done.push(name);
                lines(env, model, name, paths, rows, &mut found, &mut problems);
            }
            continue;
        }
        let cell = head.get(column).unwrap_or(&Value::Null);
        match name.as_str() {
            "id" if blank(cell) => {}
            "id" => found.xid = Some(text_of(cell)),
            ".id" if blank(cell) => {}
            ".id" => found.dbid = text_of(cell).parse().ok(),
            _ if blank(cell) && path.len() > 1 => {}
            _ => match cell_value(env, model, path, cell) {
                Ok(Some((name, value))) => {
                    found.vals.insert(name, value);
                }
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            },
        }
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems)
    }
}

/// Reads the rows of one one2many field.
fn lines(
    env: &Env<'_>,
    model: &'static str,
    name: &str,
    paths: &[Path],
    rows: &[Vec<Value>],
    found: &mut Found,
    problems: &mut Vec<Problem>,
) {
    let Ok(field) = env.field(model, name, "read") else {
        return;
    };
    let Ok(child) = env.model(field.extra) else { return };
    let columns: Vec<usize> = paths
        .iter()
        .enumerate()
        .filter(|(_, p)| p.len() > 1 && p.first().is_some_and(|f| f == name))
        .map(|(i, _)| i)
        .collect();
    let tails: Vec<Path> = columns
        .iter()
        .filter_map(|c| paths.get(*c))
        .map(|p| p.get(1..).unwrap_or_default().to_vec())
        .collect();
    let cells: Vec<Vec<Value>> = rows
        .iter()
        .map(|row| {
            columns
                .iter()
                .map(|c| row.get(*c).cloned().unwrap_or(Value::Null))
                .collect::<Vec<_>>()
        })
        .filter(|row: &Vec<Value>| row.iter().any(|c| !blank(c)))
        .collect();
    let (from, to) = found.rows();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < cells.len() {
        let many: Vec<bool> = tails.iter().map(|p| is_one2many(env, child, p)).collect();
        let mut end = at + 1;
        while cells
            .get(end)
            .is_some_and(|row| many.iter().zip(row).all(|(m, c)| *m || blank(c)))
        {
            end += 1;
        }
        match record(
            env,
            child,
            &tails,
            cells.get(at..end).unwrap_or_default(),
            from,
            to,
        ) {
            Ok(line) => {
                if let Some(xid) = line.xid {
                    found.line_xids.push((field.name, commands.len(), xid));
                }
                commands.push(match line.dbid {
                    Some(id) => Command::Update(id, line.vals),
                    None => Command::Create(line.vals),
                });
            }
            // the first complaint about its lines is all that a record reports
            Err(list) => {
                let whole = format!("field '{}/", field.label());
                problems.extend(list.into_iter().take(1).map(|p| Problem {
                    field: name.to_owned(),
                    label: field.label(),
                    more: p.more,
                    message: p.message.replacen("field '", &whole, 1),
                }));
                return;
            }
        }
        at = end;
    }
    found.vals.insert(field.name, In::Commands(commands));
}

/// Turns the command at `at` into an update of a known line.
pub(crate) fn make_update(vals: &mut Vals, field: &'static str, at: usize, line: i64) {
    if let Some(In::Commands(list)) = vals.get_mut(field)
        && let Some(command) = list.get_mut(at)
        && let Command::Create(inner) = command
    {
        *command = Command::Update(line, std::mem::take(inner));
    }
}

fn cell_value(
    env: &Env<'_>,
    model: &'static str,
    path: &Path,
    cell: &Value,
) -> Result<Option<(&'static str, In)>, Problem> {
    let name = path.first().map(String::as_str).unwrap_or_default();
    let Ok(field) = env.field(model, name, "read") else {
        return Ok(None);
    };
    let how = path.get(1).map(String::as_str);
    let problem = |message: String, more: Option<Value>| Problem {
        field: name.to_owned(),
        label: field.label(),
        message,
        more,
    };
    let value = match field.kind {
        Kind::Many2one if blank(cell) => In::Val(Val::Null),
        Kind::Many2one => In::Val(Val::Int(
            target(env, field, how, &text_of(cell)).map_err(|(m, x)| problem(m, x))?,
        )),
        Kind::Many2many => {
            let mut ids = Vec::new();
            for part in text_of(cell)
                .split(',')
                .map(str::trim)
                .filter(|p| !p.is_empty() && !blank(cell))
            {
                ids.push(target(env, field, how, part).map_err(|(m, x)| problem(m, x))?);
            }
            In::Commands(vec![Command::Set(ids)])
        }
        Kind::One2many => return Ok(None),
        _ => In::Val(scalar_cell(field, cell).map_err(|(m, x)| problem(m, x))?),
    };
    Ok(Some((field.name, value)))
}

type Refusal = (String, Option<Value>);

fn scalar_cell(field: &Field, cell: &Value) -> Result<Val, Refusal> {
    if blank(cell) {
        return Ok(match field.kind {
            Kind::Bool => Val::Bool(false),
            _ => Val::Null,
        });
    }
    let text = text_of(cell);
    let label = field.label();
    match field.kind {
        Kind::Bool => Ok(Val::Bool(matches!(
            text.to_lowercase().as_str(),
            "1" | "true" | "yes"
        ))),
        Kind::Int => text.trim().parse().map(Val::Int).map_err(|_| {
            (
                format!("'{text}' does not seem to be an integer for field '{label}'"),
                None,
            )
        }),
        Kind::Float | Kind::Money => match cell {
            Value::Number(n) => Ok(Val::Num(micros(n))),
            _ => parse_micros(&text).map(Val::Num).ok_or_else(|| {
                (
                    format!("'{text}' does not seem to be a number for field '{label}'"),
                    None,
                )
            }),
        },
        Kind::Date | Kind::Time if valid_date(&text) => Ok(Val::Str(text)),
        Kind::Date | Kind::Time => {
            let what = if field.kind == Kind::Date {
                "date"
            } else {
                "datetime"
            };
            let example = if field.kind == Kind::Date {
                "2012-12-31"
            } else {
                "2012-12-31 23:59:59"
            };
            Err((
                format!("'{text}' does not seem to be a valid {what} for field '{label}'"),
                Some(format!("Use the format '{example}'").into()),
            ))
        }
        Kind::Selection => {
            let hit = field
                .selection()
                .find(|(k, l)| *k == text || l.eq_ignore_ascii_case(&text));
            match hit {
                Some((key, _)) => Ok(Val::str(key)),
                None if field.extra.is_empty() => Ok(Val::Str(text)),
                None => Err((
                    format!("Value '{text}' not found in selection field '{label}'"),
                    Some(field.selection().map(|(_, l)| l).collect()),
                )),
            }
        }
        _ => Ok(Val::Str(text)),
    }
}

/// The record that a relation cell means: by database id, external id or name.
fn target(env: &Env<'_>, field: &Field, how: Option<&str>, text: &str) -> Result<i64, Refusal> {
    let model = env.model(field.extra).map_err(|e| (e.message, None))?;
    let label = field.label();
    let (found, kind) = match how {
        Some(".id") => {
            let id: Option<i64> = text.trim().parse().ok();
            (id.filter(|id| env.db.get(model, *id).is_some()), "database id")
        }
        Some("id") => {
            let (module, name) = split_xid(text);
            let row = env
                .xid_row(&module, &name)
                .filter(|r| env.db.text("ir.model.data", *r, "model") == model);
            (
                row.map(|r| env.db.val("ir.model.data", r, "res_id").int()),
                "external id",
            )
        }
        _ => {
            let hit = env.db.table(model).rows.keys().copied().find(|id| {
                env.display_name(model, *id) == text
                    || env.db.text(model, *id, "name") == text
                    || env.db.text(model, *id, "code") == text
            });
            (hit, "name")
        }
    };
    found.ok_or_else(|| {
        let mut more = json!({
            "name": "Possible Values",
            "type": "ir.actions.act_window",
            "target": "new",
            "view_mode": if env.is(OdooVersion::V17) { "tree,form" } else { "list,form" },
            "views": [[false, if env.is(OdooVersion::V17) { "tree" } else { "list" }], [false, "form"]],
            "context": { "create": false },
            "help": "See all possible values",
            "res_model": if how.is_some() { "ir.model.data" } else { model },
        });
        if how.is_some()
            && let Some(map) = more.as_object_mut()
        {
            map.insert("domain".into(), json!([["model", "=", model]]));
        }
        (
            format!("No matching record found for {kind} '{text}' in field '{label}'"),
            Some(more),
        )
    })
}
