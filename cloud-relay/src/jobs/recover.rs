//! After an older copy of the database was put in place: reads back what Odoo holds of each store, before anything new
//! is asked of it. What it finds and the relay forgot becomes effects that are done, so that what agents send again is
//! netted against what is really there; a draft among them is finished by the poster as what it is.
//!
//! Which days and movements wait meanwhile is decided by [`crate::store::recovery`], what a document means by the core.
//! It only reads in Odoo. While Odoo is away it waits, and says so with an exception at each store that waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use tillwire_proto::{Code, Sku};
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use tillwire_relay_core::odoo::{
    Answer, Around, Call, EffectKey, EffectKind, EffectState, JournalEntry, Numbered, Payload, Picking,
    PickingNames, Recovered, ResolvedBooks, Seen, codes, entries_after, external_ids, ids_in,
    numbered_picking, pickings_after, read_entry, read_invoice, recover_document, recover_picking,
    texts_by_id,
};
use tillwire_relay_core::settings::{AccountCode, StoreSettings};
use tillwire_relay_core::stock::Goods;

use super::link::{ASK_AGAIN_MS, Link, NotNow};
use super::tell;
use crate::days::READ_BACK;
use crate::odoo::preflight::{Prepared, id_of, in_words};
use crate::store::effects::{self, Adopted, Adoption, Effects, Lease, NewEffect, StoredEffect};
use crate::store::exceptions::{self, Source};
use crate::store::{Store, StoreError, recovery};

/// How soon a store is looked at again whose documents a person has to mend, in milliseconds.
const MEND_MS: i64 = 60_000;

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing is left to be read back.
    Finished,
    /// Some stores wait for a person; the others are done.
    Stuck {
        /// When to look again.
        until_ms: i64,
    },
    /// Odoo does not answer.
    Lost {
        /// When to ask again.
        until_ms: i64,
    },
}

/// Why a store's documents were not read back.
enum Why {
    /// Odoo did not answer; in words.
    Lost(String),
    /// A person has to mend something.
    Mend(String),
    /// Our own store.
    Store(StoreError),
}

impl From<Answer> for Why {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Rejected { message, .. } => Self::Mend(message),
            other => Self::Lost(in_words(&other)),
        }
    }
}

impl From<StoreError> for Why {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Reads back what is left to be read back of a company.
///
/// # Errors
/// [`StoreError`] of the store.
pub(super) async fn recover(link: &Link, effects: &Effects, lease: &Lease) -> Result<Progress, StoreError> {
    let pending = pending(link).await?;
    if pending.is_empty() {
        return Ok(Progress::Finished);
    }
    let prepared = match link.prepared().await {
        Ok(prepared) => prepared,
        Err(NotNow { until_ms }) => {
            for (kind, settings) in &pending {
                waits(link, *kind, settings, "Odoo cannot be asked now").await?;
            }
            return Ok(Progress::Lost { until_ms });
        }
    };
    let mut stuck = false;
    for (kind, settings) in pending {
        let reading = Reading {
            link,
            effects,
            prepared: &prepared,
            settings: &settings,
        };
        let found = match kind {
            EffectKind::Picking => reading.pickings().await,
            _ => reading.documents().await,
        };
        match found {
            Ok(found) => {
                tracing::info!(store = %settings.store, kind = effects::kind_word(kind), found = found.len(),
                    "read back from Odoo what the older database does not know");
                let adoption = Adoption {
                    kind,
                    tenant: settings.tenant.clone(),
                    store: settings.store.clone(),
                    found,
                    waited: cause(kind, &settings).as_str().to_owned(),
                };
                effects.adopt(lease, adoption).await?;
            }
            Err(Why::Store(error)) => return Err(error),
            Err(Why::Mend(words)) => {
                waits(link, kind, &settings, &words).await?;
                stuck = true;
            }
            Err(Why::Lost(words)) => {
                waits(link, kind, &settings, &words).await?;
                let until_ms = link.now_ms().saturating_add(ASK_AGAIN_MS);
                return Ok(Progress::Lost { until_ms });
            }
        }
    }
    if stuck {
        // what a person mends in Odoo is to be seen at the next look
        link.forget().await;
        let until_ms = link.now_ms().saturating_add(MEND_MS);
        return Ok(Progress::Stuck { until_ms });
    }
    Ok(Progress::Finished)
}

async fn pending(link: &Link) -> Result<Vec<(EffectKind, Arc<StoreSettings>)>, StoreError> {
    let stores = link.company.stores.clone();
    link.store
        .read(move |db| {
            let mut pending = Vec::new();
            for settings in stores {
                for kind in [EffectKind::JournalEntry, EffectKind::Picking] {
                    if recovery::is_pending(db, kind, &settings.tenant, &settings.store)? {
                        pending.push((kind, Arc::clone(&settings)));
                    }
                }
            }
            Ok(pending)
        })
        .await
}

fn cause(kind: EffectKind, settings: &StoreSettings) -> CauseKey {
    let parts: [&dyn std::fmt::Display; 3] = [&"recovering", &effects::kind_word(kind), &settings.store];
    CauseKey::new(ExceptionKind::OdooRejected, &parts)
}

async fn waits(link: &Link, kind: EffectKind, settings: &StoreSettings, why: &str) -> Result<(), StoreError> {
    tracing::warn!(store = %settings.store, kind = effects::kind_word(kind), why,
        "an older database was put in place; what Odoo holds is to be read back first");
    let what = if kind == EffectKind::Picking {
        "moved"
    } else {
        "posted"
    };
    let detail = format!(
        "an older copy of the relay's database was put in place; nothing is {what} for store {} until what Odoo holds \
         of it was read back: {why}",
        settings.store
    );
    let draft = ExceptionDraft::new(
        ExceptionKind::OdooRejected,
        &settings.tenant,
        &settings.store,
        cause(kind, settings),
        detail,
    );
    let store: &Store = &link.store;
    let now_ms = link.now_ms();
    store
        .write(move |unit| exceptions::raise(unit, Source::Odoo, &draft, now_ms))
        .await
}

/// Reading back one store.
struct Reading<'a> {
    link: &'a Link,
    effects: &'a Effects,
    prepared: &'a Prepared,
    settings: &'a StoreSettings,
}

impl Reading<'_> {
    /// Entries and invoices: first all of them by name, so that an entry's lines can be told whose payment they are.
    async fn documents(&self) -> Result<Vec<Adopted>, Why> {
        let (tenant, store) = (&self.settings.tenant, &self.settings.store);
        let words = || format!("store {store} has no usable journal in Odoo; doctor says what to mend");
        let books = self.prepared.books.get(store);
        let books = books.ok_or_else(|| Why::Mend(words()))?;
        let all = self.numbered(books).await?;
        let mut found = Vec::new();
        for numbered in &all {
            let key = numbered.key(tenant, store);
            let known = self.effects.get(key.as_str()).await?;
            let done = |known: &StoredEffect| known.effect.state == EffectState::Done;
            if known.as_ref().is_some_and(done) {
                continue;
            }
            let lines = self.raw(JournalEntry::look_whole(numbered.id)).await?;
            if let Some(known) = known
                && self.is_as_meant(&known.effect.payload, &lines).await?
            {
                continue;
            }
            let of_day = all.iter().filter(|other| other.day == numbered.day);
            let around = Around {
                currency: self.settings.currency,
                accounts: &self.accounts(&lines).await?,
                books,
                documents: &of_day.map(|other| other.document.clone()).collect(),
            };
            let document = recover_document((tenant, store), numbered, &lines, around);
            found.push(self.adopted(document.map_err(|e| Why::Mend(e.to_string()))?, &lines)?);
        }
        Ok(found)
    }

    /// Every document of the store that has one of our external ids.
    async fn numbered(&self, books: &ResolvedBooks) -> Result<Vec<Numbered>, Why> {
        let (tenant, store) = (&self.settings.tenant, &self.settings.store);
        let journals: Vec<i64> = [books.journal]
            .into_iter()
            .chain(books.invoicing.journal)
            .collect();
        let mut reversed = BTreeMap::new();
        let mut all = Vec::new();
        let mut after = 0;
        loop {
            let rows = self.ask(entries_after(&journals, store, after)).await?;
            let page = texts_by_id(&rows, "ref");
            let Some(last) = page.keys().next_back() else {
                break;
            };
            after = *last;
            for row in rows.as_array().into_iter().flatten() {
                if let (Some(id), Some(of)) = (row["id"].as_i64(), id_of(&row["reversed_entry_id"])) {
                    reversed.insert(id, of);
                }
            }
            for (id, external) in self.external("account.move", page.into_keys()).await? {
                if let Some((day, document, revision)) = EffectKey::numbered(&external, tenant, store) {
                    all.push(Numbered {
                        id,
                        day,
                        document,
                        revision,
                        reverses: None,
                    });
                }
            }
        }
        let revisions: BTreeMap<i64, u32> = all.iter().map(|found| (found.id, found.revision)).collect();
        for found in &mut all {
            found.reverses = reversed.get(&found.id).and_then(|of| revisions.get(of)).copied();
        }
        Ok(all)
    }

    /// Odoo holds what was meant before the copy was taken: the effect goes on as it is.
    async fn is_as_meant(&self, meant: &Payload, lines: &RawValue) -> Result<bool, Why> {
        let accounts = meant.accounts().into_iter();
        let books = self
            .link
            .books(self.prepared, &self.settings.store, accounts)
            .await?;
        let Some(mut books) = books else { return Ok(false) };
        for need in meant.needs() {
            if let Some(id) = self
                .effects
                .get(need.as_str())
                .await?
                .and_then(|there| there.effect.document)
            {
                books.invoicing.documents.insert(need.clone(), id);
            }
        }
        let seen = match meant {
            Payload::JournalEntry(entry) => read_entry(lines, entry, &books)?,
            Payload::Invoice(invoice) => read_invoice(lines, invoice, &books)?,
            Payload::Picking(_) | Payload::Contact(_) | Payload::Reconciliation(_) => return Ok(false),
        };
        Ok(as_meant(&seen))
    }

    async fn pickings(&self) -> Result<Vec<Adopted>, Why> {
        let (tenant, store) = (&self.settings.tenant, &self.settings.store);
        let shelf = self.prepared.shelves.get(store).ok_or_else(|| {
            Why::Mend(format!(
                "store {store} has no usable warehouse in Odoo; doctor says what to mend"
            ))
        })?;
        let shelves = self.inside(shelf.stock).await?;
        let mut found = Vec::new();
        let mut after = 0;
        loop {
            let rows = self.ask(pickings_after(store, after)).await?;
            let mut origins = texts_by_id(&rows, "origin");
            let Some(last) = origins.keys().next_back() else {
                return Ok(found);
            };
            after = *last;
            for (id, external) in self
                .external("stock.picking", origins.clone().into_keys())
                .await?
            {
                let Some(number) = numbered_picking(&external, tenant, store) else {
                    continue;
                };
                let known = self.effects.get(&external).await?;
                if known
                    .as_ref()
                    .is_some_and(|known| known.effect.state == EffectState::Done)
                {
                    continue;
                }
                let origin = origins.remove(&id).unwrap_or_default();
                let (moves, mut names) = self.moves(id).await?;
                (names.shelves, names.customers) = (shelves.clone(), shelf.customers);
                let picking = recover_picking((tenant, store), number, (id, &moves), &origin, &names);
                let picking = picking.map_err(|e| Why::Mend(e.to_string()))?;
                if known.is_some_and(|known| moves_the_same(&known.effect.payload, &picking.effect.payload)) {
                    continue;
                }
                found.push(self.adopted(picking, &moves)?);
            }
        }
    }

    /// The external ids of these records, of those that have one.
    async fn external(
        &self,
        model: &'static str,
        ids: impl Iterator<Item = i64>,
    ) -> Result<BTreeMap<i64, String>, Why> {
        let ids: Vec<i64> = ids.collect();
        let answer = self.ask(external_ids(model, &ids)).await?;
        let Value::Object(names) = answer else {
            return Err(Why::Lost(format!(
                "found no external ids of {model}, wanted one each"
            )));
        };
        let named = names.iter().filter_map(|(id, name)| {
            let name = name.as_str().filter(|name| !name.is_empty())?;
            Some((id.parse().ok()?, name.to_owned()))
        });
        Ok(named.collect())
    }

    async fn accounts(&self, lines: &RawValue) -> Result<BTreeMap<i64, AccountCode>, Why> {
        let ids = ids_in(lines, "account_id")?;
        let rows = self.ask(codes("account.account", &["code"], &ids)).await?;
        let codes = texts_by_id(&rows, "code");
        let named = codes.into_iter();
        Ok(named
            .filter_map(|(id, code)| Some((id, AccountCode::new(&code).ok()?)))
            .collect())
    }

    /// A location and every place inside it.
    async fn inside(&self, location: i64) -> Result<BTreeSet<i64>, Why> {
        let call = Call::on("stock.location", "search_read")
            .arg("domain", serde_json::json!([["id", "child_of", location]]))
            .arg("fields", serde_json::json!(["usage"]));
        let rows = self.ask(call).await?;
        Ok(texts_by_id(&rows, "usage").into_keys().collect())
    }

    /// A picking's moves, or their lines where lots tell them apart, and what its products and lots are called.
    async fn moves(&self, id: i64) -> Result<(Box<RawValue>, PickingNames), Why> {
        let moves = self.raw(Picking::look(id, false)).await?;
        let ids = ids_in(&moves, "product_id")?;
        let fields = ["default_code", "barcode", "tracking"];
        let rows = self.ask(codes("product.product", &fields, &ids)).await?;
        let (references, barcodes) = (texts_by_id(&rows, "default_code"), texts_by_id(&rows, "barcode"));
        let number = |(id, reference): (i64, String)| {
            let text = if reference.is_empty() {
                barcodes.get(&id)?
            } else {
                &reference
            };
            Some((id, Sku::new(text).ok()?))
        };
        let mut names = PickingNames {
            skus: references.into_iter().filter_map(number).collect(),
            ..PickingNames::default()
        };
        let tracked = |tracking: &String| !tracking.is_empty() && tracking != "none";
        if !texts_by_id(&rows, "tracking").values().any(tracked) {
            return Ok((moves, names));
        }
        let lines = self.raw(Picking::look(id, true)).await?;
        let ids = ids_in(&lines, "lot_id")?;
        let rows = self.ask(codes("stock.lot", &["name"], &ids)).await?;
        let named = texts_by_id(&rows, "name").into_iter();
        names.lots = named
            .filter_map(|(id, name)| Some((id, Code::new(&name).ok()?)))
            .collect();
        Ok((lines, names))
    }

    fn adopted(&self, found: Recovered, read: &RawValue) -> Result<Adopted, Why> {
        let settings = self.settings;
        let source = found.posting.as_ref().map_or_else(
            || Ok(READ_BACK.to_owned()),
            |posting| serde_json::to_string(posting).map_err(|e| StoreError::refused(e.to_string())),
        )?;
        Ok(Adopted {
            gone: tell::causes(&found.effect),
            new: NewEffect {
                effect: found.effect,
                company: self.link.company.lease(),
                tenant: settings.tenant.clone(),
                store: settings.store.clone(),
                day: Some(found.day),
                batch: found.batch,
                source,
            },
            odoo_name: found.name,
            readback: read.get().to_owned(),
        })
    }

    async fn ask(&self, call: Call) -> Result<Value, Why> {
        let raw = self.raw(call).await?;
        serde_json::from_str(raw.get()).map_err(|e| Why::Lost(e.to_string()))
    }

    async fn raw(&self, call: Call) -> Result<Box<RawValue>, Why> {
        match self.link.call(self.prepared.company, call).await {
            Answer::Ok(value) => Ok(value),
            other => Err(other.into()),
        }
    }
}

fn as_meant(seen: &Seen) -> bool {
    match seen {
        Seen::Draft(verdict) | Seen::Confirmed(verdict) => verdict.agrees_but_for_date(),
        Seen::Gone | Seen::Cancelled => false,
    }
}

fn moves_the_same(meant: &Payload, found: &Payload) -> bool {
    let (Payload::Picking(meant), Payload::Picking(found)) = (meant, found) else {
        return false;
    };
    let sums = |picking: &Picking| -> BTreeMap<Goods, i64> {
        let lines = picking.lines.iter();
        lines
            .map(|line| (Goods::of(line), line.quantity.millionths()))
            .collect()
    };
    meant.direction == found.direction && sums(meant) == sums(found)
}

#[cfg(test)]
mod tests;
