//! What the pages show, ready to be written down: no decision is left for the HTML.
//!
//! Amounts are [`Amount`]s until the last moment; times are milliseconds since 1970-01-01T00:00:00Z by the relay's
//! clock.

mod calendar;
mod exceptions;
mod find;
mod fleet;

use tillwire_proto::{Amount, BusinessDay, Currency, Digest, RecordNumber, SegmentId, StoreId, TenantId};
use tillwire_relay_core::fuel::Gauge;
use tillwire_relay_core::reading::Reading;
use tillwire_relay_core::shape::{Arrivals, HourSales, Limits};
use tillwire_relay_core::stock::DriftLine;
use tillwire_relay_core::witness::WitnessTable;

pub use calendar::{CalendarDay, CalendarStore, CalendarView};
pub use exceptions::{ExceptionFilter, ExceptionGroup, ExceptionView, ExceptionsView};
pub use find::{DocumentHit, FindView, RecordHit};
pub use fleet::{DeviceRow, FleetView, LaneRow, WaitingRow};

/// How something stands. Colour is never the only sign: each has a mark and a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Under way or worth a look.
    Wait,
    /// Needs a person.
    Bad,
    /// Nothing to say.
    Idle,
}

/// A state in a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    /// How it stands.
    pub tone: Tone,
    /// The word.
    pub word: String,
}

/// The page that answers "is every sale in?".
#[derive(Debug, Clone, Default)]
pub struct NowView {
    /// Whether it shows sales; without, stores stand there for their boxes and links only.
    pub sales: bool,
    /// Figures over all stores.
    pub tiles: Vec<Tile>,
    /// How many stores are in each state, the most urgent first.
    pub states: Vec<(Chip, usize)>,
    /// Stores, the most urgent first; of very many only those that a live page can carry.
    pub stores: Vec<StoreRow>,
    /// One row per store-day, newest first.
    pub days: Vec<DayRow>,
    /// Open exceptions, most money first.
    pub exceptions: Vec<ExceptionRow>,
}

/// One large figure.
#[derive(Debug, Clone)]
pub struct Tile {
    /// What it is.
    pub label: &'static str,
    /// The figure as text.
    pub figure: String,
    /// A line under it.
    pub note: String,
    /// How it stands.
    pub tone: Tone,
}

/// One store.
#[derive(Debug, Clone)]
pub struct StoreRow {
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// What people call it.
    pub name: String,
    /// Selling, quiet, link down ...
    pub state: Chip,
    /// Why it is in that state, in words.
    pub why: String,
    /// When its last sale was received.
    pub last_sale_ms: Option<i64>,
    /// Records that its agents still hold and the relay does not.
    pub backlog: u64,
    /// Tickets of the newest business day.
    pub tickets: u64,
    /// Net sales of the newest business day.
    pub net: Option<Amount>,
    /// Net sales of the same weekday a week before, with its name.
    pub week_before: Option<(String, Amount)>,
    /// Devices with a live link, of those accepted.
    pub devices: (usize, usize),
    /// For how long the store holds out without us: its box that runs dry first.
    pub fuel: Option<Gauge>,
}

/// How many stores are in each state, in the order of the stores.
#[must_use]
pub fn states(stores: &[StoreRow]) -> Vec<(Chip, usize)> {
    let mut states: Vec<(Chip, usize)> = Vec::new();
    for store in stores {
        match states.iter_mut().find(|(state, _)| *state == store.state) {
            Some((_, count)) => *count += 1,
            None => states.push((store.state.clone(), 1)),
        }
    }
    states
}

/// One store-day.
#[derive(Debug, Clone)]
pub struct DayRow {
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// What people call it.
    pub name: String,
    /// The business day.
    pub day: BusinessDay,
    /// Open, closing, complete, balanced, posted ...
    pub state: Chip,
    /// What holds it, in words.
    pub blocked_by: Option<String>,
    /// Sales, returns and exchanges.
    pub tickets: u64,
    /// Net of returns and discounts, before tax.
    pub net: Amount,
    /// Tax.
    pub tax: Amount,
    /// Money kept: tenders less change.
    pub tendered: Amount,
    /// Counted cash less expected cash; `None` before a count.
    pub over_short: Option<Amount>,
    /// How many revisions were posted.
    pub revisions: u32,
    /// Names of the moves in Odoo.
    pub moves: Vec<String>,
}

/// Which store-days.
#[derive(Debug, Clone, Default)]
pub struct DaysFilter {
    /// Of one store.
    pub store: Option<(TenantId, StoreId)>,
    /// From this day on.
    pub since: Option<BusinessDay>,
    /// At most so many.
    pub most: usize,
}

/// A store's stock as last compared with Odoo.
#[derive(Debug, Clone)]
pub struct StockView {
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// What people call it.
    pub name: String,
    /// When Odoo was read.
    pub at_ms: i64,
    /// How many products were compared.
    pub products: usize,
    /// Those that differ: what needs a look first.
    pub lines: Vec<DriftLine>,
}

/// One open exception.
#[derive(Debug, Clone)]
pub struct ExceptionRow {
    /// Its number, for the command line.
    pub id: i64,
    /// The kind in words.
    pub kind: String,
    /// Where.
    pub place: String,
    /// One sentence.
    pub title: String,
    /// Found, wanted, and what to do.
    pub detail: String,
    /// Who looks after it.
    pub owner: String,
    /// Money at risk.
    pub at_risk: Option<Amount>,
    /// Since when.
    pub since_ms: i64,
    /// Whether it holds its day until somebody signs.
    pub waits_for_signature: bool,
    /// How urgent.
    pub tone: Tone,
}

/// One store-day in full: the ledger lines and where each cent comes from.
#[derive(Debug, Clone)]
pub struct DayView {
    /// The row of the first page.
    pub row: DayRow,
    /// The ledger as it stands.
    pub lines: Vec<LedgerRow>,
    /// What Odoo was asked for.
    pub effects: Vec<EffectRow>,
    /// Sales by hour against what is usual.
    pub hours: Option<HoursView>,
    /// When its tickets were captured and when they arrived.
    pub arrivals: Option<ArrivalsView>,
    /// What each counted drawer came to on this and earlier days.
    pub drawers: Vec<DrawerView>,
    /// Signatures that count.
    pub signatures: u32,
    /// What somebody asked a second person for: number and words.
    pub asked: Vec<(i64, String)>,
    /// What holds it or should be looked at.
    pub exceptions: Vec<ExceptionRow>,
    /// The day as each witness tells it.
    pub witnesses: WitnessTable,
    /// Transactions of the day.
    pub transactions: Vec<TransactionRow>,
}

/// When tickets were captured, when they arrived, and when the day was in Odoo.
#[derive(Debug, Clone)]
pub struct ArrivalsView {
    /// The tickets.
    pub arrivals: Arrivals,
    /// Hours of the store's clock: milliseconds since 1970-01-01T00:00:00Z, and how people write it.
    pub clock: Vec<(i64, String)>,
    /// When the last of its documents was read back from Odoo and equal.
    pub posted: Option<(i64, String)>,
}

/// A day's sales by hour.
#[derive(Debug, Clone)]
pub struct HoursView {
    /// The currency of its amounts.
    pub currency: Currency,
    /// From midnight, by the till's clock.
    pub hours: Vec<HourSales>,
    /// Between which net amounts half of the earlier days with the same weekday lie, in minor units.
    pub usual: Option<Vec<(i64, i64)>>,
}

/// What a drawer came to, day by day.
#[derive(Debug, Clone)]
pub struct DrawerView {
    /// The register.
    pub register: String,
    /// The currency of its amounts.
    pub currency: Currency,
    /// Counted less expected cash in minor units, oldest first.
    pub days: Vec<(BusinessDay, i64)>,
    /// What is usual for it.
    pub limits: Option<Limits>,
}

/// What keeps a retailer's month open.
#[derive(Debug, Clone)]
pub struct MonthView {
    /// The month, such as `2026-11`.
    pub month: String,
    /// One per store, the worst first.
    pub stores: Vec<MonthStore>,
}

/// What keeps one store's month open.
#[derive(Debug, Clone)]
pub struct MonthStore {
    /// What people call it.
    pub name: String,
    /// Whether it can be closed.
    pub state: Chip,
    /// The list, worst first.
    pub blockers: Vec<BlockerRow>,
}

/// One thing that keeps a month open.
#[derive(Debug, Clone)]
pub struct BlockerRow {
    /// Its business day and that day's page, where it belongs to one.
    pub day: Option<(BusinessDay, String)>,
    /// Its kind.
    pub state: Chip,
    /// What was found.
    pub what: String,
    /// What to do.
    pub mend: String,
    /// Money in question.
    pub at_risk: Option<Amount>,
}

/// One entry of Odoo, line by line down to tickets.
#[derive(Debug, Clone)]
pub struct EntryView {
    /// Its external id in Odoo.
    pub key: String,
    /// Its name in Odoo.
    pub name: Option<String>,
    /// Where it stands.
    pub state: Chip,
    /// Store and business day.
    pub place: String,
    /// The page of that day.
    pub day_path: String,
    /// Its lines.
    pub lines: Vec<EntryLine>,
}

/// One line of an entry.
#[derive(Debug, Clone)]
pub struct EntryLine {
    /// Account code.
    pub account: String,
    /// What it is.
    pub label: String,
    /// Debit, or credit when negative.
    pub amount: Amount,
    /// The same without its sign.
    pub size: Amount,
    /// The tickets that it is made of.
    pub parts: Vec<PartRow>,
    /// What no ticket explains.
    pub rest: Option<Amount>,
}

/// What one ticket puts on a line.
#[derive(Debug, Clone)]
pub struct PartRow {
    /// Its number.
    pub ticket: String,
    /// Its register.
    pub register: String,
    /// What happened.
    pub kind: String,
    /// Debit, or credit when negative.
    pub amount: Amount,
    /// The row of the mapping that chose the account.
    pub row: String,
    /// The records that tell it.
    pub records: Vec<RecordLink>,
}

/// A line that a record went to.
#[derive(Debug, Clone)]
pub struct WentRow {
    /// The entry's external id.
    pub key: String,
    /// Its name in Odoo.
    pub name: Option<String>,
    /// Account code.
    pub account: String,
    /// What it is.
    pub label: String,
    /// Debit, or credit when negative.
    pub amount: Amount,
}

/// One line of the day's journal.
#[derive(Debug, Clone)]
pub struct LedgerRow {
    /// Account code.
    pub account: String,
    /// What it is.
    pub label: String,
    /// Debit, when it is one.
    pub debit: Option<Amount>,
    /// Credit, when it is one.
    pub credit: Option<Amount>,
    /// The records that it adds up.
    pub records: Vec<RecordLink>,
}

/// A way to a record's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordLink {
    /// The segment.
    pub segment: SegmentId,
    /// The number in it.
    pub number: RecordNumber,
    /// What people call it: the ticket number, say.
    pub name: String,
    /// What it adds to the line.
    pub amount: Option<Amount>,
}

/// One thing asked of Odoo.
#[derive(Debug, Clone)]
pub struct EffectRow {
    /// Its key, which is also its external id in Odoo.
    pub key: String,
    /// Whether it has a page of its own, because it moves money.
    pub has_page: bool,
    /// What it is.
    pub kind: String,
    /// Where it stands.
    pub state: Chip,
    /// Its name in Odoo.
    pub name: Option<String>,
    /// The last answer that was not a success.
    pub last_error: Option<String>,
}

/// One transaction of a day.
#[derive(Debug, Clone)]
pub struct TransactionRow {
    /// Its record.
    pub record: RecordLink,
    /// Its kind.
    pub kind: String,
    /// Its register.
    pub register: String,
    /// The till's clock.
    pub at: String,
    /// What was owed.
    pub total: Option<Amount>,
    /// How it was paid.
    pub tenders: String,
    /// Who told it.
    pub witnesses: String,
}

/// One record, down to the bytes.
#[derive(Debug, Clone)]
pub struct RecordView {
    /// The segment.
    pub segment: SegmentId,
    /// The number in it.
    pub number: RecordNumber,
    /// Chain hash.
    pub hash: Digest,
    /// Facts in words and values.
    pub facts: Vec<(&'static str, String)>,
    /// What was understood, or why its body does not decode.
    pub understood: Result<Reading, String>,
    /// The captured bytes after the tripwire, when they have arrived.
    pub bytes: Option<Vec<u8>>,
    /// Their digest, when the record has some.
    pub attachment: Option<Digest>,
    /// The posted lines that it went to.
    pub went: Vec<WentRow>,
}
