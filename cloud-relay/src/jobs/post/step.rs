//! The calls of an effect's steps, with the database ids that they need, and what came of them.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::value::RawValue;
use tillwire_proto::StoreId;
use tillwire_relay_core::odoo::{
    Answer, Call, Contact, Effect, EffectKey, EffectState, Invoice, JournalEntry, Payload, PayloadError,
    Picking, Reconciliation, Refusal, ResolvedBooks, ResolvedStock, Seen, Step, StepResult, confirmed,
    external_ids, loaded, read_contact, read_entry, read_invoice, read_picking, read_reconciliation,
    reversals_of,
};
use tillwire_relay_core::stock::Goods;

use crate::jobs::link::Link;
use crate::jobs::stock::resolve_in;
use crate::odoo::preflight::{Prepared, in_words};
use crate::odoo::value_of;
use crate::store::effects::Effects;

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
    /// Creates it; a reconciliation creates nothing.
    load: Option<Result<Call, PayloadError>>,
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
            (Payload::JournalEntry(entry), Resolved::Books(books)) => Some(entry.load(books)),
            (Payload::Invoice(invoice), Resolved::Books(books)) => Some(invoice.load(books)),
            (Payload::Contact(contact), Resolved::Books(books)) => Some(contact.load(books)),
            (Payload::Picking(picking), Resolved::Stock(stock)) => Some(picking.load(stock)),
            (Payload::Reconciliation(_), Resolved::Books(_)) => None,
            _ => {
                return Err(NotReady::Rejected(
                    "the payload and its ids are of two kinds; report this".to_owned(),
                ));
            }
        };
        // with the document in Odoo a missing name is what the comparison will show
        match load {
            Some(Err(error)) if effect.document.is_none() => Err(NotReady::Rejected(error.to_string())),
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
            (Step::Load, _) => self.load(effect).await,
            (Step::Look, id) => self.look(effect, id, kept).await,
            (Step::Confirm, id) => self.confirm(effect, id).await,
        };
        result.unwrap_or_else(StepResult::Failed)
    }

    async fn load(&self, effect: &Effect) -> Result<StepResult, Answer> {
        let call = self
            .load
            .clone()
            .unwrap_or(Err(PayloadError::Effect(effect.key.clone())));
        let call = call.map_err(|error| missing(&error))?;
        if let Some(reversed) = effect.payload.reverses()
            && let (_, Some(other)) = self.reversals(effect, reversed).await?
        {
            let message = format!("{reversed} is reversed in Odoo already, by the document with id {other}");
            return Err(Answer::Rejected {
                refusal: Refusal::Row,
                message,
            });
        }
        loaded(&self.ok(call).await?).map(StepResult::Loaded)
    }

    async fn confirm(&self, effect: &Effect, id: Option<i64>) -> Result<StepResult, Answer> {
        let call = match &effect.payload {
            Payload::JournalEntry(_) => JournalEntry::confirm(known(id)?),
            Payload::Invoice(_) => Invoice::confirm(known(id)?),
            Payload::Picking(_) => Picking::confirm(known(id)?),
            Payload::Reconciliation(meant) => {
                let (_, open) = self.open_lines(meant).await?;
                // a call that took its time, or a person, was faster
                if open.is_empty() {
                    return Ok(StepResult::Confirmed);
                }
                Reconciliation::confirm(&open)
            }
            // a contact is confirmed by being there
            Payload::Contact(_) => return Ok(StepResult::Confirmed),
        };
        confirmed(&self.ok(call).await?).map(|()| StepResult::Confirmed)
    }

    /// Whether this effect's document takes its document back, and which other one does: somebody may have been
    /// faster, by hand or otherwise, and nothing is taken back twice.
    async fn reversals(&self, effect: &Effect, reversed: &EffectKey) -> Result<(bool, Option<i64>), Answer> {
        let Resolved::Books(books) = &self.resolved else {
            return Err(missing(&PayloadError::Effect(reversed.clone())));
        };
        let of = books.invoicing.documents.get(reversed).copied().unwrap_or(0);
        let rows = self.value(reversals_of(of)).await?;
        let ids: Vec<i64> = rows
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|row| row["id"].as_i64())
            .collect();
        if ids.is_empty() {
            return Ok((false, None));
        }
        let names = self.value(external_ids("account.move", &ids)).await?;
        let is_ours = |id: &&i64| names[id.to_string()].as_str() == Some(effect.key.as_str());
        let other = ids.iter().find(|id| !is_ours(id)).copied();
        Ok((ids.iter().any(|id| is_ours(&id)), other))
    }

    async fn open_lines(&self, meant: &Reconciliation) -> Result<(Seen, Vec<i64>), Answer> {
        let Resolved::Books(books) = &self.resolved else {
            return Err(missing(&PayloadError::Effect(meant.key.clone())));
        };
        let lines = self
            .ok(meant.look(books).map_err(|error| missing(&error))?)
            .await?;
        let found = read_reconciliation(&lines, meant, books)?;
        Ok((found.seen, found.open))
    }

    async fn look(
        &self,
        effect: &Effect,
        id: Option<i64>,
        kept: &mut Option<Box<RawValue>>,
    ) -> Result<StepResult, Answer> {
        let call = match (&effect.payload, &self.resolved) {
            (Payload::JournalEntry(_), _) => JournalEntry::look(known(id)?),
            (Payload::Invoice(_), _) => Invoice::look(known(id)?),
            (Payload::Contact(_), _) => Contact::look(known(id)?),
            (Payload::Picking(picking), _) => Picking::look(known(id)?, picking.has_lots()),
            (Payload::Reconciliation(meant), Resolved::Books(books)) => {
                meant.look(books).map_err(|error| missing(&error))?
            }
            (Payload::Reconciliation(meant), Resolved::Stock(_)) => {
                return Err(missing(&PayloadError::Effect(meant.key.clone())));
            }
        };
        let lines = self.ok(call).await?;
        let seen = match (&effect.payload, &self.resolved) {
            (Payload::JournalEntry(entry), Resolved::Books(books)) => read_entry(&lines, entry, books)?,
            (Payload::Invoice(invoice), Resolved::Books(books)) => read_invoice(&lines, invoice, books)?,
            (Payload::Contact(contact), Resolved::Books(books)) => read_contact(&lines, contact, books)?,
            (Payload::Reconciliation(meant), Resolved::Books(books)) => {
                read_reconciliation(&lines, meant, books)?.seen
            }
            (Payload::Picking(picking), Resolved::Stock(stock)) => read_picking(&lines, picking, stock)?,
            _ => Seen::Gone,
        };
        *kept = Some(lines);
        let Some(reversed) = effect.payload.reverses() else {
            return Ok(StepResult::Seen(seen));
        };
        let (ours, other) = self.reversals(effect, reversed).await?;
        Ok(StepResult::Seen(seen.reversing(reversed, ours, other)))
    }

    async fn value(&self, call: Call) -> Result<Value, Answer> {
        value_of(Answer::Ok(self.ok(call).await?))
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
        Payload::JournalEntry(_) | Payload::Contact(_) | Payload::Invoice(_) | Payload::Reconciliation(_) => {
            let accounts = effect.payload.accounts().into_iter();
            let books = link.books(prepared, store, accounts).await.map_err(lost)?;
            let words = || format!("store {store} has no usable journal in Odoo; doctor says what to mend");
            let mut books = books.ok_or_else(|| NotReady::Later(words()))?;
            for key in effect.payload.needs() {
                books
                    .invoicing
                    .documents
                    .insert(key.clone(), made(link, key).await?);
            }
            Ok(Resolved::Books(books))
        }
        Payload::Picking(picking) => {
            let Some(shelf) = prepared.shelves.get(store) else {
                let words =
                    format!("store {store} has no usable warehouse in Odoo; doctor says what to mend");
                return Err(NotReady::Later(words));
            };
            let goods: BTreeSet<Goods> = picking.lines.iter().map(Goods::of).collect();
            let stock = resolve_in(link, prepared, shelf, &goods).await.map_err(lost)?;
            Ok(Resolved::Stock(stock))
        }
    }
}

/// The id of what another effect made; that one has to be done first.
async fn made(link: &Link, key: &EffectKey) -> Result<i64, NotReady> {
    let effects = Effects::of(link.store.clone());
    let there = effects
        .get(key.as_str())
        .await
        .map_err(|error| NotReady::Lost(error.to_string()))?;
    let done = there.filter(|stored| stored.effect.state == EffectState::Done);
    let id = done.and_then(|stored| stored.effect.document);
    id.ok_or_else(|| NotReady::Lost(format!("{key} has to be done first")))
}

fn known(id: Option<i64>) -> Result<i64, Answer> {
    id.ok_or_else(|| Answer::Unknown {
        after_ms: None,
        reason: "its id in Odoo is not known yet".to_owned(),
    })
}

fn missing(error: &PayloadError) -> Answer {
    Answer::Rejected {
        refusal: Refusal::Missing,
        message: error.to_string(),
    }
}
