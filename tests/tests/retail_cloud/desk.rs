//! A relay's ingest on a store of its own, an account in the cloud, and what stands in it.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tillwire_e2e::relay_store::Held;
use tillwire_e2e::sims::retail_cloud::Account as Cloud;
use tillwire_proto::Fact;
use tillwire_relay::clock::Clock;
use tillwire_relay::cloud::poll::Problem;
use tillwire_relay::cloud::settings::AccountDraft;
use tillwire_relay::cloud::{Account, Poller};
use tillwire_relay::endpoint::{Delivery, DeviceRef, SendError};
use tillwire_relay::ingest::registry::Registry;
use tillwire_relay::ingest::signer::ReceiptSigner;
use tillwire_relay::ingest::{Down, RelayIngest};
use tillwire_relay::pki::Pki;
use tillwire_relay::store::{Store, StoreOptions};
use tillwire_relay_core::settings::{RelaySettings, StoreDraft};
use tokio::sync::Notify;

pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The register's station in the newer interface.
pub(super) const STATION: &str = "4c6b2c5e-0d3f-4c57-9d0b-0b1f6a7c2d11";

pub(super) struct NobodyListens;

impl Down for NobodyListens {
    fn send(&self, _: &DeviceRef, _: Bytes, _: Delivery) -> Result<(), SendError> {
        Ok(())
    }
}

/// A relay's ingest on a store of its own, and an account in the cloud.
pub(super) struct Desk {
    pub(super) dir: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) ingest: Arc<RelayIngest>,
    pub(super) pki: Pki,
    pub(super) cloud: Cloud,
    pub(super) account: Account,
    pub(super) wake: Arc<Notify>,
}

impl Desk {
    pub(super) async fn new() -> Self {
        Self::at(Clock::system()).await
    }

    /// One whose relay goes by this clock.
    pub(super) async fn at(clock: Clock) -> Self {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions {
            clock,
            ..StoreOptions::at(dir.path().join("relay.db"))
        })
        .unwrap();
        let pki = Pki::init(
            &dir.path().join("keys"),
            &["localhost".to_owned()],
            store.clock().now_ms(),
        )
        .unwrap();
        let draft: StoreDraft = serde_json::from_value(json!({ "tenant": "acme", "store": "s01",
            "time_zone": "America/Chicago", "registers": ["till-1"], "odoo": { "company": "A", "journal": "J",
            "warehouse": "W", "accounts": { "tender": { "cash": "1" }, "revenue": "4" } } }))
        .unwrap();
        let settings = Arc::new(RelaySettings::new([draft.check().unwrap()]).unwrap());
        let cloud = Cloud::new("good-token");
        let (address, _) = cloud.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (token, hook) = (dir.path().join("token"), dir.path().join("hook"));
        std::fs::write(&token, "good-token\n").unwrap();
        std::fs::write(&hook, SECRET).unwrap();
        let draft: AccountDraft = serde_json::from_value(json!({ "tenant": "acme", "url": format!("http://{address}"),
            "token_file": token, "hook_secret_file": hook, "store": [{ "store": "s01", "location_ids": ["100004"],
            "registers": { "till-1": ["100011", STATION] } }] }))
        .unwrap();
        let mut account = draft.check(&settings).unwrap();
        account.pace = std::time::Duration::ZERO;
        let registry = Registry::load(&store).await.unwrap();
        let signer = ReceiptSigner::new(pki.receipt_key());
        let ingest = RelayIngest::new(store.clone(), registry, settings, signer, NobodyListens);
        Self {
            dir,
            store,
            ingest: Arc::new(ingest),
            pki,
            cloud,
            account,
            wake: Arc::default(),
        }
    }

    pub(super) async fn poller(&self) -> Poller {
        let key = self.pki.cloud_key().unwrap();
        let wake = Arc::clone(&self.wake);
        Poller::open(self.account.clone(), &self.store, &self.ingest, &key, wake)
            .await
            .unwrap()
    }

    /// Number and revision of each ticket on record.
    pub(super) fn tickets(&self) -> Vec<(String, u32)> {
        let held = Held::read(&self.dir.path().join("relay.db")).unwrap();
        let told = held.observations().filter_map(|(_, _, told)| match told.fact {
            Fact::Transaction(transaction) => {
                Some((transaction.key.ticket.to_string(), transaction.key.revision))
            }
            _ => None,
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    }

    pub(super) fn facts(&self) -> Vec<Fact> {
        let held = Held::read(&self.dir.path().join("relay.db")).unwrap();
        held.observations().map(|(_, _, told)| told.fact).collect()
    }
}

/// A ticket of the account: one mug, paid in cash.
pub(super) fn ticket(id: u64, updated_at: &str) -> Value {
    json!({ "id": id, "uuid": format!("0f6c0d6e-7f0a-4f55-9a6c-{id:012x}"), "type": "Ticket",
        "public_id": id.to_string(), "status": "complete", "completed?": true, "voided?": false,
        "station_id": 100011, "source_location_id": 100004, "location_id": 100004, "customer_name": "",
        "original_subtotal": 10.0, "total_discounts": 0, "subtotal": 10.0, "total_tax": 0, "tax_total": 0,
        "total": 10.0, "total_paid": 10.0, "balance": 0, "created_at": updated_at, "updated_at": updated_at,
        "completed_at": updated_at, "local_completed_at": "2026-11-24T10:32:16", "custom": {},
        "lines": [{ "id": id * 10, "type": "ItemLine", "description": "Mug", "value": 10.0, "item_id": 5,
            "item_public_id": "MUG", "qty": 1, "original_unit_price": 10.0, "unit_price": 10.0,
            "adjusted_unit_price": null, "unit_cost": 4.0, "price_adjustments": [] }],
        "payments": [{ "id": id * 10 + 1, "type": "Payments::CashPayment", "description": "Cash", "deposit": true,
            "payment_type_id": 1, "status": "complete", "amount": 10.0, "completed_at": updated_at,
            "local_completed_at": "2026-11-24T10:32:16", "updated_at": updated_at }] })
}

/// An order of the account: the same mug.
pub(super) fn order(id: u64, created_at: &str) -> Value {
    json!({ "id": format!("0f6c0d6e-7f0a-4f55-9a6c-{id:012x}"), "createdAt": created_at, "updatedAt": created_at,
        "status": "COMPLETE", "orderNumber": id.to_string(), "subtotal": "10.00", "total": "10.00", "totalTax": "0.00",
        "amountPaid": "10.00", "amountDue": "0.00", "change": "0.00", "paymentStatus": "PAID", "refunds": [],
        "deposits": [{ "id": "p", "paymentType": { "name": "Cash", "description": "Cash" }, "amount": "10.00" }],
        "orderRequests": [{ "__typename": "OrderRequestInStore", "id": "r", "status": "COMPLETE", "taxes": [],
            "orderRequestNumber": format!("{id}-1"), "giftCardLines": { "nodes": [] }, "itemLines": { "nodes": [
            { "id": "l", "description": "Mug", "item": { "itemNumber": "MUG" }, "qty": 1, "unitPrice": "10.00",
              "finalUnitPrice": "10.00", "totalAtUnitPrice": "10.00" }] } }] })
}

/// So many minutes ago.
pub(super) fn ago(minutes: i64, seconds: i64) -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second() - minutes * 60 + seconds)
        .unwrap()
        .to_string()
}

pub(super) fn words(problem: &Problem) -> String {
    match problem {
        Problem::Account(words, _) => words.clone(),
        Problem::Here(error) => format!("here: {error:#}"),
    }
}
