//! What the pages ask for. [`super::StoreViews`] answers from the store; tests answer as they like.

use tillwire_proto::{BusinessDay, Digest, RecordNumber, SegmentId, StoreId, TenantId};
use tillwire_relay_core::closing::Month;
use tillwire_relay_core::people::Sight;

use super::view::{
    CalendarView, DayRow, DayView, DaysFilter, EntryView, ExceptionFilter, ExceptionRow, ExceptionView,
    ExceptionsView, FindView, FleetView, MonthView, NowView, RecordView, StockView, StoreRow,
};

/// Where the pages get what they show. Called on a thread that may block. Nothing leaves it that is out of sight; where
/// a store is named in the question, the caller has asked whether it is in sight.
pub trait Views: Send + Sync + 'static {
    /// The first page.
    ///
    /// # Errors
    /// What the store says when it cannot be read.
    fn now(&self, sight: &Sight, now_ms: i64) -> anyhow::Result<NowView>;

    /// All stores, the most urgent first.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn stores(&self, sight: &Sight, now_ms: i64) -> anyhow::Result<Vec<StoreRow>>;

    /// One store-day; `None` when there is none.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn day(
        &self,
        tenant: &TenantId,
        store: &StoreId,
        day: BusinessDay,
        now_ms: i64,
    ) -> anyhow::Result<Option<DayView>>;

    /// Store-days, newest first.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn days(&self, sight: &Sight, which: &DaysFilter) -> anyhow::Result<Vec<DayRow>>;

    /// One entry of Odoo, by its external id or its name there; `None` when there is none.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn entry(&self, sight: &Sight, key: &str) -> anyhow::Result<Option<EntryView>>;

    /// A page, from 1, of a retailer's month, store by store and day by day: this month when none is named, the first
    /// retailer when none is. `None` when the relay serves no such retailer.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn calendar(
        &self,
        sight: &Sight,
        tenant: Option<&TenantId>,
        which: (Option<Month>, usize),
        now_ms: i64,
    ) -> anyhow::Result<Option<CalendarView>>;

    /// All devices.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn fleet(&self, sight: &Sight) -> anyhow::Result<FleetView>;

    /// What goes by a name that a person wrote.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn find(&self, sight: &Sight, words: &str) -> anyhow::Result<FindView>;

    /// Open exceptions by kind.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn exceptions(&self, sight: &Sight, filter: &ExceptionFilter) -> anyhow::Result<ExceptionsView>;

    /// All open exceptions, the most urgent first.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn exception_rows(&self, sight: &Sight, filter: &ExceptionFilter) -> anyhow::Result<Vec<ExceptionRow>>;

    /// One exception, open or closed; `None` when there is none.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn exception(&self, sight: &Sight, id: i64) -> anyhow::Result<Option<ExceptionView>>;

    /// What keeps a retailer's month open.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn month(&self, sight: &Sight, tenant: &TenantId, month: Month, now_ms: i64)
    -> anyhow::Result<MonthView>;

    /// A store's stock as last compared; `None` when it never was.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn stock(&self, tenant: &TenantId, store: &StoreId) -> anyhow::Result<Option<StockView>>;

    /// One record; `None` when there is none.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn record(
        &self,
        sight: &Sight,
        segment: SegmentId,
        number: RecordNumber,
    ) -> anyhow::Result<Option<RecordView>>;

    /// Captured bytes by their digest; `None` when they are not here.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn attachment(&self, sight: &Sight, digest: Digest) -> anyhow::Result<Option<Vec<u8>>>;
}
