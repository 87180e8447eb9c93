//! The edge to Odoo, as far as it can be decided without a connection: what to ask ([`JournalEntry`], [`Invoice`], [`Picking`] and others),
//! what an answer means ([`Answer`]), whether Odoo holds what was meant ([`Verdict`]), and what to do next
//! ([`Effect`]). Odoo's own names appear here and nowhere else. Behaviour as seen on servers of 17.0, 18.0 and 19.0.

mod answer;
mod backoff;
mod breaker;
mod call;
mod contact;
mod effect;
mod invoice;
mod journal;
mod locks;
mod picking;
mod plan;
mod readback;
mod reconcile;
mod recover;
mod resolved;
mod tax;

pub use answer::{Answer, Refusal, Reply, classify_json_rpc, classify_json2, confirmed, loaded};
pub use backoff::{Backoff, jitter};
pub use breaker::{Breaker, Permit};
pub use call::Call;
pub use contact::{Contact, Owner, contacts_by_reference, read_contact};
pub use effect::{
    Effect, EffectError, EffectKey, EffectKind, EffectState, Next, Payload, Seen, Step, StepResult,
};
pub use invoice::{Invoice, InvoiceKind};
pub use journal::{EntryLine, JournalEntry, reversals_of};
pub use locks::{Lock, LockDates, Locked};
pub use picking::{Direction, PickLine, Picking};
pub use plan::{Planned, Planning, Standing, plan};
pub use readback::{
    Difference, FoundEntry, FoundLine, FoundMove, FoundPicking, Verdict, read_entry, read_invoice,
    read_picking,
};
pub use reconcile::{OpenLines, Part, Reconciliation, read_reconciliation};
pub use recover::{
    Around, Numbered, PickingNames, Recovered, Unrecoverable, codes, entries_after, external_ids, ids_in,
    numbered_picking, pickings_after, recover_document, recover_picking, texts_by_id,
};
pub use resolved::{
    Invoicing, Kit, KitPart, Lot, OdooVersion, PayloadError, Product, ProductKind, ResolvedBooks,
    ResolvedStock, ResolvedTax, Tracking, Uom,
};
pub use tax::{Percentage, TaxRounding};
