//! What no caller of Odoo may do, seen from Odoo's door and from the relay's database file:
//!
//! - a call that changes something leaves only after the database says so;
//! - a document is not told anything twice unless it was read in between;
//! - nothing is confirmed whose last read showed something else than was meant;
//! - nothing counts as done unless its last read showed it confirmed and as it was meant.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::{Connection, OpenFlags};

use super::meant::{Meant, documents};
use crate::odoo_sim::{Asked, Hands, MoveView};

/// Methods that change nothing. Any other is taken for one that does.
const READS: [&str; 16] = [
    "version",
    "login",
    "authenticate",
    "search",
    "search_read",
    "search_count",
    "read",
    "read_group",
    "formatted_read_group",
    "name_search",
    "fields_get",
    "has_group",
    "has_access",
    "check_access_rights",
    "context_get",
    "get_external_id",
];

/// What a read has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    confirmed: bool,
    as_meant: bool,
}

/// A document that the relay has made, or lines that it has pay each other.
#[derive(Debug, Default)]
struct Doc {
    /// Its model; of a payment that of its lines.
    model: String,
    /// Its own id; of a payment those of the documents whose lines pay each other.
    ids: Vec<i64>,
    /// It was told something and not read since.
    told: bool,
    looked: Option<Look>,
}

/// The rules, with what they have seen.
#[derive(Debug)]
pub(super) struct Rules {
    database: PathBuf,
    open: Option<Connection>,
    /// By the keys of what was meant.
    docs: BTreeMap<String, Doc>,
    suspended: bool,
}

impl Rules {
    pub(super) const fn over(database: PathBuf) -> Self {
        Self {
            database,
            open: None,
            docs: BTreeMap::new(),
            suspended: false,
        }
    }

    /// Two relays at once: their calls cannot be told apart any more.
    pub(super) const fn suspend(&mut self) {
        self.suspended = true;
    }

    /// Which rules this call breaks by coming now.
    pub(super) fn arrives(&mut self, asked: &Asked, hands: &Hands<'_, '_>) -> Vec<String> {
        let mut broken = Vec::new();
        if self.suspended || is_read(asked) {
            return broken;
        }
        let what = format!("{}.{}", asked.model, asked.method);
        let about = self.about(asked, hands);
        if about.is_empty() && !asked.ids.is_empty() {
            broken.push(format!("{what} of {:?}, which the relay did not make", asked.ids));
        }
        for key in &about {
            let Some(doc) = self.docs.get_mut(key) else {
                continue;
            };
            if doc.told {
                broken.push(format!(
                    "{what} of {key}, which had been told something and not been read since"
                ));
            }
            if doc.looked.is_some_and(|look| !look.as_meant) {
                broken.push(format!(
                    "{what} of {key}, which was read and is not what was meant"
                ));
            }
            doc.told = true;
        }
        match self.says_calling(asked.xid.as_ref().or(about.first())) {
            Ok(true) => {}
            Ok(false) => broken.push(format!("{what} left before the database said so")),
            Err(error) => broken.push(format!("the relay's database could not be read: {error}")),
        }
        broken
    }

    /// Odoo has refused the call before it did anything, and said so.
    pub(super) fn refused(&mut self, asked: &Asked, hands: &Hands<'_, '_>) {
        for key in self.about(asked, hands) {
            if let Some(doc) = self.docs.get_mut(&key) {
                doc.told = false;
            }
        }
    }

    /// The keys of what a call changes.
    fn about(&self, asked: &Asked, hands: &Hands<'_, '_>) -> Vec<String> {
        let ids = if asked.model == "account.move.line" {
            let odoo = hands.snapshot();
            let has = |entry: &&MoveView| entry.lines.iter().any(|line| asked.ids.contains(&line.id));
            odoo.moves.iter().filter(has).map(|entry| entry.id).collect()
        } else {
            asked.ids.clone()
        };
        let is_about = |doc: &Doc| doc.model == asked.model && ids.iter().any(|id| doc.ids.contains(id));
        let docs = self.docs.iter().filter(|(_, doc)| is_about(doc));
        docs.map(|(key, _)| key.clone()).collect()
    }

    /// A call was executed: what was made, or what was shown.
    pub(super) fn executed(&mut self, asked: &Asked, meant: &[Meant], hands: &mut Hands<'_, '_>) {
        if let Some(xid) = &asked.xid
            && meant.iter().any(|meant| meant.key() == *xid)
            && let Some(id) = hands.find(xid)
        {
            let doc = self.docs.entry(xid.clone()).or_default();
            (doc.model, doc.ids) = (asked.model.clone(), vec![id]);
        }
        if !is_read(asked) || asked.ids.is_empty() {
            return;
        }
        self.meets_payments(asked, meant, hands);
        // a payment's read shows lines of an invoice too, and is no look at the invoice
        let read = |doc: &Doc| {
            let all = doc.ids.len() == asked.ids.len() && doc.ids.iter().all(|id| asked.ids.contains(id));
            all && tells_of(&asked.model, &doc.model)
        };
        // looking at all of Odoo takes its time
        if !self.docs.values().any(read) {
            return;
        }
        let shown = documents(&hands.snapshot(), hands.customers());
        for (key, doc) in self.docs.iter_mut().filter(|(_, doc)| read(doc)) {
            let shown = shown.iter().find(|shown| shown.key.as_ref() == Some(key));
            let Some(meant) = meant.iter().find(|meant| meant.key() == *key) else {
                continue;
            };
            doc.told = false;
            doc.looked = Some(Look {
                confirmed: shown.is_some_and(|d| d.confirmed),
                // a payment that is not made yet holds nothing that could be wrong
                as_meant: shown.map_or(matches!(meant, Meant::Payment { .. }), |d| {
                    d.content == meant.content()
                }),
            });
        }
    }

    /// A payment is no record: it is known from the first time that its documents are read together.
    fn meets_payments(&mut self, asked: &Asked, meant: &[Meant], hands: &Hands<'_, '_>) {
        for payment in meant
            .iter()
            .filter(|meant| matches!(meant, Meant::Payment { .. }))
        {
            let ids = payment.pays().map(|key| hands.find(&key));
            if ids.iter().all(|id| id.is_some_and(|id| asked.ids.contains(&id))) {
                let doc = self.docs.entry(payment.key()).or_default();
                doc.model = payment.model().to_owned();
                doc.ids = ids.into_iter().flatten().collect();
            }
        }
    }

    /// Whether the effect of this key is noted as being called for.
    fn says_calling(&mut self, key: Option<&String>) -> rusqlite::Result<bool> {
        if self.open.is_none() {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            self.open = Some(Connection::open_with_flags(&self.database, flags)?);
        }
        let Some(db) = &self.open else { return Ok(false) };
        let sql = "SELECT count(*) FROM effects WHERE state = 'sent' AND json_extract(effect, '$.calling') AND key = ?1";
        let count: i64 = db.prepare_cached(sql)?.query_row([key], |row| row.get(0))?;
        Ok(count >= 1)
    }

    /// What is wrong with calling the effect of this key done.
    pub(super) fn is_done(&self, key: &str) -> Option<String> {
        if self.suspended {
            return None;
        }
        let doc = self.docs.get(key);
        let told = doc.is_some_and(|doc| doc.told);
        let good = Look {
            confirmed: true,
            as_meant: true,
        };
        if told {
            return Some(format!(
                "{key} counts as done, and was not read after it had been told something"
            ));
        }
        (doc.and_then(|doc| doc.looked) != Some(good))
            .then(|| format!("{key} counts as done, and was never read as it was meant"))
    }
}

fn is_read(asked: &Asked) -> bool {
    READS.contains(&asked.method.as_str())
}

/// Entries are read by their lines, transfers by their moves.
fn tells_of(read: &str, model: &str) -> bool {
    read == model
        || matches!(
            (read, model),
            ("account.move.line", "account.move") | ("stock.move", "stock.picking")
        )
}
