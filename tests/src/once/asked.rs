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
use crate::odoo_sim::{Asked, Hands};

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

/// A document that the relay has made.
#[derive(Debug, Default)]
struct Doc {
    /// Which effect.
    which: usize,
    /// It was told something and not read since.
    told: bool,
    looked: Option<Look>,
}

/// The rules, with what they have seen.
#[derive(Debug)]
pub(super) struct Rules {
    database: PathBuf,
    open: Option<Connection>,
    docs: BTreeMap<(String, i64), Doc>,
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
    pub(super) fn arrives(&mut self, asked: &Asked) -> Vec<String> {
        let mut broken = Vec::new();
        if self.suspended || is_read(asked) {
            return broken;
        }
        let what = format!("{}.{}", asked.model, asked.method);
        for id in &asked.ids {
            let Some(doc) = self.docs.get_mut(&(asked.model.clone(), *id)) else {
                broken.push(format!("{what} of {id}, which the relay did not make"));
                continue;
            };
            if doc.told {
                broken.push(format!(
                    "{what} of {id}, which had been told something and not been read since"
                ));
            }
            if doc.looked.is_some_and(|look| !look.as_meant) {
                broken.push(format!(
                    "{what} of {id}, which was read and is not what was meant"
                ));
            }
            doc.told = true;
        }
        match self.says_calling(asked) {
            Ok(true) => {}
            Ok(false) => broken.push(format!("{what} left before the database said so")),
            Err(error) => broken.push(format!("the relay's database could not be read: {error}")),
        }
        broken
    }

    /// Odoo has refused the call before it did anything, and said so.
    pub(super) fn refused(&mut self, asked: &Asked) {
        for id in &asked.ids {
            if let Some(doc) = self.docs.get_mut(&(asked.model.clone(), *id)) {
                doc.told = false;
            }
        }
    }

    /// A call was executed: what was made, or what was shown.
    pub(super) fn executed(&mut self, asked: &Asked, meant: &[Meant], hands: &mut Hands<'_, '_>) {
        if let Some(xid) = &asked.xid {
            let which = meant.iter().position(|meant| meant.key() == *xid);
            if let (Some(which), Some(id)) = (which, hands.find(xid)) {
                let doc = self.docs.entry((asked.model.clone(), id)).or_default();
                doc.which = which;
            }
        }
        if !is_read(asked) || asked.ids.is_empty() {
            return;
        }
        let about = |(model, id): &(String, i64)| tells_of(&asked.model, model) && asked.ids.contains(id);
        for (at, doc) in self.docs.iter_mut().filter(|(at, _)| about(at)) {
            let odoo = hands.snapshot();
            let shown = documents(&odoo, hands.customers());
            let shown = shown.iter().find(|d| d.model == at.0 && d.id == at.1);
            let Some(meant) = meant.get(doc.which) else {
                continue;
            };
            doc.told = false;
            doc.looked = Some(Look {
                confirmed: shown.is_some_and(|d| d.confirmed),
                as_meant: shown.is_some_and(|d| d.content == meant.content()),
            });
        }
    }

    /// Whether an effect of this key, or this document, is noted as being called for.
    fn says_calling(&mut self, asked: &Asked) -> rusqlite::Result<bool> {
        if self.open.is_none() {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            self.open = Some(Connection::open_with_flags(&self.database, flags)?);
        }
        let Some(db) = &self.open else { return Ok(false) };
        let sql = "SELECT count(*) FROM effects WHERE state = 'sent' AND json_extract(effect, '$.calling') \
                   AND (key = ?1 OR json_extract(effect, '$.document') = ?2)";
        let count: i64 = db
            .prepare_cached(sql)?
            .query_row((&asked.xid, asked.ids.first()), |row| row.get(0))?;
        Ok(count >= 1)
    }

    /// What is wrong with calling this document done.
    pub(super) fn is_done(&self, model: &str, id: i64) -> Option<String> {
        if self.suspended {
            return None;
        }
        let doc = self.docs.get(&(model.to_owned(), id));
        let told = doc.is_some_and(|doc| doc.told);
        let good = Look {
            confirmed: true,
            as_meant: true,
        };
        if told {
            return Some(format!(
                "{model} {id} counts as done, and was not read after it had been told something"
            ));
        }
        (doc.and_then(|doc| doc.looked) != Some(good))
            .then(|| format!("{model} {id} counts as done, and was never read as it was meant"))
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
