//! What a scenario stands on: a company of a server, its codes, and numbers that nobody used before.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};
use tillwire_proto::BusinessDay;
use tillwire_relay::odoo::{Client, Endpoint, Secret};
use tillwire_relay_core::settings::{StoreDraft, StoreSettings};

use crate::records::Company;
use crate::server::{Login, Server};

/// One company of one server. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) server: Arc<Server>,
    pub(crate) company: Arc<Company>,
    /// Another company of the server, where it has one.
    pub(crate) neighbour: Option<Arc<Company>>,
    /// What the running scenario noted.
    pub(crate) notes: Arc<Mutex<Vec<String>>>,
}

impl Deref for Ground {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Ground {
    /// Something that this version does in its own way, for the report.
    pub(crate) fn note(&self, words: &str) {
        self.notes.lock().unwrap().push(words.to_owned());
    }

    /// The relay's client as the integration user, straight to the server.
    pub(crate) fn client(&self) -> Client {
        self.client_of(&self.poster, &self.url)
    }

    /// The relay's client as anybody, by any address (such as a [`crate::line::Line`]'s).
    pub(crate) fn client_of(&self, who: &Login, url: &str) -> Client {
        // one provider for the process; a second installation is a no-op
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let endpoint = Endpoint::new(url, &self.db, &who.login, Secret::new(&who.key)).unwrap();
        Client::new(endpoint, None).unwrap()
    }

    /// A store of the company as a configuration file describes it; change it before `check()`.
    pub(crate) fn draft(&self) -> StoreDraft {
        Self::draft_in(&self.company, "a")
    }

    /// A store of any company.
    pub(crate) fn draft_in(company: &Company, store: &str) -> StoreDraft {
        let text = json!({
            "tenant": "acme", "store": format!("c{}-{store}", company.id), "time_zone": "America/Chicago",
            "currency": company.currency, "registers": ["till-1"],
            "odoo": { "company": company.name, "journal": company.journal, "warehouse": company.warehouse,
                "accounts": { "revenue": company.revenue, "tender": { "cash": company.cash } } },
        });
        serde_json::from_value(text).unwrap()
    }

    /// The store, checked.
    pub(crate) fn settings(&self) -> StoreSettings {
        self.draft().check().unwrap()
    }

    /// The business day of most scenarios. Scenarios that lock a period use days of their own, long before.
    pub(crate) fn day(&self) -> BusinessDay {
        BusinessDay::new(2026, 11, 20).unwrap()
    }

    /// The first of sixteen numbers that no earlier run used, nor another scenario of this one.
    pub(crate) fn fresh(&self) -> u32 {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        run_number() * 4096 + 16 * TAKEN.fetch_add(1, Ordering::Relaxed)
    }

    /// The same server from another company.
    pub(crate) fn in_company(&self, company: &Arc<Company>) -> Self {
        Self {
            company: Arc::clone(company),
            ..self.clone()
        }
    }

    /// Reads records of the company with every right.
    pub(crate) async fn read(&self, model: &str, domain: Value, fields: &[&str]) -> Vec<Value> {
        let named = json!({ "fields": fields, "order": "id", "context": self.company.context() });
        let rows = self
            .admin
            .call(model, "search_read", json!([domain]), named)
            .await
            .unwrap();
        rows.as_array().unwrap().clone()
    }

    /// A person with every right works in the company.
    pub(crate) async fn person(&self, model: &str, method: &str, args: Value) -> anyhow::Result<Value> {
        let named = json!({ "context": self.company.context() });
        self.admin.call(model, method, args, named).await
    }
}

/// Differs from one run to the next; below a million.
pub(crate) fn run_number() -> u32 {
    static RUN: OnceLock<u32> = OnceLock::new();
    *RUN.get_or_init(|| u32::try_from(jiff::Timestamp::now().as_second() % 1_000_000).unwrap())
}
