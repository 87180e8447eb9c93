//! The calls of an effect's steps, with the database ids that they need, and what came of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use tillwire_proto::{Sku, StoreId};
use tillwire_relay_core::odoo::{
    Answer, Call, Effect, JournalEntry, Payload, PayloadError, Picking, Product, Refusal, ResolvedBooks,
    ResolvedStock, Seen, Step, StepResult, confirmed, loaded, read_entry, read_picking,
};

use crate::jobs::link::Link;
use crate::odoo::Item;
use crate::odoo::preflight::{Prepared, in_words};

/// Why an effect's calls cannot be written now.
pub(super) enum NotReady {
    /// Something is missing that preflight looks for and somebody is told about.
    Later(String),
    /// Odoo did not answer a question.
    Lost(String),
    /// The effect itself names something that is not there.
    Rejected(String),
}

/// Ids for an effect's names.
enum Resolved {
    Books(ResolvedBooks),
    Stock(ResolvedStock),
}

/// The calls of one effect.
pub(super) struct Calls<'a> {
    link: &'a Link,
    company: i64,
    load: Result<Call, PayloadError>,
    resolved: Resolved,
}

impl<'a> Calls<'a> {
    pub(super) async fn prepare(
        link: &'a Link,
        prepared: &Prepared,
        store: &StoreId,
        effect: &Effect,
    ) -> Result<Self, NotReady> {
        let resolved = resolve(link, prepared, store, effect).await?;
        let load = match (&effect.payload, &resolved) {
            (Payload::JournalEntry(entry), Resolved::Books(books)) => entry.load(books),
            (Payload::Picking(picking), Resolved::Stock(stock)) => picking.load(stock),
            _ => {
                return Err(NotReady::Rejected(
                    "the payload and its ids are of two kinds; report this".to_owned(),
                ));
            }
        };
        // with the document in Odoo a missing name is what the comparison will show
        match load {
            Err(error) if effect.document.is_none() => Err(NotReady::Rejected(error.to_string())),
            load => Ok(Self {
                link,
                company: prepared.company,
                load,
                resolved,
            }),
        }
    }

    /// Carries out a step. `kept` receives the document as read.
    pub(super) async fn take(
        &self,
        effect: &Effect,
        step: Step,
        kept: &mut Option<Box<RawValue>>,
    ) -> StepResult {
        let result = match (step, effect.document) {
            (Step::Load, _) => self.load().await,
            (Step::Look, Some(id)) => self.look(effect, id, kept).await,
            (Step::Confirm, Some(id)) => self.confirm(effect, id).await,
            (Step::Look | Step::Confirm, None) => Err(Answer::Unknown {
                after_ms: None,
                reason: "its id in Odoo is not known yet".to_owned(),
            }),
        };
        result.unwrap_or_else(StepResult::Failed)
    }

    async fn load(&self) -> Result<StepResult, Answer> {
        let call = self.load.clone().map_err(|error| Answer::Rejected {
            refusal: Refusal::Missing,
            message: error.to_string(),
        })?;
        loaded(&self.ok(call).await?).map(StepResult::Loaded)
    }

    async fn confirm(&self, effect: &Effect, id: i64) -> Result<StepResult, Answer> {
        let call = match effect.payload {
            Payload::JournalEntry(_) => JournalEntry::confirm(id),
            Payload::Picking(_) => Picking::confirm(id),
        };
        confirmed(&self.ok(call).await?).map(|()| StepResult::Confirmed)
    }

    async fn look(
        &self,
        effect: &Effect,
        id: i64,
        kept: &mut Option<Box<RawValue>>,
    ) -> Result<StepResult, Answer> {
        let call = match effect.payload {
            Payload::JournalEntry(_) => JournalEntry::look(id),
            Payload::Picking(_) => Picking::look(id),
        };
        let lines = self.ok(call).await?;
        let seen = match (&effect.payload, &self.resolved) {
            (Payload::JournalEntry(entry), Resolved::Books(books)) => read_entry(&lines, entry, books)?,
            (Payload::Picking(picking), Resolved::Stock(stock)) => read_picking(&lines, picking, stock)?,
            _ => Seen::Gone,
        };
        *kept = Some(lines);
        Ok(StepResult::Seen(seen))
    }

    async fn ok(&self, call: Call) -> Result<Box<RawValue>, Answer> {
        match self.link.call(self.company, call).await {
            Answer::Ok(value) => Ok(value),
            other => Err(other),
        }
    }
}

/// Reads a done effect again.
///
/// # Errors
/// In words, why it cannot be read now.
pub(in crate::jobs) async fn look(
    link: &Link,
    prepared: &Prepared,
    store: &StoreId,
    effect: &Effect,
) -> Result<Seen, String> {
    let calls = Calls::prepare(link, prepared, store, effect)
        .await
        .map_err(|not_ready| match not_ready {
            NotReady::Later(words) | NotReady::Lost(words) | NotReady::Rejected(words) => words,
        })?;
    match calls.take(effect, Step::Look, &mut None).await {
        StepResult::Seen(seen) => Ok(seen),
        StepResult::Failed(answer) => Err(in_words(&answer)),
        StepResult::Loaded(_) | StepResult::Confirmed => Err("a read answered as something else".to_owned()),
    }
}

async fn resolve(
    link: &Link,
    prepared: &Prepared,
    store: &StoreId,
    effect: &Effect,
) -> Result<Resolved, NotReady> {
    let lost = |answer: Answer| NotReady::Lost(in_words(&answer));
    match &effect.payload {
        Payload::JournalEntry(entry) => {
            let accounts = entry.lines.iter().map(|line| &line.account);
            let books = link.books(prepared, store, accounts).await.map_err(lost)?;
            let words = || format!("store {store} has no usable journal in Odoo; doctor says what to mend");
            books.map(Resolved::Books).ok_or_else(|| NotReady::Later(words()))
        }
        Payload::Picking(picking) => {
            let Some(shelf) = prepared.shelves.get(store) else {
                let words =
                    format!("store {store} has no usable warehouse in Odoo; doctor says what to mend");
                return Err(NotReady::Later(words));
            };
            let skus: BTreeSet<Sku> = picking.lines.iter().map(|line| line.sku.clone()).collect();
            let items = link.items(prepared, &skus).await.map_err(lost)?;
            Ok(Resolved::Stock(shelf.with(known(items))))
        }
    }
}

fn known(items: BTreeMap<Sku, Item>) -> impl Iterator<Item = (Sku, Product)> {
    items.into_iter().filter_map(|(sku, item)| match item {
        Item::Known(product) => Some((sku, product)),
        Item::Unknown | Item::Ambiguous(_) => None,
    })
}
