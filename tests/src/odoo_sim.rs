//! An Odoo 17, 18 or 19 for tests: an HTTP server on the loopback interface that answers as recorded servers do, in the
//! parts that a poster of journal entries and stock moves needs, and that misbehaves on command.
//!
//! It keeps its data in memory, and every call is one transaction. It does not render pages, run Python, know languages
//! beyond one, post differences of exchange, or value stock. `tests/odoo_sim_conformance` replays recordings of real
//! servers against it, and names each step that is not compared.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use tillwire_e2e::odoo_sim::{Fault, OdooSim, OdooVersion, Target, When};
//! let sim = OdooSim::builder(OdooVersion::V18).start().await?;
//! let mug = sim.add_product("MUG", true, 100);
//! sim.faults().on(Target::new("account.move", "load"), When::Nth(1), Fault::CommitThenHangUp);
//! // a client under test works with sim.url(), sim.db(), sim.login() and sim.key()
//! assert_eq!(sim.snapshot().posted().count(), 0);
//! # let _ = mug;
//! # Ok(()) }
//! ```

mod access;
mod account_currency;
mod account_line;
mod account_move;
mod account_payment;
mod account_post;
mod account_reconcile;
mod account_register;
mod account_reverse;
mod account_sync;
mod account_tax;
mod account_totals;
mod company;
mod company_create;
mod compute;
mod convert;
mod db;
mod defaults;
mod dispatch;
mod domain;
mod env;
mod error;
mod faults;
mod groups;
mod hands;
mod json2;
mod jsonrpc;
mod load;
mod orm;
mod product;
mod read;
mod schema;
mod seed;
mod seed_chart;
mod seed_stock;
mod server;
mod snapshot;
mod state;
mod stock_kit;
mod stock_move;
mod stock_picking;
mod stock_quant;
mod stock_uom;
mod stock_validate;
mod stock_warehouse;
mod value;
mod version;
mod wire;

pub use access::Role;
pub use faults::{Fault, Faults, Fired, Target, When};
pub use hands::Hands;
pub use seed::{Accounts, SeedIds};
pub use snapshot::{LineView, MoveView, PickingView, QuantView, Snapshot, StockMoveView};
pub use state::CallRecord;
pub use version::OdooVersion;

use anyhow::{Context, anyhow};
use server::{Front, Order};
use state::{Inner, User};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use value::{In, MICRO, Val, Vals};
use wire::Place;

/// How a simulator is to be started.
#[derive(Debug)]
pub struct Builder {
    version: OdooVersion,
    db: String,
    start: Option<jiff::Timestamp>,
    seed: u64,
    role: Role,
    mrp: bool,
}

impl Builder {
    /// Name of the database; `odoo18` and so on unless given.
    #[must_use]
    pub fn db(mut self, name: &str) -> Self {
        name.clone_into(&mut self.db);
        self
    }

    /// The simulator's own time at its start; the machine's unless given. It runs on from there.
    #[must_use]
    pub fn now(mut self, start: jiff::Timestamp) -> Self {
        self.start = Some(start);
        self
    }

    /// Seed of every chance that faults take.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Whose login and key [`OdooSim::login`] and [`OdooSim::key`] give: the integration user's unless given.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// With the manufacturing app, which brings kits.
    #[must_use]
    pub fn mrp(mut self) -> Self {
        self.mrp = true;
        self
    }

    /// Starts listening on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is no free port, or the first records cannot be made.
    pub async fn start(self) -> anyhow::Result<OdooSim> {
        let inner = Arc::new(Inner::new(
            self.version,
            self.db,
            self.start,
            Faults::new(self.seed),
        ));
        inner.lock().db.mrp = self.mrp;
        let ids = inner
            .with_env(seed::sow)
            .map_err(|e| anyhow!("seed of the simulated database: {}", e.message))?;
        people(&inner);
        let place = Arc::new(Place::take().context("no free port on 127.0.0.1")?);
        let sim = OdooSim {
            inner,
            ids,
            role: self.role,
            place,
            orders: Mutex::new(None),
        };
        sim.start_again().await?;
        Ok(sim)
    }
}

/// Logins and keys of the three users.
fn people(inner: &Inner) {
    let mut data = inner.lock();
    for (uid, role, login) in [
        (2, Role::Admin, "admin"),
        (3, Role::Poster, "posbridge"),
        (4, Role::Reader, "readonly"),
    ] {
        data.users.push(User {
            uid,
            login: login.into(),
            password: format!("{login}-password"),
            role,
        });
        data.add_key(format!("key-of-{login}"), uid, None);
    }
}

/// A running simulator. Dropping it stops it.
#[derive(Debug)]
pub struct OdooSim {
    inner: Arc<Inner>,
    ids: SeedIds,
    role: Role,
    place: Arc<Place>,
    orders: Mutex<Option<mpsc::Sender<Order>>>,
}

impl OdooSim {
    /// Starts from a version, with everything else as in [`Builder`].
    #[must_use]
    pub fn builder(version: OdooVersion) -> Builder {
        Builder {
            version,
            db: format!("odoo{}", version.major()),
            start: None,
            seed: 0,
            role: Role::Poster,
            mrp: false,
        }
    }

    /// Starts a simulator of this version with the usual settings.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub async fn start(version: OdooVersion) -> anyhow::Result<Self> {
        Self::builder(version).start().await
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.place.addr)
    }

    #[must_use]
    pub fn version(&self) -> OdooVersion {
        self.inner.version
    }

    /// Name of the database.
    #[must_use]
    pub fn db(&self) -> &str {
        &self.inner.db_name
    }

    /// Login of the user that the builder named.
    #[must_use]
    pub fn login(&self) -> String {
        self.login_of(self.role)
    }

    /// API key of the user that the builder named.
    #[must_use]
    pub fn key(&self) -> String {
        self.key_of(self.role)
    }

    #[must_use]
    pub fn login_of(&self, role: Role) -> String {
        self.inner
            .lock()
            .users
            .iter()
            .find(|u| u.role == role)
            .map(|u| u.login.clone())
            .unwrap_or_default()
    }

    #[must_use]
    pub fn key_of(&self, role: Role) -> String {
        format!("key-of-{}", self.login_of(role))
    }

    /// The user's own password, which works on `/jsonrpc` but not on `/json/2`.
    #[must_use]
    pub fn password_of(&self, role: Role) -> String {
        format!("{}-password", self.login_of(role))
    }

    /// Makes a further key for a user, good until `lifetime` from now has passed on the simulator's clock.
    #[must_use]
    pub fn expiring_key(&self, role: Role, lifetime: Duration) -> String {
        let end = self
            .inner
            .now()
            .as_second()
            .saturating_add_unsigned(lifetime.as_secs());
        let mut data = self.inner.lock();
        let uid = data.users.iter().find(|u| u.role == role).map_or(0, |u| u.uid);
        let text = format!("key-{}-of-{uid}", data.keys.len());
        data.add_key(text.clone(), uid, Some(end));
        text
    }

    /// Takes a key away, as an administrator does.
    pub fn revoke_key(&self, key: &str) {
        self.inner.lock().drop_key(key);
    }

    /// Ids of what was there at the start.
    #[must_use]
    pub fn ids(&self) -> &SeedIds {
        &self.ids
    }

    /// The handle for misbehaviour.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.inner.faults.clone()
    }

    /// Lets a person with all rights work in Odoo, now.
    pub fn hands<T>(&self, act: impl FnOnce(&mut Hands<'_, '_>) -> T) -> T {
        self.inner.hands(act)
    }

    /// Adds a product with its code as name, and `stock` whole units at the warehouse when it is storable.
    ///
    /// # Panics
    /// When the code is refused, which it is not.
    pub fn add_product(&self, code: &str, storable: bool, stock: i64) -> i64 {
        self.inner.with_env(|env| {
            let kind = if storable && self.version() == OdooVersion::V17 {
                "product"
            } else {
                "consu"
            };
            let mut vals = Vals::from([
                ("name", In::Val(Val::str(code))),
                ("default_code", In::Val(Val::str(code))),
                ("type", In::Val(Val::str(kind))),
            ]);
            if self.version() != OdooVersion::V17 {
                vals.insert("is_storable", In::Val(Val::Bool(storable)));
            }
            let id = env
                .create("product.product", vals)
                .expect("a product with a code and a name is accepted");
            if stock != 0 {
                stock_quant::add(env, id, self.ids.stock_location, None, stock * MICRO);
            }
            id
        })
    }

    /// Adds a company with a warehouse of its own, in which the administrator and the integration user may work; with the
    /// same chart of accounts, journals and tax as the first, or with none.
    ///
    /// # Panics
    /// When its parts are refused, which they are not while its name begins unlike that of every other.
    pub fn add_company(&self, name: &str, with_chart: bool) -> SeedIds {
        self.inner
            .with_env(|env| seed::found(env, &self.ids, name, with_chart, &[2, 3]))
            .expect("a company with a name of its own is accepted")
    }

    /// Adds a kit of the manufacturing app: `parts` are products and whole units of each.
    ///
    /// # Panics
    /// When the simulator was started without that app.
    pub fn add_kit(&self, code: &str, parts: &[(i64, i64)]) -> i64 {
        let kit = self.add_product(code, false, 0);
        let lines: Vec<serde_json::Value> = parts
            .iter()
            .map(|(part, n)| serde_json::json!([0, 0, { "product_id": part, "product_qty": n, "product_uom_id": self.ids.unit }]))
            .collect();
        self.hands(|h| {
            let template = h.call("product.product", "read", &serde_json::json!([[kit], ["product_tmpl_id"]]))?;
            let vals = serde_json::json!([{ "type": "phantom", "product_qty": 1, "product_uom_id": self.ids.unit,
                "product_tmpl_id": template[0]["product_tmpl_id"][0], "bom_line_ids": lines }]);
            h.call("mrp.bom", "create", &vals)
        })
        .expect("the manufacturing app is installed");
        kit
    }

    /// One consistent picture of entries, transfers, quants and external ids.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.inner.lock().db)
    }

    /// Every call that reached a model, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.inner.lock().log.clone()
    }

    /// Calls per `model.method`.
    #[must_use]
    pub fn call_counts(&self) -> BTreeMap<String, usize> {
        self.inner.counts()
    }

    /// How often somebody logged in or tried to.
    #[must_use]
    pub fn login_count(&self) -> usize {
        self.inner.lock().logins
    }

    /// Lets every call take this long before its transaction starts, so that overlapping calls race.
    pub fn set_latency(&self, latency: Duration) {
        *self.inner.latency.lock().unwrap_or_else(PoisonError::into_inner) = latency;
    }

    /// Lets the first call after each start take this long, as a real server does while it loads its registry.
    pub fn set_warm_up(&self, time: Duration) {
        self.inner.set_warm_up(time);
    }

    /// Lets every further transfer write rows of its own instead of adding to those that are there, as 19 does under
    /// parallel validation; who reads quants has to sum them.
    pub fn set_split_quants(&self, on: bool) {
        self.inner.lock().db.split_quants = on;
    }

    /// Moves the simulator's clock forward.
    pub fn skip_time(&self, by: Duration) {
        self.inner.skip(by);
    }

    /// The simulator's own time.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        self.inner.now()
    }

    /// Stops listening; connections are refused from then on. Calls under way finish and commit.
    pub async fn stop(&self) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(orders) = orders {
            let (done, heard) = oneshot::channel();
            if orders.send(Order::Stop(done)).await.is_ok() {
                let _ = heard.await;
            }
        }
    }

    /// Listens again on the same port with the same data; does nothing when it already listens.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        let receiver = {
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            if orders.is_some() {
                return Ok(());
            }
            let (sender, receiver) = mpsc::channel(8);
            *orders = Some(sender.clone());
            let front = Front {
                inner: Arc::clone(&self.inner),
                orders: sender,
            };
            (front, receiver)
        };
        let (front, receiver) = receiver;
        let listener = self
            .place
            .listen()
            .with_context(|| format!("cannot listen on {}", self.place.addr))?;
        self.inner.cool();
        tokio::spawn(server::run(front, listener, Arc::clone(&self.place), receiver));
        Ok(())
    }

    /// Vanishes for this long: connections are refused, then accepted again with the same data.
    pub async fn vanish(&self, time: Duration) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(orders) = orders {
            self.inner.cool();
            let (done, heard) = oneshot::channel();
            if orders.send(Order::Down(time, done)).await.is_ok() {
                let _ = heard.await;
            }
        }
    }
}

impl Drop for OdooSim {
    fn drop(&mut self) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(orders) = orders {
            let (done, _) = oneshot::channel();
            let _ = orders.try_send(Order::Stop(done));
        }
    }
}
