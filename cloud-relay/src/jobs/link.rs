//! One company's way to Odoo: its client, what preflight found there, its products, and a breaker that keeps calls
//! away while Odoo is down. Shared by the company's jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tillwire_proto::{Sku, StoreId, TenantId};
use tillwire_relay_core::odoo::{Answer, Backoff, Breaker, Call, LockDates, Permit, ResolvedBooks};
use tillwire_relay_core::settings::{AccountCode, StoreSettings};

use super::{lately, tell};
use crate::mapping::InForce;
use crate::odoo::preflight::{self, Ask, Known, Prepared, Report};
use crate::odoo::{Client, Item, Products};
use crate::store::{Store, effects};

/// Failures in a row after which Odoo counts as down.
const FAILURES_MAX: u32 = 5;

/// How soon preflight looks again where a company or a store could not be prepared.
const LOOK_AGAIN_MS: i64 = 60_000;

/// How soon a question is asked again whose answer was lost, while Odoo does not yet count as down.
pub(super) const ASK_AGAIN_MS: i64 = 5_000;

/// How long what preflight found is believed. Codes and rights change rarely; a lost connection ends it earlier.
const PREPARED_MS: i64 = 3_600_000;

/// How often a product's stock is looked at, in milliseconds: often enough to say that it is below zero.
const WATCH_MS: i64 = 10 * 60_000;
/// How long lock dates are believed, in milliseconds: so many days of one company are dated by one question.
const LOCKS_MS: i64 = 60_000;

/// A company of one retailer in one Odoo, and its stores.
#[derive(Debug, Clone)]
pub struct Company {
    /// The retailer.
    pub tenant: TenantId,
    /// The company's name in Odoo, as all its stores have it.
    pub name: String,
    /// Its stores; at least one.
    pub stores: Vec<Arc<StoreSettings>>,
}

impl Company {
    /// Groups stores by retailer and company.
    #[must_use]
    pub fn of(stores: impl IntoIterator<Item = impl Into<Arc<StoreSettings>>>) -> Vec<Self> {
        let mut companies: BTreeMap<(TenantId, String), Vec<Arc<StoreSettings>>> = BTreeMap::new();
        for store in stores {
            let store = store.into();
            companies
                .entry((store.tenant.clone(), store.odoo.company.clone()))
                .or_default()
                .push(store);
        }
        let group = |((tenant, name), stores)| Self { tenant, name, stores };
        companies.into_iter().map(group).collect()
    }

    /// The name under which its poster takes the lease and finds its effects.
    #[must_use]
    pub fn lease(&self) -> String {
        effects::company(&self.tenant, &self.name)
    }
}

/// Nothing can be asked before this moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotNow {
    /// When to try again.
    pub until_ms: i64,
}

/// What preflight found, when, and for which mapping.
#[derive(Debug)]
struct Looked {
    prepared: Arc<Prepared>,
    at_ms: i64,
    mapping: Option<i64>,
}

/// A company's way to Odoo.
#[derive(Debug)]
pub struct Link {
    /// Whose.
    pub company: Company,
    pub(super) store: Store,
    client: Arc<Client>,
    breaker: Mutex<Breaker>,
    /// The mapping in force, where it may change while the relay runs.
    in_force: Option<InForce>,
    prepared: tokio::sync::Mutex<Option<Looked>>,
    products: tokio::sync::Mutex<Products>,
    /// What waits are spread by, where a test wants them to be the same again; else the system's randomness.
    seeds: Option<AtomicU64>,
    /// When a store's stock of a product was last looked at.
    watched: Mutex<HashMap<(StoreId, i64), i64>>,
    locks: tokio::sync::Mutex<Option<(LockDates, i64)>>,
}

impl Link {
    /// A link that asks when it is first used. `client` may be shared by companies of one database.
    #[must_use]
    pub fn new(company: Company, client: Arc<Client>, store: Store) -> Self {
        Self {
            company,
            store,
            client,
            breaker: Mutex::new(Breaker::new(FAILURES_MAX, Backoff::default())),
            in_force: None,
            prepared: tokio::sync::Mutex::default(),
            products: tokio::sync::Mutex::default(),
            watched: Mutex::default(),
            seeds: None,
            locks: tokio::sync::Mutex::default(),
        }
    }

    /// The same link with waits that depend on `seed` alone.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seeds = Some(AtomicU64::new(seed));
        self
    }

    /// Waits differ from process to process; where the system gives no randomness they do not, which is no harm.
    pub(super) fn seed(&self) -> u64 {
        match &self.seeds {
            Some(seeds) => seeds.fetch_add(1, Ordering::Relaxed),
            None => crate::random::<8>().map_or(0, u64::from_le_bytes),
        }
    }

    /// The same link, which follows the mapping in force: what another one names is looked for before it is posted.
    #[must_use]
    pub fn following(mut self, in_force: InForce) -> Self {
        self.in_force = Some(in_force);
        self
    }

    /// The client, for its counters.
    #[must_use]
    pub const fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Now, by the store's clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.store.clock().now_ms()
    }

    /// Carries one call in the company, unless Odoo counts as down. A refused permit is an [`Answer::Retry`]: nothing
    /// was asked.
    pub async fn call(&self, company: i64, mut call: Call) -> Answer {
        let now_ms = self.now_ms();
        if let Permit::Wait { until_ms } = self.breaker().ask(now_ms) {
            let after_ms = u64::try_from(until_ms.saturating_sub(now_ms)).ok();
            return Answer::Retry {
                after_ms,
                reason: "Odoo did not answer several times; it is left alone".into(),
            };
        }
        in_company(&mut call, company);
        let answer = self.client.call(&call).await;
        self.note(&answer).await;
        answer
    }

    /// What preflight found; looks when that is not known, too old, or when Odoo was away meanwhile.
    ///
    /// # Errors
    /// [`NotNow`] while Odoo is down or the company cannot be prepared.
    pub async fn prepared(&self) -> Result<Arc<Prepared>, NotNow> {
        let mut known = self.prepared.lock().await;
        let now_ms = self.now_ms();
        let mapping = self.in_force.as_ref().and_then(InForce::id);
        if let Some(known) = &*known
            && known.mapping == mapping
            && (0..PREPARED_MS).contains(&now_ms.saturating_sub(known.at_ms))
        {
            return Ok(Arc::clone(&known.prepared));
        }
        *known = None;
        if let Permit::Wait { until_ms } = self.breaker().ask(now_ms) {
            return Err(NotNow { until_ms });
        }
        let report = self.preflight().await;
        self.heard(report.complete);
        if let Err(error) = tell::preflight(&self.store, &self.company, &report).await {
            tracing::warn!(%error, "what preflight found could not be stored");
        }
        let Some(prepared) = report.prepared else {
            let wait_ms = if report.complete {
                LOOK_AGAIN_MS
            } else {
                ASK_AGAIN_MS
            };
            return Err(NotNow {
                until_ms: now_ms.saturating_add(wait_ms),
            });
        };
        let prepared = Arc::new(prepared);
        *known = Some(Looked {
            prepared: Arc::clone(&prepared),
            at_ms: now_ms,
            mapping,
        });
        Ok(prepared)
    }

    /// Looks at the company now and says what it finds; for `doctor`. Changes nothing.
    pub async fn preflight(&self) -> Report {
        // a database that cannot be read now is no reason to ask Odoo nothing
        let known = lately::known(&self.store, &self.company)
            .await
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "what was sold lately could not be read");
                Known::default()
            });
        let stores = self.stores();
        let stores: Vec<&StoreSettings> = stores.iter().map(|store| &**store).collect();
        preflight::check(&self.client, &self.company.name, &stores, &known).await
    }

    /// The company's stores with the mapping in force.
    pub(super) fn stores(&self) -> Vec<Arc<StoreSettings>> {
        let now = self.in_force.as_ref().map(InForce::now);
        let in_force = |store: &StoreSettings| now.as_ref()?.share(&store.tenant, &store.store);
        self.company
            .stores
            .iter()
            .map(|store| in_force(store).unwrap_or_else(|| Arc::clone(store)))
            .collect()
    }

    /// Looks anew before the next posting.
    pub async fn forget(&self) {
        *self.prepared.lock().await = None;
        self.client.forget().await;
        *self.locks.lock().await = None;
        self.products.lock().await.forget_unknown();
    }

    /// When Odoo is down: not before then.
    #[must_use]
    pub fn held_back(&self) -> Option<NotNow> {
        // asking for a permit would use up the one probe; so look without asking
        let now_ms = self.now_ms();
        let mut probe = *self.breaker();
        match probe.ask(now_ms) {
            Permit::Wait { until_ms } => Some(NotNow { until_ms }),
            Permit::Go | Permit::Probe => None,
        }
    }

    /// A way to ask questions in the company, which must change nothing.
    #[must_use]
    pub fn ask(&self, prepared: &Prepared) -> Ask<'_> {
        Ask::new(&self.client, prepared.version).in_company(prepared.company)
    }

    /// What Odoo says about item numbers.
    ///
    /// # Errors
    /// The answer that asking got.
    pub async fn items(
        &self,
        prepared: &Prepared,
        skus: &BTreeSet<Sku>,
    ) -> Result<BTreeMap<Sku, Item>, Answer> {
        let ask = self.ask(prepared);
        let found = self.products.lock().await.find(&ask, skus, self.now_ms()).await;
        self.noted(found).await
    }

    /// The answer of [`Link::ask`], after the breaker has heard of it.
    pub(super) async fn noted<T>(&self, found: Result<T, Answer>) -> Result<T, Answer> {
        if let Err(answer) = &found {
            self.note(answer).await;
        }
        found
    }

    /// Which of these products' stock is due to be looked at: it is watched, not counted with every batch.
    pub(super) fn watch(&self, store: &StoreId, products: &BTreeSet<i64>) -> BTreeSet<i64> {
        let now_ms = self.now_ms();
        let mut watched = self
            .watched
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let due = |id: &&i64| {
            let last = watched.get(&(store.clone(), **id));
            !last.is_some_and(|at_ms| (0..WATCH_MS).contains(&now_ms.saturating_sub(*at_ms)))
        };
        let due: BTreeSet<i64> = products.iter().filter(due).copied().collect();
        watched.extend(due.iter().map(|id| ((store.clone(), *id), now_ms)));
        due
    }

    /// A store's books with these accounts too: an entry may name one that the mapping has dropped since.
    ///
    /// # Errors
    /// The answer that asking got. `Ok(None)` when the store's journal is not there.
    pub async fn books(
        &self,
        prepared: &Prepared,
        store: &StoreId,
        accounts: impl Iterator<Item = &AccountCode>,
    ) -> Result<Option<ResolvedBooks>, Answer> {
        let Some(books) = prepared.books.get(store) else {
            return Ok(None);
        };
        let mut books = books.clone();
        let missing: BTreeSet<AccountCode> = accounts
            .filter(|code| !books.accounts.contains_key(*code))
            .cloned()
            .collect();
        if !missing.is_empty() {
            let ask = self.ask(prepared);
            let found = preflight::accounts_by_code(&ask, &missing).await;
            if let Err(answer) = &found {
                self.note(answer).await;
            }
            books.accounts.extend(found?);
        }
        Ok(Some(books))
    }

    /// What is locked in the company, asked not long ago: an accountant closes a month in the middle of a day.
    ///
    /// # Errors
    /// [`NotNow`] while Odoo does not say.
    pub async fn locks(&self) -> Result<LockDates, NotNow> {
        let prepared = self.prepared().await?;
        let mut known = self.locks.lock().await;
        let now_ms = self.now_ms();
        if let Some((locks, at_ms)) = *known
            && (0..LOCKS_MS).contains(&now_ms.saturating_sub(at_ms))
        {
            return Ok(locks);
        }
        let ask = Ask::new(&self.client, prepared.version).in_company(prepared.company);
        match preflight::locked_now(&ask, prepared.company).await {
            Ok(locks) => {
                *known = Some((locks, now_ms));
                Ok(locks)
            }
            Err(answer) => {
                self.note(&answer).await;
                let until_ms = now_ms.saturating_add(ASK_AGAIN_MS);
                Err(NotNow { until_ms })
            }
        }
    }

    /// Settings of one of its stores.
    #[must_use]
    pub fn settings(&self, store: &StoreId) -> Option<&StoreSettings> {
        self.company
            .stores
            .iter()
            .find(|settings| settings.store == *store)
            .map(|settings| &**settings)
    }

    async fn note(&self, answer: &Answer) {
        let lost = matches!(answer, Answer::Retry { .. } | Answer::Unknown { .. });
        let down = self.heard(!lost);
        // a server that comes back may be another version; a refused key is looked at by preflight, which says so
        if down || matches!(answer, Answer::Unauthorised { .. }) {
            *self.prepared.lock().await = None;
            self.client.forget().await;
        }
    }

    /// Tells the breaker; true when Odoo counts as down now.
    fn heard(&self, answered: bool) -> bool {
        let mut breaker = self.breaker();
        if answered {
            breaker.succeeded();
        } else {
            breaker.failed(self.now_ms(), self.seed());
        }
        breaker.is_open()
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        // a breaker is a few numbers: one left by a panicking thread is as good as any
        self.breaker
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Only this company: a user who may see several would otherwise act in their default one.
fn in_company(call: &mut Call, company: i64) {
    let mut context = match call.context.take() {
        Value::Object(context) => context,
        _ => serde_json::Map::new(),
    };
    context.insert("allowed_company_ids".to_owned(), json!([company]));
    call.context = Value::Object(context);
}
