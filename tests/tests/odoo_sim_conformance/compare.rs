//! Is an answer what the real server answered? Keys, types, values and the records that ids mean.

use super::ids::{Ids, relation};
use super::send::Sent;
use super::xml;
use serde_json::{Map, Value};

/// Values that are names, texts, times or numbers of a server's own.
const OWN: &[&str] = &[
    "name",
    "display_name",
    "reference",
    "message",
    "write_date",
    "date_done",
    "view_id",
    "search_view_id",
    "help",
    "complete_name",
    "arguments",
    "debug",
    "field_name",
    "version",
    "user_agent",
];

/// Parts of screens, compared by their type only.
const SCREEN: &[&str] = &[
    "context",
    "views",
    "moreinfo",
    "__domain",
    "__extra_domain",
    "domain",
];

pub(crate) struct Compare<'i> {
    ids: &'i mut Ids,
    model: String,
    method: String,
    wrong: Vec<String>,
}

impl<'i> Compare<'i> {
    pub(crate) fn new(ids: &'i mut Ids, step: &Value) -> Self {
        let (model, method) = match step["rpc"]["args"].as_array() {
            Some(args) if step["rpc"]["method"] == "execute_kw" => (
                args[3].as_str().unwrap_or("").to_owned(),
                args[4].as_str().unwrap_or("").to_owned(),
            ),
            Some(_) => (
                String::new(),
                step["rpc"]["method"].as_str().unwrap_or("").to_owned(),
            ),
            None => {
                let url = step["http"]["url"].as_str().unwrap_or("");
                let mut parts = url.rsplit('/');
                let method = parts.next().unwrap_or("").to_owned();
                (parts.next().unwrap_or("").to_owned(), method)
            }
        };
        Self {
            ids,
            model,
            method,
            wrong: vec![],
        }
    }

    /// Everything that differs; empty when the answer is as recorded.
    pub(crate) fn answer(&mut self, recorded: &Value, status: Option<u64>, sent: &Sent) -> Vec<String> {
        self.wrong.clear();
        if recorded.get("_transport_error").is_some() || sent.refused {
            if recorded.get("_transport_error").is_some() != sent.refused {
                self.wrong.push(format!("refused: {}", sent.refused));
            }
            return std::mem::take(&mut self.wrong);
        }
        let whole = raw_json(recorded);
        let recorded = whole.as_ref().unwrap_or(recorded);
        let status = status.unwrap_or(200);
        if status != u64::from(sent.status) {
            self.wrong
                .push(format!("HTTP status {} instead of {status}", sent.status));
        }
        if recorded.get("_raw_body").is_some() {
            if sent.body.is_some() {
                self.wrong.push("JSON instead of a page".into());
            }
            return std::mem::take(&mut self.wrong);
        }
        let Some(ours) = &sent.body else {
            self.wrong.push("a page instead of JSON".into());
            return std::mem::take(&mut self.wrong);
        };
        if recorded.get("jsonrpc").is_some() {
            self.envelope(recorded, ours);
        } else if status >= 400 {
            self.error(recorded, ours);
        } else {
            self.result(recorded, ours);
        }
        std::mem::take(&mut self.wrong)
    }

    fn envelope(&mut self, recorded: &Value, ours: &Value) {
        let kinds = |v: &Value| (v.get("result").is_some(), v.get("error").is_some());
        if kinds(recorded) != kinds(ours) {
            self.wrong
                .push(format!("answered {} instead of {}", brief(ours), brief(recorded)));
            return;
        }
        if let (Some(a), Some(b)) = (recorded.get("error"), ours.get("error")) {
            if a["code"] != b["code"] {
                self.wrong
                    .push(format!("error code {} instead of {}", b["code"], a["code"]));
            }
            self.error(&a["data"], &b["data"]);
        }
        if let (Some(a), Some(b)) = (recorded.get("result"), ours.get("result")) {
            self.result(a, b);
        }
    }

    fn error(&mut self, recorded: &Value, ours: &Value) {
        if recorded["name"] != ours["name"] {
            self.wrong
                .push(format!("{} instead of {}", brief(ours), brief(recorded)));
        }
        // a large answer was kept as text, which may end before these
        if recorded.get("message").is_none() {
            return;
        }
        for key in ["message", "arguments", "context"] {
            if recorded.get(key).is_some() != ours.get(key).is_some() {
                self.wrong.push(format!("error without or with {key}"));
            }
        }
    }

    fn result(&mut self, recorded: &Value, ours: &Value) {
        let model = self.model.clone();
        match self.method.as_str() {
            // users have other numbers on another server
            "login" | "authenticate" => self.kind("result", recorded, ours),
            "create" | "search" => self.learn(&model, recorded, ours, "result"),
            "load" => {
                self.learn(&model, &recorded["ids"], &ours["ids"], "ids");
                self.same("", &strip(recorded, "ids"), &strip(ours, "ids"), &model);
            }
            "get_external_id" => {
                let texts = |v: &Value| -> Vec<Value> {
                    v.as_object().into_iter().flat_map(Map::values).cloned().collect()
                };
                if texts(recorded) != texts(ours) {
                    self.wrong.push(format!("{ours} instead of {recorded}"));
                }
            }
            // how many records a whole table has is the server's own affair
            "search_count" if model == "res.partner" => self.kind("result", recorded, ours),
            _ => self.same("", recorded, ours, &model),
        }
    }

    /// Takes ids of one answer as meaning those of the other; both must be there, in the same number.
    fn learn(&mut self, model: &str, recorded: &Value, ours: &Value, at: &str) {
        match (recorded, ours) {
            (Value::Number(a), Value::Number(b)) => {
                if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
                    match self.ids.get(model, a) {
                        Some(known) if known != b => {
                            self.wrong
                                .push(format!("{at}: {model} {b} instead of {known} (recorded {a})"));
                        }
                        Some(_) => {}
                        None => self.ids.learn(model, a, b),
                    }
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (a, b) in a.iter().zip(b) {
                    self.learn(model, a, b, at);
                }
            }
            (a, b) if a == b => {}
            (a, b) => self
                .wrong
                .push(format!("{at}: {} instead of {}", brief(b), brief(a))),
        }
    }

    fn kind(&mut self, at: &str, recorded: &Value, ours: &Value) {
        if std::mem::discriminant(recorded) != std::mem::discriminant(ours) {
            self.wrong
                .push(format!("{at}: {} instead of {}", brief(ours), brief(recorded)));
        }
    }

    fn same(&mut self, at: &str, recorded: &Value, ours: &Value, model: &str) {
        let field = at.rsplit('.').next().unwrap_or("");
        if SCREEN.contains(&field) && !(field == "domain" && at.is_empty()) {
            return self.kind(at, recorded, ours);
        }
        if let Some(other) = relation(model, field).filter(|_| !at.contains("messages")) {
            return self.related(at, other, recorded, ours);
        }
        match (recorded, ours) {
            (Value::Object(a), Value::Object(b)) => self.objects(at, a, b, model),
            (Value::Array(a), Value::Array(b)) => {
                if a.len() != b.len() {
                    self.wrong.push(format!(
                        "{at}: {} items instead of {}: {}",
                        b.len(),
                        a.len(),
                        brief(ours)
                    ));
                }
                for (a, b) in a.iter().zip(b) {
                    self.same(at, a, b, model);
                }
            }
            (Value::String(a), Value::String(b)) if field == "write_date" => self.ids.learn_time(a, b),
            (a, b) if OWN.contains(&field) => self.kind(at, a, b),
            (Value::String(a), Value::String(b)) if a.len() == 19 && b.len() == 19 => {}
            // a text with the name of another entry in it
            (Value::String(a), Value::String(b)) if field == "ref" && a.starts_with("Reversal of: ") => {
                let plain = |s: &str| s.replace(|c: char| c.is_ascii_digit(), "");
                if plain(a) != plain(b) {
                    self.wrong.push(format!("{at}: {b} instead of {a}"));
                }
            }
            (Value::Number(a), Value::Number(b)) if a.as_f64() != b.as_f64() => {
                self.wrong.push(format!("{at}: {b} instead of {a}"));
            }
            (Value::Number(_), Value::Number(_)) => {}
            (a, b) if a != b => self
                .wrong
                .push(format!("{at}: {} instead of {}", brief(b), brief(a))),
            _ => {}
        }
    }

    fn objects(&mut self, at: &str, recorded: &Map<String, Value>, ours: &Map<String, Value>, model: &str) {
        for key in recorded.keys().filter(|k| !ours.contains_key(*k)) {
            self.wrong.push(format!("{at}: lacks {key}"));
        }
        for key in ours.keys().filter(|k| !recorded.contains_key(*k)) {
            self.wrong.push(format!("{at}: has {key}"));
        }
        let shown = recorded
            .get("res_model")
            .and_then(Value::as_str)
            .unwrap_or(model)
            .to_owned();
        for (key, a) in recorded {
            let Some(b) = ours.get(key) else { continue };
            let at = format!("{at}.{key}");
            match key.as_str() {
                "id" if recorded.contains_key("type") => {}
                "id" => self.learn(model, a, b, &at),
                "res_id" if recorded.contains_key("res_model") => self.learn(&shown, a, b, &at),
                "res_id" if recorded.contains_key("module") => self.kind(&at, a, b),
                _ => self.same(&at, a, b, model),
            }
        }
    }

    /// A many2one as `[id, name]`, or a list of ids.
    fn related(&mut self, at: &str, model: &str, recorded: &Value, ours: &Value) {
        match (
            recorded.as_array().map(Vec::as_slice),
            ours.as_array().map(Vec::as_slice),
        ) {
            (Some([a, Value::String(_)]), Some([b, Value::String(_)])) => self.learn(model, a, b, at),
            _ => self.learn(model, recorded, ours, at),
        }
    }
}

/// A body that was kept as text, as JSON: one in XML, or a large one of which the traceback was cut off.
fn raw_json(recorded: &Value) -> Option<Value> {
    let text = recorded.get("_raw_body")?.as_str()?;
    if let Some(answer) = xml::answer(text) {
        return Some(answer);
    }
    if !text.starts_with('{') {
        return None;
    }
    ["", "\"}}}", "\"}"]
        .iter()
        .find_map(|end| serde_json::from_str(&format!("{text}{end}")).ok())
}

fn strip(value: &Value, key: &str) -> Value {
    let mut value = value.clone();
    if let Some(map) = value.as_object_mut() {
        map.remove(key);
    }
    value
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    text.chars().take(220).collect()
}
