//! The forms of the API's answers. A field once here keeps its name and meaning.

use serde::Serialize;
use tillwire_proto::Amount;
use utoipa::ToSchema;

use crate::dashboard::view::{
    DayRow, DayView, DeviceRow, EntryLine, EntryView, ExceptionRow, ExceptionView, FindView, LedgerRow,
    RecordHit, RecordLink, StockView, StoreRow,
};

/// Why there is no answer (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The status in words.
    pub(super) title: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// What was found, what was wanted, and what to do.
    pub(super) detail: String,
}

fn decimal(amount: Amount) -> String {
    amount.decimal()
}

fn moment(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |at| at.to_string())
}

/// A store.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Store {
    tenant: String,
    store: String,
    name: String,
    /// selling, quiet, link down ...
    state: String,
    /// Why, in words.
    why: String,
    last_sale: Option<String>,
    /// Records that its boxes still hold and the relay does not.
    backlog: u64,
    devices_connected: usize,
    devices: usize,
    /// For how many days its boxes take sales and can come back, without the relay; the shortest of them.
    holds_out_days: Option<u32>,
    /// Of the newest business day; absent for who sees no sales.
    tickets: Option<u64>,
    /// Of the newest business day, before tax.
    net: Option<String>,
    currency: Option<String>,
}

impl Store {
    pub(super) fn of(row: &StoreRow, sales: bool) -> Self {
        Self {
            tenant: row.tenant.to_string(),
            store: row.store.to_string(),
            name: row.name.clone(),
            state: row.state.word.clone(),
            why: row.why.clone(),
            last_sale: row.last_sale_ms.map(moment),
            backlog: row.backlog,
            devices_connected: row.devices.0,
            devices: row.devices.1,
            holds_out_days: row.fuel.map(|fuel| fuel.days),
            tickets: sales.then_some(row.tickets),
            net: row.net.filter(|_| sales).map(decimal),
            currency: row.net.filter(|_| sales).map(|net| net.currency().to_string()),
        }
    }
}

/// A store-day.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Day {
    tenant: String,
    store: String,
    name: String,
    day: String,
    /// open, closing, complete, balanced, posted ...
    state: String,
    blocked_by: Option<String>,
    currency: String,
    /// Sales, returns and exchanges.
    tickets: u64,
    /// Net of returns and discounts, before tax.
    net: String,
    tax: String,
    /// Money kept: tenders less change.
    tendered: String,
    /// Counted cash less expected cash; absent before a count.
    over_short: Option<String>,
    revisions: u32,
    /// Names of the entries in Odoo, with spaces between.
    moves: String,
}

impl Day {
    pub(super) fn of(row: &DayRow) -> Self {
        Self {
            tenant: row.tenant.to_string(),
            store: row.store.to_string(),
            name: row.name.clone(),
            day: row.day.to_string(),
            state: row.state.word.clone(),
            blocked_by: row.blocked_by.clone(),
            currency: row.net.currency().to_string(),
            tickets: row.tickets,
            net: decimal(row.net),
            tax: decimal(row.tax),
            tendered: decimal(row.tendered),
            over_short: row.over_short.map(decimal),
            revisions: row.revisions,
            moves: row.moves.join(" "),
        }
    }
}

/// One line of a day's journal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LedgerLine {
    account: String,
    label: String,
    debit: Option<String>,
    credit: Option<String>,
    /// How many records it adds up.
    records: usize,
}

impl LedgerLine {
    fn of(row: &LedgerRow) -> Self {
        Self {
            account: row.account.clone(),
            label: row.label.clone(),
            debit: row.debit.map(decimal),
            credit: row.credit.map(decimal),
            records: row.records.len(),
        }
    }
}

/// A document that Odoo was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Document {
    /// Its external id in Odoo.
    key: String,
    kind: String,
    state: String,
    name: Option<String>,
    last_error: Option<String>,
}

/// One witness's count.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Told {
    witness: String,
    tickets: u64,
    total: Option<String>,
    tax: Option<String>,
    card: Option<String>,
    cash: Option<String>,
}

/// A store-day in full.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DayInFull {
    #[serde(flatten)]
    day: Day,
    pub(super) ledger: Vec<LedgerLine>,
    documents: Vec<Document>,
    witnesses: Vec<Told>,
    exceptions: Vec<Exception>,
    /// Signatures of people that count.
    signatures: u32,
}

impl DayInFull {
    pub(super) fn of(view: &DayView) -> Self {
        let documents = view.effects.iter().map(|row| Document {
            key: row.key.clone(),
            kind: row.kind.clone(),
            state: row.state.word.clone(),
            name: row.name.clone(),
            last_error: row.last_error.clone(),
        });
        let witnesses = view.witnesses.columns.iter().map(|column| Told {
            witness: tillwire_relay_core::witness::name(column.witness).to_owned(),
            tickets: column.count,
            total: column.total.map(decimal),
            tax: column.tax.map(decimal),
            card: column.card.map(decimal),
            cash: column.cash.map(decimal),
        });
        Self {
            day: Day::of(&view.row),
            ledger: view.lines.iter().map(LedgerLine::of).collect(),
            documents: documents.collect(),
            witnesses: witnesses.collect(),
            exceptions: view.exceptions.iter().map(Exception::of).collect(),
            signatures: view.signatures,
        }
    }
}

/// An exception.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Exception {
    id: i64,
    kind: String,
    /// Store, day and register, in words.
    place: String,
    title: String,
    detail: String,
    /// Whose desk.
    owner: String,
    at_risk: Option<String>,
    currency: Option<String>,
    since: String,
    /// Whether its day waits for a signature.
    waits_for_signature: bool,
    resolved: Option<String>,
    resolved_by: Option<String>,
    resolution: Option<String>,
}

impl Exception {
    pub(super) fn of(row: &ExceptionRow) -> Self {
        Self {
            id: row.id,
            kind: row.kind.clone(),
            place: row.place.clone(),
            title: row.title.clone(),
            detail: row.detail.clone(),
            owner: row.owner.clone(),
            at_risk: row.at_risk.map(decimal),
            currency: row.at_risk.map(|amount| amount.currency().to_string()),
            since: moment(row.since_ms),
            waits_for_signature: row.waits_for_signature,
            resolved: None,
            resolved_by: None,
            resolution: None,
        }
    }

    pub(super) fn in_full(view: &ExceptionView) -> Self {
        let mut one = Self::of(&view.row);
        if let Some((at, by, words)) = &view.resolved {
            (one.resolved, one.resolved_by, one.resolution) =
                (Some(moment(*at)), Some(by.clone()), Some(words.clone()));
        }
        one
    }
}

/// A record, and where it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Record {
    segment: String,
    number: u64,
    name: String,
}

impl Record {
    fn of(link: &RecordLink) -> Self {
        Self {
            segment: link.segment.to_string(),
            number: link.number.0,
            name: link.name.clone(),
        }
    }
}

/// What one ticket puts on a line.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Part {
    ticket: String,
    register: String,
    kind: String,
    /// Debit, or credit when negative.
    amount: String,
    /// The row of the mapping that chose the account.
    row: String,
    records: Vec<Record>,
}

/// One line of an entry.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Line {
    account: String,
    label: String,
    /// Debit, or credit when negative.
    amount: String,
    parts: Vec<Part>,
    /// What no ticket explains.
    rest: Option<String>,
}

impl Line {
    fn of(line: &EntryLine) -> Self {
        let parts = line.parts.iter().map(|part| Part {
            ticket: part.ticket.clone(),
            register: part.register.clone(),
            kind: part.kind.clone(),
            amount: decimal(part.amount),
            row: part.row.clone(),
            records: part.records.iter().map(Record::of).collect(),
        });
        Self {
            account: line.account.clone(),
            label: line.label.clone(),
            amount: decimal(line.amount),
            parts: parts.collect(),
            rest: line.rest.map(decimal),
        }
    }
}

/// An entry of Odoo.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entry {
    /// Its external id in Odoo.
    key: String,
    name: Option<String>,
    state: String,
    place: String,
    lines: Vec<Line>,
}

impl Entry {
    pub(super) fn of(view: &EntryView) -> Self {
        Self {
            key: view.key.clone(),
            name: view.name.clone(),
            state: view.state.word.clone(),
            place: view.place.clone(),
            lines: view.lines.iter().map(Line::of).collect(),
        }
    }
}

/// A device.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Device {
    tenant: String,
    store: String,
    device: String,
    state: String,
    why: String,
    last_seen: Option<String>,
    version: Option<String>,
    /// Used part of its disk.
    disk_percent: Option<u8>,
    /// For how many days it takes sales and can come back, without the relay.
    holds_out_days: Option<u32>,
    /// What runs out first: disk or certificate.
    holds_out_limit: Option<String>,
    /// Its wall clock less the relay's.
    clock_offset_ms: Option<i64>,
    backlog: Option<u64>,
}

impl Device {
    pub(super) fn of(row: &DeviceRow) -> Self {
        Self {
            tenant: row.tenant.to_string(),
            store: row.store.to_string(),
            device: row.device.to_string(),
            state: row.state.word.clone(),
            why: row.why.clone(),
            last_seen: row.last_seen_ms.map(moment),
            version: row.version.clone(),
            disk_percent: row.disk_percent,
            holds_out_days: row.fuel.map(|fuel| fuel.days),
            holds_out_limit: row.fuel.map(|fuel| fuel.limit.to_string()),
            clock_offset_ms: row.clock_offset_ms,
            backlog: row.backlog,
        }
    }
}

/// A product whose stock differs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Drift {
    sku: String,
    odoo: String,
    expected: String,
    /// What Odoo has more; negative when it has less.
    difference: String,
    /// What the POS's own stock had when it was read; absent where it is not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pos: Option<String>,
    /// What the POS has more than Odoo after everything that was sold; negative when it has less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pos_apart: Option<String>,
    needs_a_look: bool,
}

/// A store's stock as last compared.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stock {
    tenant: String,
    store: String,
    at: String,
    /// How many products were compared.
    products: usize,
    differences: Vec<Drift>,
}

impl Stock {
    pub(super) fn of(view: &StockView) -> Self {
        let differences = view.lines.iter().map(|line| Drift {
            sku: line.sku.to_string(),
            odoo: line.odoo.to_string(),
            expected: line.expected.to_string(),
            difference: line.difference.to_string(),
            pos: line.pos.as_ref().map(|pos| pos.on_hand.to_string()),
            pos_apart: line.pos.as_ref().map(|pos| pos.apart.to_string()),
            needs_a_look: line.needs_eyes(),
        });
        Self {
            tenant: view.tenant.to_string(),
            store: view.store.to_string(),
            at: moment(view.at_ms),
            products: view.products,
            differences: differences.collect(),
        }
    }
}

/// What goes by a name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Found {
    records: Vec<Hit>,
    /// Whether there are more than are listed; a longer name finds fewer.
    more: bool,
}

impl Found {
    pub(super) fn of(view: &FindView) -> Self {
        Self {
            records: view.records.iter().map(Hit::of).collect(),
            more: view.more,
        }
    }
}

/// A record that goes by a name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Hit {
    record: Record,
    /// What the name is one of.
    kind: String,
    name: String,
    place: String,
}

impl Hit {
    fn of(hit: &RecordHit) -> Self {
        Self {
            record: Record::of(&hit.record),
            kind: hit.kind.to_owned(),
            name: hit.name.clone(),
            place: hit.place.clone(),
        }
    }
}
