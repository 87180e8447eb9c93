//! All companies' ways to Odoo, and the start of their jobs: what the running relay and `doctor` hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tillwire_proto::{Sku, TenantId};
use tillwire_relay_core::odoo::ResolvedStock;
use tillwire_relay_core::settings::StoreSettings;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::drift::Drift;
use super::link::{Company, Link};
use super::post::Poster;
use super::stock;
use crate::odoo::Client;
use crate::odoo::preflight::Report;
use crate::store::Store;

/// One link per company, by the name of its lease.
#[derive(Debug, Clone, Default)]
pub struct Links {
    links: BTreeMap<String, Arc<Link>>,
}

impl Links {
    /// Groups the stores by company. `client` gives a retailer's client, which its companies share so that its limit of
    /// calls in flight holds; stores of a retailer without one are left out.
    pub fn new(
        stores: impl IntoIterator<Item = StoreSettings>,
        client: impl Fn(&TenantId) -> Option<Arc<Client>>,
        store: &Store,
    ) -> Self {
        let link = |company: Company| {
            let client = client(&company.tenant)?;
            let name = company.lease();
            Some((name, Arc::new(Link::new(company, client, store.clone()))))
        };
        Self {
            links: Company::of(stores).into_iter().filter_map(link).collect(),
        }
    }

    /// The way to Odoo of a store.
    #[must_use]
    pub fn of(&self, store: &StoreSettings) -> Option<&Arc<Link>> {
        self.links.get(&crate::store::effects::company(
            &store.tenant,
            &store.odoo.company,
        ))
    }

    /// All of them, in order of tenant and company.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.links.values()
    }

    /// A store's places in Odoo with those of `skus` that are one product there; `None` while that cannot be known.
    pub async fn resolve(&self, store: &StoreSettings, skus: &BTreeSet<Sku>) -> Option<ResolvedStock> {
        stock::resolve(self.of(store)?, &store.store, skus).await.ok()
    }

    /// What `doctor` prints: each company as it is found now.
    pub async fn doctor(&self) -> Vec<Report> {
        let mut reports = Vec::with_capacity(self.links.len());
        for link in self.iter() {
            reports.push(link.preflight().await);
        }
        reports
    }

    /// Starts a poster and the later read-back for each company. They end after `stop`, when a call that is out has
    /// been answered. `holder` names this process and differs with each start.
    pub fn start(&self, store: &Store, holder: &str, stop: &CancellationToken, tasks: &mut JoinSet<()>) {
        for link in self.iter() {
            let poster = Poster::new(Arc::clone(link), store.clone(), holder.to_owned());
            tasks.spawn(poster.run(stop.clone()));
            tasks.spawn(Drift::new(Arc::clone(link), store.clone()).run(stop.clone()));
        }
    }
}
