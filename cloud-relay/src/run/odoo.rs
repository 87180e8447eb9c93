//! The ways to Odoo of a running relay: one link per company, with its poster and its later read-back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use tillwire_proto::TenantId;
use tillwire_relay_core::odoo::{LockDates, ResolvedStock};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::stock::Goods;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Odoo};
use crate::days::Stockroom;
use crate::jobs::drift::Drift;
use crate::jobs::link::{Company, Link};
use crate::jobs::post::Poster;
use crate::mapping::InForce;
use crate::odoo::{Client, Endpoint, Limits, Secret};
use crate::store::Store;

/// Links by tenant and company.
#[derive(Debug, Default)]
pub struct Links(BTreeMap<(TenantId, String), Arc<Link>>);

impl Links {
    /// One per company, all in the one Odoo of the configuration; none without it. Nothing is asked yet.
    ///
    /// # Errors
    /// When the key cannot be read or the address is not one.
    pub fn of(config: &Config, store: &Store, in_force: &InForce) -> Result<Self> {
        let Some(odoo) = &config.odoo else {
            return Ok(Self::default());
        };
        let client = Arc::new(client(odoo)?);
        let links = Company::of(config.stores.shared()).into_iter().map(|company| {
            let key = (company.tenant.clone(), company.name.clone());
            let link = Link::new(company, Arc::clone(&client), store.clone());
            (key, Arc::new(link.following(in_force.clone())))
        });
        Ok(Self(links.collect()))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.0.values()
    }

    /// The way of a store's company.
    #[must_use]
    pub fn get(&self, store: &StoreSettings) -> Option<&Link> {
        let key = (store.tenant.clone(), store.odoo.company.clone());
        self.0.get(&key).map(Arc::as_ref)
    }

    /// Starts posters and read-backs.
    ///
    /// # Errors
    /// When the system gives no random bytes for this process's name.
    pub fn start(&self, tasks: &TaskTracker, store: &Store, stop: &CancellationToken) -> Result<()> {
        // a name of its own for each start: an earlier one's lease is never taken for ours
        let holder = data_encoding::HEXLOWER.encode(&crate::random::<8>()?);
        for link in self.iter() {
            tasks.spawn(Poster::new(Arc::clone(link), store.clone(), holder.clone()).run(stop.clone()));
            tasks.spawn(Drift::new(Arc::clone(link), store.clone()).run(stop.clone()));
        }
        Ok(())
    }
}

fn client(odoo: &Odoo) -> Result<Client> {
    let key = std::fs::read_to_string(&odoo.key_file)
        .with_context(|| format!("odoo.key_file: cannot read {}", odoo.key_file.display()))?;
    let limits = Limits {
        request: odoo.request_timeout,
        ..Limits::default()
    };
    let endpoint = Endpoint::new(&odoo.url, &odoo.database, &odoo.login, Secret::new(&key))?;
    Client::new(endpoint.with_limits(limits), None)
}

impl Stockroom for Arc<Links> {
    async fn resolve(&self, store: &StoreSettings, goods: &BTreeSet<Goods>) -> Option<ResolvedStock> {
        crate::jobs::stock::resolve(self.get(store)?, &store.store, goods)
            .await
            .ok()
    }

    async fn locks(&self, store: &StoreSettings) -> Option<LockDates> {
        match self.0.get(&(store.tenant.clone(), store.odoo.company.clone())) {
            Some(link) => link.locks().await.ok(),
            // no Odoo is configured: what is intended waits for one
            None => Some(LockDates::default()),
        }
    }
}
