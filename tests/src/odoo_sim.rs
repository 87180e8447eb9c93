//! An Odoo 17, 18 or 19 for tests: an HTTP server on the loopback interface that answers as recorded servers do, in the
//! parts that a poster of journal entries, documents, payments and stock moves needs, and that misbehaves on command.
//!
//! It keeps its data in memory, and every call is one transaction. It does not render pages, run Python, know languages
//! beyond one, post differences of exchange, value stock, or play Odoo's own point of sale. `tests/odoo_sim_conformance`
//! replays recordings of real servers against it, and names each step that is not compared.
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
mod builder;
mod company;
mod company_create;
mod compute;
mod convert;
mod db;
mod defaults;
mod director;
mod dispatch;
mod domain;
mod env;
mod error;
mod faults;
mod furnish;
mod groups;
mod hands;
mod incoming;
mod json2;
mod jsonrpc;
mod load;
mod methods;
mod orm;
mod product;
mod read;
mod sale_invoice;
mod sale_order;
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
mod xml;
mod xmlrpc;

pub use access::Role;
pub use builder::Builder;
pub use director::{Asked, Director};
pub use faults::{Fault, Faults, Fired, Target, When};
pub use hands::Hands;
pub use seed::{Accounts, SeedIds};
pub use snapshot::{
    LineView, MoveView, PartnerView, PaymentView, PickingView, QuantView, Snapshot, StockMoveView,
};
pub use state::CallRecord;
pub use version::OdooVersion;

use anyhow::Context;
use server::{Front, Order};
use state::Inner;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use wire::Place;

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
        Builder::new(version)
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

    /// Puts a director over every call, in the place of an earlier one; `None` leaves the rules alone.
    pub fn set_director(&self, director: Option<Box<dyn Director>>) {
        *self.inner.director.lock().unwrap_or_else(PoisonError::into_inner) = director;
    }

    /// Lets calls that [`Fault::CommitAfterCalls`] holds back go on now, and returns when they are executed.
    pub async fn let_go(&self) {
        self.inner.held.let_go().await;
    }

    /// Lets a person with all rights work in Odoo, now.
    pub fn hands<T>(&self, act: impl FnOnce(&mut Hands<'_, '_>) -> T) -> T {
        self.inner.hands(act)
    }

    /// One consistent picture of entries, transfers, quants and external ids.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.inner.with_env(|env| Snapshot::take(env))
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
