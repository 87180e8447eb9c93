//! Compares what was meant with what Odoo holds and with what the relay says of it. Uses nothing of the relay's code: the
//! database is read as a file, Odoo through the simulator's own picture.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags};

use super::meant::{Document, ITEMS, Meant, PIECE, documents};
use super::plan::Plan;
use super::run::STOCK;
use super::watch::Seen;
use crate::odoo_sim::Snapshot;
use crate::relay_store::{Open, open_exceptions};

/// What the relay's database says about an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    state: String,
    document: Option<i64>,
    reason: String,
}

/// What the relay's database says.
#[derive(Debug, Default)]
pub struct Rows {
    effects: BTreeMap<String, Row>,
    exceptions: Vec<Open>,
}

impl Rows {
    /// Reads it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn read(database: &Path) -> anyhow::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(database, flags).context("open the relay's database")?;
        let sql = "SELECT key, state, json_extract(effect, '$.document'), \
                   coalesce(json_extract(effect, '$.reason'), '') FROM effects";
        let mut rows = db.prepare(sql)?;
        let rows = rows.query_map([], |row| {
            let (key, state, document, reason) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok((
                key,
                Row {
                    state,
                    document,
                    reason,
                },
            ))
        })?;
        Ok(Self {
            effects: rows.collect::<Result<_, _>>().context("read the effects")?,
            exceptions: open_exceptions(database)?,
        })
    }

    /// Effects by the word of their state.
    #[must_use]
    pub fn states(&self) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for row in self.effects.values() {
            *states.entry(row.state.clone()).or_default() += 1;
        }
        states
    }

    /// Kinds and causes of the exceptions that are open.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let words = |open: &Open| format!("{}: {}", open.kind, open.cause);
        self.exceptions.iter().map(words).collect()
    }

    /// Keys of what was refused.
    pub fn rejected(&self) -> impl Iterator<Item = &str> {
        let rejected = self.effects.iter().filter(|(_, row)| row.state == "rejected");
        rejected.map(|(key, _)| key.as_str())
    }

    /// Keys of what is done.
    pub fn done(&self) -> impl Iterator<Item = &str> {
        let done = self.effects.iter().filter(|(_, row)| row.state == "done");
        done.map(|(key, _)| key.as_str())
    }

    /// Whether it cannot go on because something that it needs was refused.
    fn is_blocked(&self, meant: &Meant, all: &[Meant]) -> bool {
        meant.needs().iter().any(|key| {
            let need = all.iter().find(|other| other.key() == *key);
            let refused = self.effects.get(key).is_some_and(|row| row.state == "rejected");
            refused || need.is_some_and(|need| self.is_blocked(need, all))
        })
    }

    /// Whether nothing goes on before a person does something.
    #[must_use]
    pub fn at_rest(&self, all: &[Meant]) -> bool {
        all.iter().all(|meant| {
            let row = self.effects.get(&meant.key());
            row.is_some_and(|row| matches!(row.state.as_str(), "done" | "rejected"))
                || self.is_blocked(meant, all)
        })
    }

    fn about<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Open> {
        self.exceptions
            .iter()
            .filter(move |open| open.cause.contains(key))
    }
}

/// What is wrong; nothing when all is well.
#[must_use]
pub fn judge(plan: &Plan, seen: &Seen, rows: &Rows, odoo: &Snapshot, customers: i64) -> Vec<String> {
    let held = documents(odoo, customers);
    let mut problems = strangers(plan, &held);
    for meant in &plan.meant {
        let one = One {
            key: meant.key(),
            meant,
            spoilt: is_spoilt(plan, seen, meant),
            blocked: rows.is_blocked(meant, &plan.meant),
            held: held
                .iter()
                .filter(|d| d.key.as_deref() == Some(&meant.key()))
                .collect(),
        };
        problems.extend(one.judge(rows));
    }
    let ours = |open: &&Open| plan.meant.iter().all(|meant| !open.cause.contains(&meant.key()));
    for open in rows.exceptions.iter().filter(ours) {
        problems.push(format!(
            "an exception is open about nothing that is wrong: {} {}",
            open.kind, open.cause
        ));
    }
    let untouched = seen.acts.values().flatten().all(|act| !act.spoils());
    if untouched {
        problems.extend(stock(plan, odoo));
    }
    problems
}

/// Refusals of what nobody had touched, at a time when nobody has retried anything.
#[must_use]
pub fn refusals(plan: &Plan, seen: &Seen, rows: &Rows) -> Vec<String> {
    let mut problems = Vec::new();
    for meant in &plan.meant {
        let key = meant.key();
        let row = rows.effects.get(&key).filter(|row| row.state == "rejected");
        if let (Some(row), false) = (row, is_spoilt(plan, seen, meant)) {
            problems.push(format!(
                "{key}: refused, and nobody had touched it: {}",
                row.reason
            ));
        }
    }
    problems
}

/// Whether a person did something to it, or to what it needs, that the relay may refuse.
fn is_spoilt(plan: &Plan, seen: &Seen, meant: &Meant) -> bool {
    let which = plan.meant.iter().position(|other| other == meant);
    let mut acts = seen.acts.iter().filter(|(of, _)| Some(**of) == which);
    acts.any(|(_, acts)| acts.iter().any(|act| act.spoils()))
        || meant.needs().iter().any(|key| {
            let need = plan.meant.iter().find(|other| other.key() == *key);
            need.is_some_and(|need| is_spoilt(plan, seen, need))
        })
}

/// Documents that nobody meant: doubles under another key, or under none.
fn strangers(plan: &Plan, held: &[Document]) -> Vec<String> {
    let known = |document: &&Document| {
        let of = |meant: &Meant| document.key.as_deref() == Some(&meant.key());
        !plan.meant.iter().any(of)
    };
    let strangers = held.iter().filter(known);
    strangers
        .map(|document| format!("Odoo holds what nobody meant: {document:?}"))
        .collect()
}

/// Every piece moved as often as was meant.
fn stock(plan: &Plan, odoo: &Snapshot) -> Vec<String> {
    let wrong = |sku: &&str| {
        let moved = plan.meant.iter().flat_map(Meant::moves);
        let moved: i64 = moved.filter(|(item, _)| item == sku).map(|(_, n)| n).sum();
        let (found, wanted) = (odoo.on_hand(sku), STOCK * PIECE + moved);
        (found != wanted).then(|| format!("{sku}: Odoo has {found} millionths, wanted {wanted}"))
    };
    ITEMS.iter().filter_map(wrong).collect()
}

/// One effect before the judge.
struct One<'a> {
    key: String,
    meant: &'a Meant,
    /// A person did something to it that the relay may refuse.
    spoilt: bool,
    /// Something that it needs was refused.
    blocked: bool,
    held: Vec<&'a Document>,
}

impl One<'_> {
    fn judge(&self, rows: &Rows) -> Vec<String> {
        let Some(row) = rows.effects.get(&self.key) else {
            return vec![format!("{}: the relay has forgotten it", self.key)];
        };
        let mut problems = Vec::new();
        let mut wrong = |what: String| problems.push(format!("{} ({}): {what}", self.key, row.state));
        if self.held.len() > 1 {
            wrong(format!("Odoo holds it {} times", self.held.len()));
        }
        let is = self
            .held
            .first()
            .is_some_and(|d| d.confirmed && d.content == self.meant.content());
        let dated = self.held.first().is_none_or(|d| d.date == self.meant.date());
        let kinds: Vec<&str> = rows.about(&self.key).map(|open| open.kind.as_str()).collect();
        match row.state.as_str() {
            "done" => {
                if !is && !self.spoilt {
                    wrong(format!("Odoo does not hold it: {:?}", self.held));
                }
                if !is && self.meant.is_watched() && !kinds.contains(&"odoo-changed") {
                    wrong(format!("nobody is told what Odoo holds instead: {:?}", self.held));
                }
                if is && dated && !kinds.is_empty() {
                    wrong(format!("somebody is told {kinds:?}, and all is as meant"));
                }
                if is && !dated && !kinds.contains(&"locked-period") {
                    wrong(format!("nobody is told of its date: {:?}", self.held));
                }
                if is && self.held.first().map(|d| d.id) != Some(row.document.unwrap_or(0)) {
                    wrong("the relay believes in another document".to_owned());
                }
            }
            "rejected" => {
                if is {
                    wrong(format!(
                        "Odoo holds exactly this, and the relay says: {}",
                        row.reason
                    ));
                }
                if kinds.is_empty() {
                    wrong(format!("refused, and nobody is told: {}", row.reason));
                }
            }
            // who refused what it needs was told; it goes on when that does
            "intent" | "sent" if self.blocked => {}
            other => wrong(format!("it is at rest as {other}: {}", row.reason)),
        }
        problems
    }
}
