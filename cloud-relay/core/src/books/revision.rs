//! What is still to be posted of a store-day: document by document, the way from what was posted to what the ledger
//! says. The first posting of a document is all of it. A later one is the difference, or, where the retailer wants it
//! so, the reversal of everything that stands and the whole document anew.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{BusinessDay, MoneyError, StoreId, TenantId};

use super::document::Document;
use super::ledger::{BooksError, Ledger, LedgerLine, LineKey};
use super::posting::{Posting, Provenance, Unbalanced};
use crate::settings::Corrections;

/// The postings that take the books from what was posted to what the ledger says; none when they agree. Give it every
/// earlier posting of this store-day whose effect was not given up, in any order; revisions of a document follow its
/// own. Reversals come before what replaces them.
///
/// # Errors
/// [`BooksError`] on sums beyond 64 bits or another currency.
pub fn postings(
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
    target: &Ledger,
    already: &[Posting],
    corrections: Corrections,
) -> Result<Vec<Posting>, BooksError> {
    let mut documents: BTreeSet<&Document> = target.lines().map(|(key, _)| &key.document).collect();
    documents.extend(already.iter().map(Posting::document));
    let mut all = Vec::new();
    for document in documents {
        let posted = already.iter().filter(|posting| posting.document() == document);
        let due = Due {
            place: (tenant, store, day),
            wanted: target
                .lines()
                .filter(|(key, _)| key.document == *document)
                .map(|(key, line)| (key.clone(), line.clone()))
                .collect(),
            posted: posted.collect(),
        };
        all.extend(due.postings(corrections)?);
    }
    Ok(all)
}

/// One document, as it should be and as it was posted.
struct Due<'a> {
    place: (&'a TenantId, &'a StoreId, BusinessDay),
    wanted: BTreeMap<LineKey, LedgerLine>,
    posted: Vec<&'a Posting>,
}

impl Due<'_> {
    fn postings(&self, corrections: Corrections) -> Result<Vec<Posting>, BooksError> {
        let last = self.posted.iter().map(|posting| posting.revision()).max();
        let next = last.unwrap_or(0) + 1;
        let difference = self.difference()?;
        if difference.is_empty() {
            return Ok(Vec::new());
        }
        let standing = self.standing();
        if corrections == Corrections::Difference || standing.is_empty() {
            return Ok(self.posting(next, difference)?.into_iter().collect());
        }
        let reversals = standing.iter().zip(next..);
        let mut all: Vec<Posting> = reversals
            .map(|(posting, revision)| posting.reversal(revision))
            .collect::<Result<_, _>>()?;
        let next = all.last().map_or(next, |reversal| reversal.revision() + 1);
        all.extend(self.posting(next, self.wanted.clone())?);
        Ok(all)
    }

    fn difference(&self) -> Result<BTreeMap<LineKey, LedgerLine>, MoneyError> {
        let mut delta = self.wanted.clone();
        let (known, read_back): (Vec<&Posting>, Vec<&Posting>) = self
            .posted
            .iter()
            .partition(|posting| posting.provenance() == Provenance::Records);
        for (key, line) in known.into_iter().flat_map(Posting::lines) {
            take_off(&mut delta, key, line)?;
        }
        super::forgotten::take_off(&mut delta, read_back.into_iter().flat_map(Posting::lines))?;
        self.explain(&mut delta);
        delta.retain(|_, line| !line.amount.is_zero());
        Ok(delta)
    }

    /// What was neither taken back nor takes something back.
    fn standing(&self) -> Vec<&Posting> {
        let reversed: BTreeSet<u32> = self.posted.iter().filter_map(|p| p.reverses()).collect();
        let mut standing: Vec<&Posting> = self
            .posted
            .iter()
            .copied()
            .filter(|posting| posting.reverses().is_none() && !reversed.contains(&posting.revision()))
            .collect();
        standing.sort_by_key(|posting| posting.revision());
        standing
    }

    fn posting(
        &self,
        revision: u32,
        lines: BTreeMap<LineKey, LedgerLine>,
    ) -> Result<Option<Posting>, BooksError> {
        let (tenant, store, day) = self.place;
        let unbalanced = |rest| BooksError::Unbalanced {
            ticket: day.to_string(),
            rest,
        };
        match Posting::new(tenant.clone(), store.clone(), day, revision, lines) {
            Ok(posting) => Ok(Some(posting)),
            // a document's own lines cannot be of two
            Err(Unbalanced::Empty | Unbalanced::Documents(..)) => Ok(None),
            Err(Unbalanced::Money(error)) => Err(error.into()),
            Err(Unbalanced::Rest(rest)) => Err(unbalanced(rest)),
        }
    }

    /// A difference that no single record explains, such as a drawer's, rests on all records of its line.
    fn explain(&self, delta: &mut BTreeMap<LineKey, LedgerLine>) {
        for (key, line) in &self.wanted {
            if let Some(difference) = delta
                .get_mut(key)
                .filter(|difference| difference.records.is_empty())
            {
                difference.records.clone_from(&line.records);
            }
        }
    }
}

/// Takes a posted line off. Records count by turns: one that is in the ledger and was posted explains no difference.
pub(crate) fn take_off(
    delta: &mut BTreeMap<LineKey, LedgerLine>,
    key: &LineKey,
    posted: &LedgerLine,
) -> Result<(), MoneyError> {
    let currency = posted.amount.currency();
    let line = delta
        .entry(key.clone())
        .or_insert_with(|| LedgerLine::nothing(key, currency));
    line.take_off(posted)?;
    line.records = &line.records ^ &posted.records;
    Ok(())
}
