//! Looks before the first posting whether Odoo has what a company's stores need, and says how to mend what it lacks.
//!
//! It reads only. Its result is what postings are written with ([`Prepared`]); its findings are what `doctor` prints.
//! A finding that stops a store stops only that store. It runs at start, after a reconnect, and when somebody asks.

mod ask;
mod books;
mod company;
mod finding;
mod goods;
mod invoices;
mod known;
mod locks;
mod mapped;
mod money;
mod rights;
mod server;
mod taxes;
mod warehouse;

use std::collections::BTreeMap;

use serde::Serialize;
use tillwire_proto::{Currency, StoreId};
use tillwire_relay_core::odoo::{OdooVersion, ResolvedBooks};
use tillwire_relay_core::settings::StoreSettings;

pub use ask::{Ask, in_words};
pub(crate) use ask::{id_of, text_of};
pub use books::accounts_by_code;
pub use company::{LockDates, locked_now};
pub use finding::{Finding, Severity};
pub use known::Known;
pub use warehouse::Shelf;

use super::client::{Client, Protocol, Server};

/// What one Odoo company has for its stores.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The company's name as configured.
    pub company: String,
    /// Where Odoo is.
    pub endpoint: String,
    /// Version and protocol, once known.
    pub server: Option<String>,
    /// Installed apps that matter here, by their technical names.
    pub apps: Vec<String>,
    /// False when Odoo did not answer every question; then nothing is prepared, and what was found says only that.
    pub complete: bool,
    /// Everything that was found, worst first.
    pub findings: Vec<Finding>,
    /// What postings need; `None` when nothing can be posted for this company.
    #[serde(skip)]
    pub prepared: Option<Prepared>,
}

/// Database ids for a company's names.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The server's version.
    pub version: OdooVersion,
    /// The protocol in use.
    pub protocol: Protocol,
    /// `res.company` id.
    pub company: i64,
    /// What is locked.
    pub locks: LockDates,
    /// Per store: what its journal entries need. A store that lacks its journal is not here.
    pub books: BTreeMap<StoreId, ResolvedBooks>,
    /// Per store: where its goods move. A store that lacks its warehouse is not here.
    pub shelves: BTreeMap<StoreId, Shelf>,
}

impl Report {
    /// Whether every store can post and move stock.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.prepared.is_some()
            && self
                .findings
                .iter()
                .all(|finding| finding.severity != Severity::Stop)
    }

    /// What `doctor` prints, a finding a line with its mending below.
    #[must_use]
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let server = self.server.as_deref().unwrap_or("not reached");
        let mut text = format!("Odoo company {:?} at {}: {server}\n", self.company, self.endpoint);
        if !self.apps.is_empty() {
            let _ = writeln!(text, "  apps: {}", self.apps.join(", "));
        }
        for finding in &self.findings {
            // writing to a String cannot fail
            let _ = writeln!(text, "  {finding}");
        }
        if self.findings.is_empty() {
            text.push_str("  nothing to mend\n");
        }
        text
    }
}

/// Looks at one company for all of its stores (which must name the same `odoo.company`).
pub async fn check(client: &Client, company: &str, stores: &[&StoreSettings], known: &Known) -> Report {
    let (mut findings, mut server, mut apps) = (Vec::new(), None, Vec::new());
    let (mut prepared, mut complete) = (None, false);
    if let Some(found) = server::check(client, &mut findings).await {
        let ask = Ask::new(client, found.number);
        let wanted = Wanted {
            company,
            stores,
            known,
        };
        prepared = prepare(&ask, &found, wanted, &mut apps, &mut findings).await;
        complete = !ask.has_lost();
        server = Some(found.to_string());
    }
    if !complete {
        // a lost answer looks like something missing; only what is about the connection is to be believed
        prepared = None;
        findings.retain(|finding| server::ABOUT_CONNECTION.contains(&finding.code));
        if findings.is_empty() {
            findings.push(server::silent());
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    Report {
        company: company.to_owned(),
        endpoint: client.endpoint().shown(),
        server,
        apps,
        complete,
        findings,
        prepared,
    }
}

/// What is to be looked at.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    company: &'a str,
    stores: &'a [&'a StoreSettings],
    known: &'a Known,
}

/// The steps in order; each needs the one before. `None` as soon as nothing further can be asked.
async fn prepare(
    ask: &Ask<'_>,
    server: &Server,
    wanted: Wanted<'_>,
    apps: &mut Vec<String>,
    findings: &mut Vec<Finding>,
) -> Option<Prepared> {
    let (stores, known) = (wanted.stores, wanted.known);
    let user = server::user(ask, known.today, findings).await?;
    *apps = server::apps(ask, findings).await;
    let company = company::check(ask, wanted, &user, findings).await?;
    let ask = ask.clone().in_company(company.id);
    rights::check(&ask, &user.login, findings).await;
    let mut prepared = Prepared {
        version: server.number,
        protocol: server.protocol,
        company: company.id,
        locks: company.locks,
        books: BTreeMap::new(),
        shelves: BTreeMap::new(),
    };
    let mut of_accounts = Vec::new();
    let accounts = books::accounts(&ask, stores, &mut of_accounts).await;
    if accounts.is_empty() && !company.has_chart {
        findings.push(company::no_chart(wanted.company));
    } else {
        findings.append(&mut of_accounts);
    }
    let taxes = books::taxes(&ask, stores, findings).await;
    taxes::check(&ask, &books::tax_names(stores), &accounts, findings).await;
    let currency = stores.first().map_or(Currency::USD, |store| store.currency);
    money::check(&ask, currency, &accounts, findings).await;
    let mapped_foreign = stores.iter().flat_map(|store| store.odoo.mappings.currencies());
    let foreign = mapped_foreign.chain(known.foreign.iter().copied()).collect();
    money::rates(&ask, &foreign, known.today, findings).await;
    goods::check(&ask, &known.sold, findings).await;
    let mapped = mapped::check(&ask, stores, findings).await;
    for store in stores {
        if let Some(journal) = books::journal(&ask, store, findings).await {
            let resolved = ResolvedBooks {
                version: server.number,
                journal,
                accounts: accounts.clone(),
                taxes: taxes.clone(),
                journals: mapped.journals.clone(),
                analytics: mapped.analytics.clone(),
                currencies: mapped.currencies.clone(),
                invoicing: match invoices::check(&ask, store, company.rounding, findings).await {
                    Some(invoicing) => invoicing,
                    None => continue,
                },
            };
            prepared.books.insert(store.store.clone(), resolved);
        }
        if let Some(shelf) = warehouse::check(&ask, store, findings).await {
            prepared.shelves.insert(store.store.clone(), shelf);
        }
    }
    Some(prepared)
}
