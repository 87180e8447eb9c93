//! From a method name and its arguments to the code that answers, with the argument errors of each protocol.

use super::access::Op;
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::methods::{Signature, signature};
use super::read::Window;
use super::value::{id_list, object};
use super::{
    account_payment, account_post, account_reconcile, account_register, account_reverse, company, groups,
    sale_invoice, sale_order, stock_picking, stock_quant, stock_validate,
};
use serde_json::{Map, Value, json};

/// What a method returned; Python's `None` looks different on each protocol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Value(Value),
    Nothing,
}

/// How the arguments came.
#[derive(Debug)]
pub(crate) enum Args {
    /// `execute_kw`: a list and named ones.
    Positional(Vec<Value>, Map<String, Value>),
    /// JSON-2: named ones only, records in `ids`.
    Named(Map<String, Value>),
}

/// Arguments by name, after the checks that Python makes.
pub(crate) struct Bound {
    ids: Vec<i64>,
    named: Map<String, Value>,
}

impl Bound {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.named.get(name).filter(|v| !v.is_null())
    }

    pub(crate) fn strings(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Value::Array(items)) => items
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => vec![],
        }
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.get(name)
            .and_then(Value::as_u64)
            .and_then(|n| usize::try_from(n).ok())
    }

    fn window(&self) -> Window {
        let order = self.get("order").and_then(Value::as_str).map(str::to_owned);
        Window {
            offset: self.number("offset").unwrap_or(0),
            limit: self.number("limit").filter(|l| *l > 0),
            order,
        }
    }

    pub(crate) fn domain(&self) -> Value {
        self.get("domain").cloned().unwrap_or_else(|| json!([]))
    }
}

fn bind(sig: Signature, method: &str, args: Args) -> Outcome<(Bound, Map<String, Value>)> {
    let json2 = matches!(args, Args::Named(_));
    let bad = |text: String| {
        if json2 {
            OdooError::http("werkzeug.exceptions.UnprocessableEntity", 422, text)
        } else {
            OdooError::type_error(format!("BaseModel.{method}() {text}"))
        }
    };
    let mut ids = Vec::new();
    let mut named = Map::new();
    let mut extra = match args {
        Args::Named(map) => map,
        Args::Positional(list, kwargs) => {
            let mut list = list.into_iter();
            if sig.records {
                ids = id_list(&list.next().unwrap_or(Value::Null));
            }
            let mut names = sig.params.iter();
            for value in list {
                let Some(name) = names.next() else {
                    return Err(bad(format!(
                        "takes {} positional arguments but more were given",
                        sig.params.len() + 1
                    )));
                };
                named.insert((*name).into(), value);
            }
            kwargs
        }
    };
    let context = object(extra.remove("context").as_ref());
    if json2 && let Some(given) = extra.remove("ids") {
        ids = id_list(&given);
    }
    for (name, value) in extra {
        if !sig.params.contains(&name.as_str()) {
            // JSON-2 looks for what is missing before it looks at what is too much
            if json2 && let Some(miss) = missing(sig, &named) {
                return Err(bad(format!("missing a required argument: '{miss}'")));
            }
            return Err(bad(format!("got an unexpected keyword argument '{name}'")));
        }
        named.insert(name, value);
    }
    if let Some(miss) = missing(sig, &named) {
        let text = if json2 {
            format!("missing a required argument: '{miss}'")
        } else {
            format!("missing 1 required positional argument: '{miss}'")
        };
        return Err(bad(text));
    }
    Ok((Bound { ids, named }, context))
}

fn missing(sig: Signature, named: &Map<String, Value>) -> Option<&'static str> {
    sig.params
        .iter()
        .take(sig.need)
        .copied()
        .find(|p| !named.contains_key(*p))
}

/// Runs one method. The caller commits on success and rolls back on an error.
pub(crate) fn call(env: &mut Env<'_>, model: &str, method: &str, args: Args) -> Outcome<Reply> {
    let json2 = matches!(args, Args::Named(_));
    let Ok(model) = env.model(model) else {
        return Err(if json2 {
            OdooError::http(
                "werkzeug.exceptions.NotFound",
                404,
                format!("the model '{model}' does not exist"),
            )
        } else {
            OdooError::user(format!("Object {model} doesn't exist"))
        });
    };
    if method.starts_with('_') {
        return Err(OdooError::access(format!(
            "Private methods (such as '{model}.{method}') cannot be called remotely."
        )));
    }
    let Some(sig) = signature(env, model, method) else {
        return Err(if json2 {
            let text = format!("The method '{model}.{method}' does not exist");
            OdooError::http("werkzeug.exceptions.NotFound", 404, text)
        } else {
            OdooError::no_method(model, method)
        });
    };
    let as_list =
        json2 || matches!(&args, Args::Positional(list, _) if list.first().is_some_and(Value::is_array));
    let (bound, context) = bind(sig, method, args)?;
    env.ctx.extend(context);
    company::check_context(env)?;
    if sig.records {
        on_ids(env, model, method, &bound)
    } else {
        on_class(env, model, method, &bound, as_list)
    }
}

fn on_class(
    env: &mut Env<'_>,
    model: &'static str,
    method: &str,
    bound: &Bound,
    as_list: bool,
) -> Outcome<Reply> {
    let value = match method {
        "search" => {
            env.check(model, Op::Read)?;
            json!(env.search(model, &bound.domain(), &bound.window())?)
        }
        "search_count" => {
            env.check(model, Op::Read)?;
            json!(env.search(model, &bound.domain(), &Window::default())?.len())
        }
        "search_read" => {
            env.check(model, Op::Read)?;
            let ids = env.search(model, &bound.domain(), &bound.window())?;
            env.read(model, &ids, &bound.strings("fields"))?
        }
        "name_search" => name_search(env, model, bound)?,
        "create" => {
            env.check(model, Op::Create)?;
            create(env, model, bound.get("vals_list"), as_list)?
        }
        "load" => {
            let data = bound.get("data").cloned().unwrap_or(Value::Null);
            env.load(model, &bound.strings("fields"), &data)?
        }
        "fields_get" => {
            env.check(model, Op::Read)?;
            env.fields_get(model, &bound.strings("allfields"), &bound.strings("attributes"))
        }
        "read_group" => groups::read_group(env, model, bound)?,
        "formatted_read_group" => groups::formatted_read_group(env, model, bound)?,
        "check_access_rights" => access_rights(env, model, bound)?,
        "action_view_quants" => {
            env.check(model, Op::Read)?;
            stock_quant::view(env)
        }
        "has_group" => has_group(env, bound),
        "context_get" => {
            let of = |field: &str| env.db.text(model, env.uid, field);
            json!({ "lang": of("lang"), "tz": of("tz"), "uid": env.uid })
        }
        _ => return Err(OdooError::no_method(model, method)),
    };
    Ok(Reply::Value(value))
}

fn on_ids(env: &mut Env<'_>, model: &'static str, method: &str, bound: &Bound) -> Outcome<Reply> {
    let ids = bound.ids.as_slice();
    let op = match method {
        "read" | "get_external_id" | "has_access" | "check_access" | "has_group" | "export_data" => Op::Read,
        "unlink" => Op::Unlink,
        _ => Op::Write,
    };
    if !matches!(method, "has_access" | "check_access" | "has_group") {
        env.check(model, op)?;
    }
    let first = ids.first().copied().unwrap_or(0);
    let done = Reply::Value(Value::Bool(true));
    Ok(match method {
        "read" => Reply::Value(env.read(model, ids, &bound.strings("fields"))?),
        "get_external_id" => Reply::Value(env.external_ids(model, ids)),
        "write" => {
            let vals = env.vals(model, &object(bound.get("vals")))?;
            env.write(model, ids, vals)?;
            done
        }
        "unlink" => {
            env.unlink(model, ids)?;
            done
        }
        "has_access" => Reply::Value(Value::Bool(operation(bound).is_some_and(|op| env.may(model, op)))),
        "check_access" => {
            if let Some(op) = operation(bound) {
                env.check(model, op)?;
            }
            Reply::Nothing
        }
        "export_data" => {
            return Err(OdooError::user(
                "You don't have the rights to export data. Please contact an Administrator.",
            ));
        }
        "has_group" => Reply::Value(has_group(env, bound)),
        "action_archive" | "action_unarchive" => {
            let vals = env.vals(
                model,
                &object(Some(&json!({ "active": method == "action_unarchive" }))),
            )?;
            env.write(model, ids, vals)?;
            done
        }
        "action_post" if model == account_payment::PAYMENT => {
            account_payment::post(env, ids)?;
            Reply::Nothing
        }
        "action_draft" => {
            account_payment::draft(env, ids)?;
            Reply::Nothing
        }
        "action_cancel" if model == account_payment::PAYMENT => {
            account_payment::cancel(env, ids)?;
            Reply::Nothing
        }
        "action_create_payments" => Reply::Value(account_register::run(env, first)?),
        "js_assign_outstanding_line" => {
            let line = bound.get("line_id").and_then(Value::as_i64).unwrap_or(0);
            account_reconcile::assign(env, first, line)?;
            Reply::Nothing
        }
        "reconcile" => {
            account_reconcile::reconcile(env, ids)?;
            Reply::Nothing
        }
        "remove_move_reconcile" => {
            account_reconcile::undo(env, ids);
            Reply::Nothing
        }
        "action_post" => {
            account_post::post(env, ids)?;
            Reply::Value(Value::Bool(false))
        }
        "button_draft" => {
            account_post::draft(env, ids)?;
            Reply::Nothing
        }
        "button_cancel" => {
            account_post::cancel(env, ids)?;
            Reply::Nothing
        }
        "refund_moves" => Reply::Value(account_reverse::run(env, first, false)?),
        "modify_moves" => Reply::Value(account_reverse::run(env, first, true)?),
        "button_validate" => Reply::Value(stock_validate::run(env, ids)?),
        "action_confirm" if model == sale_order::ORDER => {
            sale_order::confirm(env, ids)?;
            done
        }
        "create_invoices" => Reply::Value(sale_invoice::run(env)?),
        "action_confirm" => {
            stock_picking::confirm(env, ids)?;
            done
        }
        "action_assign" => {
            stock_picking::assign(env, ids)?;
            done
        }
        "action_cancel" => {
            stock_picking::cancel(env, ids)?;
            done
        }
        "action_apply_inventory" => match stock_quant::apply(env, ids)? {
            Some(action) => Reply::Value(action),
            None => Reply::Nothing,
        },
        "create_returns" | "action_create_returns" => Reply::Value(stock_picking::make_return(env, first)?),
        _ => return Err(OdooError::no_method(model, method)),
    })
}

fn create(env: &mut Env<'_>, model: &'static str, given: Option<&Value>, as_list: bool) -> Outcome<Value> {
    let maps: Vec<Map<String, Value>> = match given {
        Some(Value::Array(items)) => items.iter().map(|v| object(Some(v))).collect(),
        one => vec![object(one)],
    };
    let mut ids = Vec::new();
    for map in maps {
        let vals = env.vals(model, &map)?;
        ids.push(env.create(model, vals)?);
    }
    Ok(if as_list { json!(ids) } else { json!(ids.first()) })
}

fn name_search(env: &Env<'_>, model: &'static str, bound: &Bound) -> Outcome<Value> {
    env.check(model, Op::Read)?;
    let text = bound
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_lowercase();
    let domain = bound.get("args").cloned().unwrap_or_else(|| json!([]));
    let ids = env.search(model, &domain, &Window::default())?;
    let hits: Vec<Value> = ids
        .into_iter()
        .map(|id| (id, env.display_name(model, id)))
        .filter(|(_, name)| name.to_lowercase().contains(&text))
        .take(bound.number("limit").unwrap_or(100))
        .map(|(id, name)| json!([id, name]))
        .collect();
    Ok(Value::Array(hits))
}

fn operation(bound: &Bound) -> Option<Op> {
    bound.get("operation").and_then(Value::as_str).and_then(Op::parse)
}

fn access_rights(env: &Env<'_>, model: &'static str, bound: &Bound) -> Outcome<Value> {
    let Some(op) = operation(bound) else {
        return Ok(Value::Bool(false));
    };
    if bound.get("raise_exception") != Some(&Value::Bool(false)) {
        env.check(model, op)?;
    }
    Ok(Value::Bool(env.may(model, op)))
}

fn has_group(env: &Env<'_>, bound: &Bound) -> Value {
    let group = bound.get("group_ext_id").and_then(Value::as_str).unwrap_or("");
    Value::Bool(env.role.groups().contains(&group))
}
