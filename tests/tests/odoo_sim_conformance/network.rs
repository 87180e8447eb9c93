//! What happened to connections and servers between recorded steps: clients that hang up, and a server that is down.

use super::lab::Lab;
use serde_json::{Value, json};
use std::time::Duration;
use tillwire_e2e::odoo_sim::Role;
use tokio::io::AsyncWriteExt;

impl Lab {
    /// Brings the network into the state in which the step was recorded.
    pub(crate) async fn network(&self, name: &str, step: &Value) {
        let note = step["note"].as_str().unwrap_or("");
        match (name.get(..3).unwrap_or(""), note) {
            ("b18", _) => self.hang_up(step).await,
            ("h10", "server down" | "after shutdown") => self.sim.stop().await,
            ("h10", "first normal call after start") => self.sim.start_again().await.unwrap(),
            _ => {}
        }
    }

    /// Sends the request that the step looks for, and closes the connection: after the whole of it, or in the middle.
    async fn hang_up(&self, step: &Value) {
        let reference = step["rpc"]["args"][5][0][0][2].clone();
        let ids = self.sim.ids();
        let vals = json!({ "ref": reference, "journal_id": ids.journal_misc, "line_ids": [
            [0, 0, { "account_id": ids.accounts.cash, "debit": 1 }],
            [0, 0, { "account_id": ids.accounts.income, "credit": 1 }]
        ] });
        let args = json!([
            self.sim.db(),
            2,
            self.sim.key_of(Role::Admin),
            "account.move",
            "create",
            [vals],
            {}
        ]);
        let body = json!({ "jsonrpc": "2.0", "method": "call", "id": 1,
            "params": { "service": "object", "method": "execute_kw", "args": args } })
        .to_string();
        let head = format!(
            "POST /jsonrpc HTTP/1.1\r\nHost: odoo\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let short = step["note"]
            .as_str()
            .is_some_and(|n| n.starts_with("body cut short"));
        let sent = if short { body.len() / 2 } else { body.len() };
        let address = self.sim.url().replace("http://", "");
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body.as_bytes()[..sent]).await.unwrap();
        if step["note"].as_str().is_some_and(|n| n.contains("0.05s")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(stream);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
