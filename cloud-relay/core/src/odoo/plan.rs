//! From postings to effects, in the order that they are asked for: contacts before what they owe, documents before
//! what pays them. [`super::Payload::needs`] says the same for each effect alone, whatever order they come up in.

use std::collections::BTreeMap;

use tillwire_proto::{Amount, BusinessDay, MoneyError, PosId, StoreId, TenantId};

use super::contact::Contact;
use super::effect::{EffectKey, Payload};
use super::invoice::Invoice;
use super::journal::JournalEntry;
use super::reconcile::{Part, Reconciliation};
use crate::books::{Document, LineKey, Partner, Posting};
use crate::settings::AccountCode;

/// An effect to be, with the posting that later ones are netted against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What it says.
    pub payload: Payload,
    /// What it was made from; a contact and a reconciliation are made from none.
    pub posting: Option<Posting>,
}

/// What a plan needs besides the postings.
#[derive(Debug, Clone, Copy)]
pub struct Planning<'a> {
    /// The names of customers.
    pub customers: &'a BTreeMap<PosId, String>,
    /// The account that invoices are owed on.
    pub receivable: Option<&'a AccountCode>,
    /// What was intended before of the same day.
    pub standing: &'a Standing<'a>,
}

/// What was intended before of a day: lines that no reconciliation names yet are paid with the new ones.
#[derive(Debug, Clone, Default)]
pub struct Standing<'a> {
    /// Entries and invoices.
    pub documents: Vec<(&'a Payload, Posting)>,
    /// Reconciliations.
    pub paid: Vec<&'a Reconciliation>,
}

/// The effects of the postings of one store-day. `dated` says on which day each is booked.
///
/// # Errors
/// [`MoneyError`] on sums beyond 64 bits.
pub fn plan(
    postings: &[Posting],
    planning: Planning<'_>,
    dated: impl Fn(&Posting) -> BusinessDay,
) -> Result<Vec<Planned>, MoneyError> {
    let mut documents: Vec<Planned> = Vec::new();
    for posting in postings {
        let invoice = planning
            .receivable
            .and_then(|account| Invoice::of(posting, account));
        let payload = match invoice {
            Some(invoice) => Payload::Invoice(invoice.dated(dated(posting))),
            None => Payload::JournalEntry(JournalEntry::of(posting).dated(dated(posting))),
        };
        documents.push(Planned {
            payload,
            posting: Some(posting.clone()),
        });
    }
    // invoices first: what pays them looks as if it came second
    documents.sort_by_key(|planned| matches!(planned.payload, Payload::JournalEntry(_)));
    let mut all: Vec<Planned> = contacts(postings, planning).map(alone).collect();
    all.extend(documents);
    let paid: Vec<Payload> = reconciliations(&all, planning.standing)?;
    all.extend(paid.into_iter().map(alone));
    Ok(all)
}

const fn alone(payload: Payload) -> Planned {
    Planned {
        payload,
        posting: None,
    }
}

fn contacts<'a>(postings: &'a [Posting], planning: Planning<'a>) -> impl Iterator<Item = Payload> + 'a {
    let owed = postings.iter().flat_map(|posting| {
        let settled = posting.lines().filter_map(|(key, _)| key.settles.as_ref());
        let documents = settled.chain([posting.document()]);
        documents.filter_map(|document| match document.partner()? {
            Partner::Customer(id) => Some((id, posting.tenant())),
            Partner::Contact(_) => None,
        })
    });
    let once: BTreeMap<&PosId, &TenantId> = owed.collect();
    once.into_iter().filter_map(move |(id, tenant)| {
        let named = planning.customers.get(id).cloned();
        let name = named.unwrap_or_else(|| format!("Customer {id}"));
        Some(Payload::Contact(Contact::of(
            tenant,
            id,
            &name,
            planning.receivable?,
        )))
    })
}

/// A line on the receivable account.
struct Open<'a> {
    account: &'a AccountCode,
    amount: Amount,
    part: Part,
    /// The revision of its posting: of an invoice first, of an entry second.
    revision: (u32, u32),
}

/// One per pair of lines on the receivable account that pay each other and that no reconciliation names. Lines that do not
/// pay each other whole, as after figures were lost, are left to people.
fn reconciliations(documents: &[Planned], standing: &Standing<'_>) -> Result<Vec<Payload>, MoneyError> {
    let mut all: BTreeMap<&Document, Vec<Open<'_>>> = BTreeMap::new();
    let mut place = None;
    let new = documents.iter();
    let new = new.filter_map(|planned| Some((&planned.payload, planned.posting.as_ref()?)));
    let old = standing
        .documents
        .iter()
        .map(|(payload, posting)| (*payload, posting));
    for (payload, posting) in old.chain(new) {
        place = Some((posting.tenant(), posting.store(), posting.day()));
        for (key, line) in posting.lines() {
            let Some(document) = &key.settles else { continue };
            let part = part(payload, key);
            if standing.paid.iter().any(|paid| paid.parts.contains(&part)) {
                continue;
            }
            let open = Open {
                account: &key.account,
                amount: line.amount,
                part,
                revision: match payload {
                    Payload::Invoice(_) => (posting.revision(), 0),
                    _ => (0, posting.revision()),
                },
            };
            all.entry(document).or_default().push(open);
        }
    }
    let Some((tenant, store, day)) = place else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (document, open) in all {
        for group in groups(open) {
            found.extend(reconciliation((tenant, store, day), document, group)?);
        }
    }
    Ok(found)
}

/// Lines that belong together: each invoice with the line of an entry that pays exactly it, so that Odoo shows an invoice
/// as paid by its tenders and not by the credit note of another; and what is left over as one.
fn groups(open: Vec<Open<'_>>) -> Vec<Vec<Open<'_>>> {
    let (invoices, mut entries): (Vec<_>, Vec<_>) = open.into_iter().partition(|line| line.revision.0 > 0);
    let (mut pairs, mut rest) = (Vec::new(), Vec::new());
    for invoice in invoices {
        let opposite = invoice.amount.checked_neg().ok();
        match entries.iter().position(|entry| Some(entry.amount) == opposite) {
            Some(at) => pairs.push(vec![invoice, entries.remove(at)]),
            None => rest.push(invoice),
        }
    }
    rest.extend(entries);
    pairs.push(rest);
    pairs
}

fn reconciliation(
    (tenant, store, day): (&TenantId, &StoreId, BusinessDay),
    document: &Document,
    open: Vec<Open<'_>>,
) -> Result<Option<Payload>, MoneyError> {
    let Some(first) = open.first() else {
        return Ok(None);
    };
    let (account, currency) = (first.account.clone(), first.amount.currency());
    let sum = Amount::sum(open.iter().map(|line| line.amount), currency)?;
    if open.len() < 2 || !sum.is_zero() {
        return Ok(None);
    }
    let debits = open
        .iter()
        .map(|line| line.amount)
        .filter(|amount| !amount.is_negative());
    let last = |of: fn(&Open<'_>) -> u32| open.iter().map(of).max().unwrap_or(0);
    let revisions = (last(|line| line.revision.0), last(|line| line.revision.1));
    Ok(Some(Payload::Reconciliation(Reconciliation {
        key: EffectKey::reconciliation(tenant, store, day, document, revisions),
        title: document.label(),
        account,
        amount: Amount::sum(debits, currency)?,
        parts: open.into_iter().map(|line| line.part).collect(),
    })))
}

/// An invoice has one line on the account; of an entry's only those of the document.
fn part(payload: &Payload, key: &LineKey) -> Part {
    let label = match payload {
        Payload::JournalEntry(entry) => Some(entry.label(&key.label)),
        _ => None,
    };
    Part {
        of: payload.key().clone(),
        label,
    }
}
