//! Looks before the first posting whether Odoo has what a company's stores need, and says how to mend what it lacks.
//!
//! It reads only. Its result is what postings are written with ([`Prepared`]); its findings are what `doctor` prints.
//! A finding that stops a store stops only that store. It runs at start, after a reconnect, and when somebody asks.

mod ask;
mod books;
mod company;
mod finding;
mod invoices;
mod mapped;
mod rights;
mod server;
mod warehouse;

use std::collections::BTreeMap;

use serde::Serialize;
use tillwire_proto::StoreId;
use tillwire_relay_core::odoo::{OdooVersion, ResolvedBooks};
use tillwire_relay_core::settings::StoreSettings;

pub use ask::{Ask, in_words};
pub use books::accounts_by_code;
pub use company::LockDates;
pub use finding::{Finding, Severity};
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
pub async fn check(client: &Client, company: &str, stores: &[&StoreSettings]) -> Report {
    let (mut findings, mut server) = (Vec::new(), None);
    let (mut prepared, mut complete) = (None, false);
    if let Some(found) = server::check(client, &mut findings).await {
        let ask = Ask::new(client, found.number);
        prepared = prepare(&ask, &found, company, stores, &mut findings).await;
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
        complete,
        findings,
        prepared,
    }
}

/// The steps in order; each needs the one before. `None` as soon as nothing further can be asked.
async fn prepare(
    ask: &Ask<'_>,
    server: &Server,
    name: &str,
    stores: &[&StoreSettings],
    findings: &mut Vec<Finding>,
) -> Option<Prepared> {
    let user = server::user(ask, findings).await?;
    server::modules(ask, findings).await;
    let company = company::check(ask, name, &user, stores, findings).await?;
    let ask = ask.clone().in_company(company.id);
    rights::check(&ask, findings).await;
    let mut prepared = Prepared {
        version: server.number,
        protocol: server.protocol,
        company: company.id,
        locks: company.locks,
        books: BTreeMap::new(),
        shelves: BTreeMap::new(),
    };
    let accounts = books::accounts(&ask, stores, findings).await;
    let taxes = books::taxes(&ask, stores, findings).await;
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
