//! Recorded requests on their way to the simulator: users, keys and ids are put into its own.

use super::lab::Lab;
use super::xml;
use serde_json::{Map, Value, json};
use tillwire_e2e::odoo_sim::Role;

/// What came back.
pub(crate) struct Sent {
    pub(crate) status: u16,
    /// `None` when it was not JSON.
    pub(crate) body: Option<Value>,
    /// Whether there was no answer at all, because nobody listened.
    pub(crate) refused: bool,
}

/// A body of which the recording keeps the size alone: a search for a name of so many letters.
fn of_size(summary: &str, rpc: bool, secret: &str, db: &str) -> String {
    let mib: usize = summary.split(' ').next().and_then(|n| n.parse().ok()).unwrap();
    let domain = json!([["name", "=", "x".repeat(mib << 20)]]);
    if rpc {
        let args = json!([db, 2, secret, "res.partner", "search_count", [domain], {}]);
        json!({ "jsonrpc": "2.0", "method": "call", "id": 1,
            "params": { "service": "object", "method": "execute_kw", "args": args } })
        .to_string()
    } else {
        json!({ "domain": domain }).to_string()
    }
}

impl Lab {
    /// Sends the recorded request of a step.
    pub(crate) async fn send(&self, step: &Value) -> Sent {
        let request = match step.get("rpc") {
            Some(rpc) => {
                let body = json!({ "jsonrpc": "2.0", "method": "call", "id": 1, "params": self.rpc(rpc) });
                self.http
                    .post(format!("{}/jsonrpc", self.sim.url()))
                    .header("content-type", "application/json")
                    .body(body.to_string())
            }
            None => self.plain(&step["http"]),
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                assert!(error.is_connect(), "{error:?}");
                return Sent {
                    status: 0,
                    body: None,
                    refused: true,
                };
            }
        };
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        Sent {
            status,
            body: serde_json::from_str(&text).ok().or_else(|| xml::answer(&text)),
            refused: false,
        }
    }

    fn plain(&self, http: &Value) -> reqwest::RequestBuilder {
        let path = http["url"]
            .as_str()
            .unwrap()
            .trim_start_matches("http://ODOO")
            .to_owned();
        let url = format!("{}{path}", self.sim.url());
        let mut request = if http["http_method"] == "GET" {
            self.http.get(url)
        } else {
            self.http.post(url)
        };
        let headers = http["headers"].as_object().cloned().unwrap_or_default();
        let kind = headers
            .get("Content-Type")
            .and_then(Value::as_str)
            .unwrap_or("application/json")
            .to_owned();
        for (name, value) in headers.iter().filter(|(name, _)| *name != "Content-Type") {
            request = request.header(name, self.secret(value.as_str().unwrap_or("")));
        }
        let params = &http["params"];
        if let Some(summary) = params.get("_summary").and_then(Value::as_str) {
            let key = self.sim.key_of(Role::Admin);
            let body = of_size(summary, path == "/jsonrpc", &key, self.sim.db());
            return request
                .header("content-type", kind)
                .header("authorization", format!("bearer {key}"))
                .body(body);
        }
        let body = match params.get("_raw_body").and_then(Value::as_str) {
            Some(raw) if path.starts_with("/xmlrpc/") => xml::body(&self.rpc(&xml::call(&path, raw))),
            Some(raw) => raw.to_owned(),
            None if params.is_null() => return request,
            None => match path.strip_prefix("/json/2/").and_then(|p| p.split_once('/')) {
                Some((model, _)) => self.named(model, params).to_string(),
                None => params.to_string(),
            },
        };
        request.header("content-type", kind).body(body)
    }

    /// Named arguments of JSON-2.
    fn named(&self, model: &str, params: &Value) -> Value {
        let Some(map) = params.as_object() else {
            return params.clone();
        };
        let put = |(name, value): (&String, &Value)| {
            let value = match name.as_str() {
                "ids" => self.ids.value(model, value),
                "vals_list" | "vals" => self.ids.vals(model, value),
                "domain" => self.ids.domain(model, value),
                "data" => self.ids.rows(model, &params["fields"], value),
                "context" => self.ids.context(value),
                _ => value.clone(),
            };
            (name.clone(), value)
        };
        Value::Object(map.iter().map(put).collect::<Map<_, _>>())
    }

    /// `service`, `method` and `args`, with users, keys and ids of the simulator.
    fn rpc(&self, rpc: &Value) -> Value {
        let mut rpc = rpc.clone();
        let db = format!("odoo{}", self.sim.version().major());
        let mut args = rpc["args"].as_array().cloned().unwrap_or_default();
        if let Some(first) = args.first_mut().filter(|f| **f == json!(db)) {
            *first = self.sim.db().into();
        }
        if rpc["method"] == "execute_kw" {
            let user = match args[2].as_str().unwrap_or("") {
                "<API_KEY:posbridge>" => 3,
                "<API_KEY:readonly>" => 4,
                _ => 2,
            };
            if args[1] != 999 {
                args[1] = user.into();
            }
            let (model, method) = (
                args[3].as_str().unwrap().to_owned(),
                args[4].as_str().unwrap().to_owned(),
            );
            args[5] = self.positional(&model, &method, &args[5]);
            if let Some(context) = args.get(6).and_then(|k| k.get("context")).cloned() {
                args[6]["context"] = self.ids.context(&context);
            }
        }
        for arg in args.iter_mut().take(3) {
            if let Some(text) = arg.as_str() {
                *arg = self.secret(text).into();
            }
        }
        rpc["args"] = Value::Array(args);
        rpc
    }

    fn positional(&self, model: &str, method: &str, list: &Value) -> Value {
        let mut list = list.as_array().cloned().unwrap_or_default();
        match method {
            "create" => list[0] = self.ids.vals(model, &list[0]),
            "load" => list[1] = self.ids.rows(model, &list[0].clone(), &list[1]),
            "search" | "search_read" | "search_count" | "read_group" | "formatted_read_group" => {
                list[0] = self.ids.domain(model, &list[0]);
            }
            _ if model == "nope.model" || method.starts_with("no_such") || list.is_empty() => {}
            _ => {
                list[0] = self.ids.value(model, &list[0]);
                match method {
                    "write" => list[1] = self.ids.vals(model, &list[1]),
                    "js_assign_outstanding_line" => {
                        list[1] = self.ids.value("account.move.line", &list[1]);
                    }
                    _ => {}
                }
            }
        }
        Value::Array(list)
    }

    fn secret(&self, text: &str) -> String {
        text.replace("<API_KEY:admin>", &self.sim.key_of(Role::Admin))
            .replace("<API_KEY:posbridge>", &self.sim.key_of(Role::Poster))
            .replace("<API_KEY:readonly>", &self.sim.key_of(Role::Reader))
            .replace("<PASSWORD>", &self.sim.password_of(Role::Admin))
    }
}
