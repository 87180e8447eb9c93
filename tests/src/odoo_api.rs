//! Odoo as anyone may use it from outside: JSON-RPC with a login and an API key. The checker and the preparation of a
//! demo company speak to the simulator and to a real server through this alone, and share nothing with the relay.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

/// A signed-in user.
#[derive(Debug, Clone)]
pub struct OdooApi {
    http: reqwest::Client,
    url: String,
    db: String,
    key: String,
    uid: i64,
    /// The server's major version.
    pub major: i64,
}

impl OdooApi {
    /// Signs in.
    ///
    /// # Errors
    /// When the server is not there, or login and key do not fit.
    pub async fn sign_in(url: &str, db: &str, login: &str, key: &str) -> anyhow::Result<Self> {
        // one provider for the process; a second installation is a no-op
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .timeout(Duration::from_secs(150))
            .pool_max_idle_per_host(0);
        if url.contains("127.0.0.1") || url.contains("localhost") {
            http = http.no_proxy();
        }
        let mut api = Self {
            http: http.build().context("set up HTTP")?,
            url: url.trim_end_matches('/').to_owned(),
            db: db.to_owned(),
            key: key.to_owned(),
            uid: 0,
            major: 0,
        };
        let version = api.rpc("common", "version", json!([])).await?;
        api.major = version["server_version_info"][0].as_i64().unwrap_or(0);
        let uid = api.rpc("common", "login", json!([db, login, key])).await?;
        api.uid = uid.as_i64().with_context(|| {
            format!("{url} does not know login {login:?} with this key in database {db:?}")
        })?;
        Ok(api)
    }

    /// What the server calls its version, such as `18.0-20250506`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn version(&self) -> anyhow::Result<String> {
        let version = self.rpc("common", "version", json!([])).await?;
        Ok(version["server_version"].as_str().unwrap_or_default().to_owned())
    }

    /// Calls a method. What it returns, or `null` for a method that returns nothing.
    ///
    /// # Errors
    /// Odoo's own words.
    pub async fn call(&self, model: &str, method: &str, args: Value, named: Value) -> anyhow::Result<Value> {
        let args = json!([self.db, self.uid, self.key, model, method, args, named]);
        let answer = self.rpc("object", "execute_kw", args).await;
        answer.with_context(|| format!("{model}.{method}"))
    }

    /// Reads records by a domain.
    ///
    /// # Errors
    /// Odoo's own words.
    pub async fn search(&self, model: &str, domain: Value, fields: &[&str]) -> anyhow::Result<Vec<Value>> {
        let named = json!({ "fields": fields, "order": "id", "context": { "active_test": false } });
        let rows = self.call(model, "search_read", json!([domain]), named).await?;
        match rows {
            Value::Array(rows) => Ok(rows),
            other => bail!("{model}.search_read answered {other}, wanted a list"),
        }
    }

    /// Creates records that are not there yet, by external id, in one transaction; the ids in row order.
    ///
    /// # Errors
    /// Odoo's own words.
    pub async fn load(&self, model: &str, columns: &[&str], rows: &[Vec<Value>]) -> anyhow::Result<Vec<i64>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let named = json!({ "context": { "mode": "update", "noupdate": true } });
        let answer = self.call(model, "load", json!([columns, rows]), named).await?;
        let ids = answer["ids"]
            .as_array()
            .map(|ids| ids.iter().filter_map(Value::as_i64).collect());
        let ids: Vec<i64> = ids.with_context(|| format!("{model}.load said {}", answer["messages"]))?;
        Ok(ids)
    }

    async fn rpc(&self, service: &str, method: &str, args: Value) -> anyhow::Result<Value> {
        let body = json!({ "jsonrpc": "2.0", "method": "call", "id": 1,
            "params": { "service": service, "method": method, "args": args } });
        let url = format!("{}/jsonrpc", self.url);
        let answer = self
            .http
            .post(&url)
            .json(&body)
            .send()
            .await
            .with_context(|| format!("call {url}"))?;
        let status = answer.status();
        let answer: Value = answer
            .json()
            .await
            .with_context(|| format!("read the answer ({status}) of {url}"))?;
        if let Some(error) = answer.get("error") {
            bail!("{}: {}", error["data"]["name"], error["data"]["message"]);
        }
        Ok(answer["result"].clone())
    }
}

/// The id in a many-to-one value `[id, "name"]`.
#[must_use]
pub fn id_of(value: &Value) -> Option<i64> {
    value[0].as_i64()
}

/// A decimal that Odoo sends as a JSON number, in whole cents (`scale` 2) or millionths (`scale` 6). Odoo's own
/// numbers are binary floats; below 2^53 the nearest decimal is the one that was meant.
#[must_use]
pub fn exact(value: &Value, scale: usize) -> i64 {
    let text = format!("{:.scale$}", value.as_f64().unwrap_or(0.0));
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    digits.parse().unwrap_or(0)
}
