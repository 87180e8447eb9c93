//! A plain client: one call, one answer or none.

use serde_json::{Value, json};
use std::time::Duration;
use tillwire_e2e::odoo_sim::{OdooSim, OdooVersion};

/// Speaks `/jsonrpc` as the integration user.
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) db: String,
    pub(crate) key: String,
    pub(crate) uid: i64,
}

impl Client {
    pub(crate) fn new(sim: &OdooSim) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .build()
            .unwrap();
        Self {
            http,
            url: sim.url(),
            db: sim.db().into(),
            key: sim.key(),
            uid: 3,
        }
    }

    pub(crate) async fn post(&self, body: &Value) -> Result<(u16, Value), reqwest::Error> {
        let response = self
            .http
            .post(format!("{}/jsonrpc", self.url))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    pub(crate) async fn call(
        &self,
        model: &str,
        method: &str,
        args: Value,
        kwargs: Value,
    ) -> Result<(u16, Value), reqwest::Error> {
        let args = json!([self.db, self.uid, self.key, model, method, args, kwargs]);
        self.post(&json!({ "jsonrpc": "2.0", "method": "call", "id": 1,
            "params": { "service": "object", "method": "execute_kw", "args": args } }))
            .await
    }

    pub(crate) async fn load_entry(&self, sim: &OdooSim, xid: &str) -> Result<(u16, Value), reqwest::Error> {
        let ids = sim.ids();
        let fields = json!([
            "id",
            "ref",
            "date",
            "journal_id/.id",
            "move_type",
            "line_ids/account_id/.id",
            "line_ids/name",
            "line_ids/debit",
            "line_ids/credit"
        ]);
        let rows = json!([
            [
                xid,
                xid,
                "2026-11-20",
                ids.journal_misc,
                "entry",
                ids.accounts.cash,
                "cash",
                "10.50",
                "0"
            ],
            ["", "", "", "", "", ids.accounts.income, "sales", "0", "10.50"]
        ]);
        self.call(
            "account.move",
            "load",
            json!([fields, rows]),
            json!({ "context": { "mode": "update", "noupdate": true } }),
        )
        .await
    }
}

/// A simulator with a client of its own.
pub(crate) async fn started(version: OdooVersion) -> (OdooSim, Client) {
    let sim = OdooSim::builder(version).seed(7).start().await.unwrap();
    let client = Client::new(&sim);
    (sim, client)
}
