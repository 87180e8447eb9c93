//! A store of the relay between a till that only counts and an Odoo.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;
use tillwire_e2e::odoo_api::{OdooApi, exact};
use tillwire_e2e::odoo_sim::{OdooSim, OdooVersion, Role};
use tillwire_proto::{BusinessDay, Code, Quantity, Sku, TicketNumber, Unit};
use tillwire_relay::clock::Clock;
use tillwire_relay::jobs::link::{Company, Link};
use tillwire_relay::jobs::post::{Poster, Turn};
use tillwire_relay::jobs::stock;
use tillwire_relay::odoo::{Client, Endpoint, Secret};
use tillwire_relay::store::effects::{self, Effects, NewEffect, StoredEffect};
use tillwire_relay::store::{Store, StoreOptions};
use tillwire_relay_core::odoo::{Effect, EffectState, Payload, Picking};
use tillwire_relay_core::settings::{StoreDraft, StoreSettings};
use tillwire_relay_core::stock::{
    Goods, StockDelta, StockItem, StockLot, StockRules, StockTarget, delta, differing, moved,
};

/// Where an Odoo is, and whose keys open it.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) db: String,
    pub(crate) login: String,
    pub(crate) key: String,
}

impl Place {
    pub(crate) fn of(sim: &OdooSim) -> Self {
        Self {
            url: sim.url(),
            db: sim.db().to_owned(),
            login: sim.login_of(Role::Admin),
            key: sim.key_of(Role::Admin),
        }
    }

    /// A real server, by the environment.
    pub(crate) fn real() -> Self {
        let var = |name: &str| {
            std::env::var(format!("TILLWIRE_ODOO_{name}")).unwrap_or_else(|_| panic!("set {name}"))
        };
        Self {
            url: var("URL"),
            db: var("DB"),
            login: std::env::var("TILLWIRE_ODOO_LOGIN").unwrap_or_else(|_| "admin".to_owned()),
            key: var("KEY"),
        }
    }
}

pub(crate) async fn simulated(version: OdooVersion) -> (OdooSim, Shop) {
    let sim = OdooSim::builder(version).mrp().start().await.unwrap();
    let shop = Shop::at(&Place::of(&sim)).await;
    (sim, shop)
}

/// Item, lot or serial number, how many.
pub(crate) type Sold<'a> = (&'a str, Option<&'a str>, &'a str);

pub(crate) struct Shop {
    pub(crate) api: OdooApi,
    pub(crate) store: Store,
    pub(crate) link: Arc<Link>,
    pub(crate) settings: StoreSettings,
    /// The warehouse's stock.
    pub(crate) stock: i64,
    /// What tells this run's products from those of others.
    tag: String,
    target: StockTarget,
    place: Place,
    _dir: TempDir,
}

/// What every shop of this process is told apart by.
fn tag() -> String {
    static SHOPS: AtomicU64 = AtomicU64::new(0);
    let seconds = Clock::system().now_ms() / 1_000 % 10_000_000;
    format!("{seconds}x{}", SHOPS.fetch_add(1, Ordering::Relaxed))
}

fn settings(company: &str, warehouse: &str, tag: &str, journal: &str, account: &str) -> StoreSettings {
    let text = format!(
        r#"
        tenant = "acme"
        store = "st-{tag}"
        time_zone = "America/Chicago"
        registers = ["till-1"]
        [odoo]
        company = "{company}"
        journal = "{journal}"
        warehouse = "{warehouse}"
        [odoo.accounts]
        revenue = "{account}"
        tender = {{ cash = "{account}" }}
        "#
    );
    toml::from_str::<StoreDraft>(&text).unwrap().check().unwrap()
}

impl Shop {
    pub(crate) async fn at(place: &Place) -> Self {
        let api = OdooApi::sign_in(&place.url, &place.db, &place.login, &place.key)
            .await
            .unwrap();
        let houses = api
            .search(
                "stock.warehouse",
                json!([]),
                &["code", "company_id", "lot_stock_id"],
            )
            .await
            .unwrap();
        let (house, stock) = (&houses[0], houses[0]["lot_stock_id"][0].as_i64().unwrap());
        let company = json!([
            ["company_id", "=", house["company_id"][0]],
            ["type", "=", "general"]
        ]);
        let journals = api.search("account.journal", company, &["code"]).await.unwrap();
        let accounts = api
            .search(
                "account.account",
                json!([["account_type", "=", "income"]]),
                &["code"],
            )
            .await
            .unwrap();
        let tag = tag();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let settings = settings(
            &text(&house["company_id"][1]),
            &text(&house["code"]),
            &tag,
            &text(&journals[0]["code"]),
            &text(&accounts[0]["code"]),
        );
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions::at(dir.path().join("relay.db"))).unwrap();
        let link = link(place, &settings, &store);
        let place = Place {
            url: place.url.clone(),
            db: place.db.clone(),
            login: place.login.clone(),
            key: place.key.clone(),
        };
        Self {
            api,
            store,
            link,
            settings,
            stock,
            tag,
            target: StockTarget::default(),
            place,
            _dir: dir,
        }
    }

    /// A second relay on the same company, over the same database.
    pub(crate) fn second_link(&self) -> Arc<Link> {
        link(&self.place, &self.settings, &self.store)
    }

    pub(crate) fn named(&self, name: &str) -> String {
        format!("{name}-{}", self.tag)
    }

    pub(crate) fn sku(&self, name: &str) -> Sku {
        Sku::new(&self.named(name)).unwrap()
    }

    async fn create(&self, model: &str, vals: Value) -> i64 {
        let made = self
            .api
            .call(model, "create", json!([vals]), json!({}))
            .await
            .unwrap();
        made.as_i64().unwrap()
    }

    /// A storable product, with what else is to be said of it.
    pub(crate) async fn product(&self, name: &str, more: Value) -> i64 {
        let mut vals =
            json!({ "name": name, "default_code": self.named(name), "type": "consu", "is_storable": true });
        if self.api.major == 17 {
            vals = json!({ "name": name, "default_code": self.named(name), "type": "product", "detailed_type": "product" });
        }
        let vals = vals.as_object_mut().unwrap();
        vals.extend(more.as_object().cloned().unwrap_or_default());
        self.create("product.product", json!(vals)).await
    }

    /// Something that cannot be moved.
    pub(crate) async fn service(&self, name: &str) -> i64 {
        let kind = if self.api.major == 17 {
            "detailed_type"
        } else {
            "type"
        };
        let vals = json!({ "name": name, "default_code": self.named(name), kind: "service" });
        self.create("product.product", vals).await
    }

    /// A kit: so many of each part for one.
    pub(crate) async fn kit(&self, name: &str, parts: &[(i64, i64)]) -> i64 {
        let kit = self.product(name, json!({})).await;
        let fields = ["product_tmpl_id", "uom_id"];
        let row = &self
            .api
            .search("product.product", json!([["id", "=", kit]]), &fields)
            .await
            .unwrap()[0];
        let unit = row["uom_id"][0].clone();
        let line = |(part, count): &(i64, i64)| json!([0, 0, { "product_id": part, "product_qty": count, "product_uom_id": unit }]);
        let lines: Vec<Value> = parts.iter().map(line).collect();
        let bill = json!({ "product_tmpl_id": row["product_tmpl_id"][0], "type": "phantom", "product_qty": 1,
                           "product_uom_id": unit, "bom_line_ids": lines });
        self.create("mrp.bom", bill).await;
        kit
    }

    pub(crate) async fn lot(&self, product: i64, name: &str) -> i64 {
        let house = &self
            .api
            .search("stock.warehouse", json!([]), &["company_id"])
            .await
            .unwrap()[0];
        let vals = json!({ "name": name, "product_id": product, "company_id": house["company_id"][0] });
        self.create("stock.lot", vals).await
    }

    /// A person counts the shelf.
    pub(crate) async fn count(&self, product: i64, lot: Option<i64>, quantity: i64) {
        let vals = json!({ "product_id": product, "location_id": self.stock, "lot_id": lot.map_or(json!(false), |lot| json!(lot)),
                           "inventory_quantity": quantity });
        let named = json!({ "context": { "inventory_mode": true } });
        let quant = self
            .api
            .call("stock.quant", "create", json!([vals]), named)
            .await
            .unwrap();
        self.api
            .call(
                "stock.quant",
                "action_apply_inventory",
                json!([[quant]]),
                json!({}),
            )
            .await
            .unwrap();
    }

    /// What the store's shelf holds, in whole units.
    pub(crate) async fn on_hand(&self, product: i64) -> i64 {
        let domain = json!([["product_id", "=", product], ["location_id", "=", self.stock]]);
        let rows = self
            .api
            .search("stock.quant", domain, &["quantity"])
            .await
            .unwrap();
        rows.iter().map(|row| exact(&row["quantity"], 0)).sum()
    }

    /// The till sells; a minus takes back. Nothing moves yet.
    pub(crate) fn ring_up(&mut self, ticket: &str, sold: &[Sold<'_>]) {
        for (name, lot, quantity) in sold {
            let quantity = Quantity::parse(quantity, Unit::Each).unwrap();
            let zero = Quantity::each(0);
            let item = self
                .target
                .items
                .entry(Sku::new(&format!("{name}-{}", self.tag)).unwrap())
                .or_insert_with(|| StockItem {
                    quantity: zero,
                    lots: BTreeMap::new(),
                    records: Vec::new(),
                });
            item.quantity = item.quantity.checked_add(quantity).unwrap();
            let lot = item
                .lots
                .entry(lot.map(|lot| Code::new(lot).unwrap()))
                .or_insert_with(|| StockLot {
                    quantity: zero,
                    tickets: Vec::new(),
                });
            lot.quantity = lot.quantity.checked_add(quantity).unwrap();
            lot.tickets.push(TicketNumber::new(ticket).unwrap());
        }
    }

    pub(crate) async fn effects(&self) -> Vec<StoredEffect> {
        let (tenant, store) = (self.settings.tenant.clone(), self.settings.store.clone());
        self.store
            .read(move |db| effects::movements(db, &tenant, &store))
            .await
            .unwrap()
    }

    /// Intends what is left to move. Returns what is held.
    pub(crate) async fn intend(&self) -> StockDelta {
        let stored = self.effects().await;
        let pickings: Vec<&Picking> = stored.iter().filter_map(picking).collect();
        let moved = moved(pickings).unwrap();
        let mapping = self.settings.mapping_on(today());
        let rule = |sku: &Sku| mapping.product(sku).into();
        let open: BTreeSet<Goods> = differing(&self.target, &moved, &rule);
        let resolved = stock::resolve(&self.link, &self.settings.store, &open)
            .await
            .unwrap();
        let rules = StockRules {
            tenant: &self.settings.tenant,
            store: &self.settings.store,
            day: today(),
            item: &rule,
            below_zero: self.settings.below_zero,
        };
        let found = delta(&rules, &self.target, &moved, &resolved);
        for (batch, number) in found.batches.iter().zip(stored.len() as u64 + 1..) {
            let (tenant, store) = (&self.settings.tenant, &self.settings.store);
            let picking = batch.picking(tenant, store, today(), number);
            let new = NewEffect {
                effect: Effect::intend(Payload::Picking(picking)),
                company: self.link.company.lease(),
                tenant: tenant.clone(),
                store: store.clone(),
                day: Some(today()),
                batch: Some(number),
                source: "{}".into(),
            };
            let now_ms = self.link.now_ms();
            self.store
                .write(move |unit| effects::intend(unit, &new, now_ms))
                .await
                .unwrap();
        }
        found
    }

    /// Intends and moves everything that can be moved.
    pub(crate) async fn sell(&self) -> StockDelta {
        let found = self.intend().await;
        let mut poster = Poster::new(Arc::clone(&self.link), self.store.clone(), "one".into());
        for _ in 0..50 {
            match poster.turn().await.unwrap() {
                Turn::Worked => {}
                Turn::Idle { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        for stored in self.effects().await {
            assert_eq!(stored.effect.state, EffectState::Done, "{:?}", stored.effect);
        }
        Effects::of(self.store.clone())
            .next_due(&self.link.company.lease())
            .await
            .unwrap();
        found
    }
}

pub(crate) fn picking(stored: &StoredEffect) -> Option<&Picking> {
    match &stored.effect.payload {
        Payload::Picking(picking) => Some(picking),
        _ => None,
    }
}

/// Today by the clock: counts carry real moments.
pub(crate) fn today() -> BusinessDay {
    let at = jiff::Timestamp::from_millisecond(Clock::system().now_ms()).unwrap();
    at.to_zoned(jiff::tz::TimeZone::UTC).date().into()
}

fn link(place: &Place, settings: &StoreSettings, store: &Store) -> Arc<Link> {
    let endpoint = Endpoint::new(&place.url, &place.db, &place.login, Secret::new(&place.key)).unwrap();
    let client = Client::new(endpoint, None).unwrap();
    let company = Company::of([settings.clone()]).remove(0);
    Arc::new(Link::new(company, Arc::new(client), store.clone()))
}
