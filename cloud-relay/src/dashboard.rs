//! The pages: one look tells whether every sale is in.
//!
//! This module writes HTML and keeps open pages up to date; it asks [`Views`] for what to show and decides nothing
//! about sales. One task renders the live parts for everybody, at most four times a second and only after something
//! changed, so that a thousand open pages cost one rendering.
//!
//! There is no login yet: the listener belongs on loopback or behind a proxy that knows its users, and the
//! configuration refuses anything else unless told so.

mod assets;
mod calendar;
mod day;
mod entry;
mod exceptions;
mod find;
mod fleet;
mod from_store;
mod html;
mod live;
mod month;
mod now;
mod stock;
pub mod view;

pub use from_store::StoreViews;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tillwire_proto::{BusinessDay, Digest, RecordNumber, SegmentId, StoreId, TenantId};
use tokio::sync::broadcast;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::clock::Clock;
use crate::events::RelayEvent;
use html::Section;
use tillwire_relay_core::closing::Month;
use view::{
    CalendarView, DayView, EntryView, ExceptionFilter, ExceptionView, ExceptionsView, FindView, FleetView,
    MonthView, NowView, RecordView, StockView,
};

/// Where the pages get what they show. Called on a thread that may block.
pub trait Views: Send + Sync + 'static {
    /// The first page.
    ///
    /// # Errors
    /// What the store says when it cannot be read.
    fn now(&self, now_ms: i64) -> anyhow::Result<NowView>;

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

    /// One entry of Odoo, by its external id or its name there; `None` when there is none.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn entry(&self, key: &str) -> anyhow::Result<Option<EntryView>>;

    /// A retailer's month, store by store and day by day: this month when none is named, the first retailer when none
    /// is. `None` when the relay serves no such retailer.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn calendar(
        &self,
        tenant: Option<&TenantId>,
        month: Option<Month>,
        now_ms: i64,
    ) -> anyhow::Result<Option<CalendarView>>;

    /// All devices.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn fleet(&self) -> anyhow::Result<FleetView>;

    /// What goes by a name that a person wrote.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn find(&self, words: &str) -> anyhow::Result<FindView>;

    /// Open exceptions by kind.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn exceptions(&self, filter: &ExceptionFilter) -> anyhow::Result<ExceptionsView>;

    /// One exception, open or closed; `None` when there is none.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn exception(&self, id: i64) -> anyhow::Result<Option<ExceptionView>>;

    /// What keeps a retailer's month open.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn month(&self, tenant: &TenantId, month: Month, now_ms: i64) -> anyhow::Result<MonthView>;

    /// A store's stock as last compared; `None` when it never was.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn stock(&self, tenant: &TenantId, store: &StoreId) -> anyhow::Result<Option<StockView>>;

    /// One record; `None` when there is none.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn record(&self, segment: SegmentId, number: RecordNumber) -> anyhow::Result<Option<RecordView>>;

    /// Captured bytes by their digest; `None` when they are not here.
    ///
    /// # Errors
    /// As [`Views::now`].
    fn attachment(&self, digest: Digest) -> anyhow::Result<Option<Vec<u8>>>;
}

#[derive(Clone)]
struct Pages {
    views: Arc<dyn Views>,
    clock: Clock,
    live: live::Live,
}

/// The routes of the pages. Starts the one task that renders the live parts; it ends with the last event sender.
pub fn router(views: Arc<dyn Views>, clock: Clock, events: broadcast::Receiver<RelayEvent>) -> Router {
    let live = live::Live::start(Arc::clone(&views), clock.clone(), events);
    let pages = Pages { views, clock, live };
    Router::new()
        .route("/", get(now_page))
        .route("/live", get(live_stream))
        .route("/days", get(calendar_page))
        .route("/days/{tenant}", get(calendar_of))
        .route("/days/{tenant}/{store}/{day}", get(day_page))
        .route("/exceptions", get(exceptions_page))
        .route("/exceptions/{id}", get(exception_page))
        .route("/find", get(find_page))
        .route("/fleet", get(fleet_page))
        .route("/entries/{*key}", get(entry_page))
        .route("/months/{tenant}/{month}", get(month_page))
        .route("/stock/{tenant}/{store}", get(stock_page))
        .route("/records/{segment}/{number}", get(record_page))
        .route("/attachments/{digest}", get(attachment))
        .route("/assets/{name}", get(assets::serve))
        .fallback(|| async { (StatusCode::NOT_FOUND, Html(not_found("No such page."))) })
        .with_state(pages)
        .layer(fixed(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
}

/// Nothing inline, nothing from elsewhere, no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

fn fixed(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn now_page(State(pages): State<Pages>) -> Response {
    ask(pages, |pages| {
        let view = pages.views.now(pages.clock.now_ms())?;
        Ok(Some(html::page(
            Section::Now,
            "Now",
            None,
            Some("/live"),
            &now::body(&view),
        )))
    })
    .await
}

async fn live_stream(State(pages): State<Pages>) -> impl IntoResponse {
    pages.live.stream()
}

/// `?month=2026-11`
#[derive(Debug, Default, serde::Deserialize)]
struct OfMonth {
    month: Option<String>,
}

async fn calendar_page(State(pages): State<Pages>, Query(of): Query<OfMonth>) -> Response {
    calendar_in(pages, None, of).await
}

async fn calendar_of(
    State(pages): State<Pages>,
    Path(tenant): Path<String>,
    Query(of): Query<OfMonth>,
) -> Response {
    calendar_in(pages, Some(tenant), of).await
}

async fn calendar_in(pages: Pages, tenant: Option<String>, of: OfMonth) -> Response {
    let tenant = tenant.map(|tenant| TenantId::new(&tenant)).transpose();
    let month = of.month.map(|month| month.parse::<Month>()).transpose();
    let (Ok(tenant), Ok(month)) = (tenant, month) else {
        return missing("A calendar's address is /days/TENANT?month=2026-11.");
    };
    ask(pages, move |pages| {
        let view = pages
            .views
            .calendar(tenant.as_ref(), month, pages.clock.now_ms())?;
        let title = |view: &CalendarView| format!("Store-days of {}", view.month);
        Ok(view.map(|view| html::page(Section::Days, &title(&view), None, None, &calendar::body(&view))))
    })
    .await
}

/// `?owner=finance&kind=unknown-sku&tenant=maple`
#[derive(Debug, Default, serde::Deserialize)]
struct OfExceptions {
    owner: Option<String>,
    kind: Option<String>,
    tenant: Option<String>,
}

async fn exceptions_page(State(pages): State<Pages>, Query(of): Query<OfExceptions>) -> Response {
    let Ok(tenant) = of.tenant.map(|tenant| TenantId::new(&tenant)).transpose() else {
        return missing(
            "The address is /exceptions?owner=DESK&kind=KIND&tenant=TENANT, each part only if wanted.",
        );
    };
    let filter = ExceptionFilter {
        owner: of.owner,
        kind: of.kind,
        tenant,
    };
    ask(pages, move |pages| {
        let view = pages.views.exceptions(&filter)?;
        Ok(Some(html::page(
            Section::Exceptions,
            "Exceptions",
            None,
            None,
            &exceptions::body(&view),
        )))
    })
    .await
}

async fn exception_page(State(pages): State<Pages>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse() else {
        return missing("An exception's address is /exceptions/NUMBER.");
    };
    ask(pages, move |pages| {
        let title = format!("Exception {id}");
        let view = pages.views.exception(id)?;
        Ok(view.map(|view| {
            html::page(
                Section::Exceptions,
                &title,
                Some(&title),
                None,
                &exceptions::one(&view),
            )
        }))
    })
    .await
}

/// `?q=10482`
#[derive(Debug, Default, serde::Deserialize)]
struct OfWords {
    #[serde(default)]
    q: String,
}

async fn find_page(State(pages): State<Pages>, Query(of): Query<OfWords>) -> Response {
    ask(pages, move |pages| {
        let view = pages.views.find(&of.q)?;
        Ok(Some(html::page(
            Section::Find,
            "Find",
            None,
            None,
            &find::body(&view),
        )))
    })
    .await
}

async fn fleet_page(State(pages): State<Pages>) -> Response {
    ask(pages, |pages| {
        let view = pages.views.fleet()?;
        Ok(Some(html::page(
            Section::Fleet,
            "Fleet",
            None,
            None,
            &fleet::body(&view),
        )))
    })
    .await
}

async fn day_page(
    State(pages): State<Pages>,
    Path((tenant, store, day)): Path<(String, String, String)>,
) -> Response {
    let (Ok(tenant), Ok(store), Ok(day)) = (TenantId::new(&tenant), StoreId::new(&store), day.parse()) else {
        return missing("A store-day's address is /days/TENANT/STORE/2026-11-14.");
    };
    ask(pages, move |pages| {
        let view = pages.views.day(&tenant, &store, day, pages.clock.now_ms())?;
        let crumb = |view: &DayView| format!("{}, {}", view.row.name, view.row.day);
        Ok(view.map(|view| {
            html::page(
                Section::Days,
                &crumb(&view),
                Some(&crumb(&view)),
                None,
                &day::body(&view),
            )
        }))
    })
    .await
}

async fn entry_page(State(pages): State<Pages>, Path(key): Path<String>) -> Response {
    ask(pages, move |pages| {
        let view = pages.views.entry(&key)?;
        let title = |view: &EntryView| view.name.clone().unwrap_or_else(|| view.key.clone());
        Ok(view.map(|view| {
            html::page(
                Section::Days,
                &title(&view),
                Some(&title(&view)),
                None,
                &entry::body(&view),
            )
        }))
    })
    .await
}

async fn month_page(State(pages): State<Pages>, Path((tenant, month)): Path<(String, String)>) -> Response {
    let (Ok(tenant), Ok(month)) = (TenantId::new(&tenant), month.parse::<Month>()) else {
        return missing("A month's address is /months/TENANT/2026-11.");
    };
    ask(pages, move |pages| {
        let view = pages.views.month(&tenant, month, pages.clock.now_ms())?;
        let title = format!("Closing {month}");
        Ok(Some(html::page(
            Section::Days,
            &title,
            Some(&title),
            None,
            &month::body(&view),
        )))
    })
    .await
}

async fn stock_page(State(pages): State<Pages>, Path((tenant, store)): Path<(String, String)>) -> Response {
    let (Ok(tenant), Ok(store)) = (TenantId::new(&tenant), StoreId::new(&store)) else {
        return missing("The address of a store's stock is /stock/TENANT/STORE.");
    };
    ask(pages, move |pages| {
        let view = pages.views.stock(&tenant, &store)?;
        let title = |view: &StockView| format!("{}, stock", view.name);
        Ok(view.map(|view| {
            html::page(
                Section::Now,
                &title(&view),
                Some(&title(&view)),
                None,
                &stock::body(&view),
            )
        }))
    })
    .await
}

async fn record_page(State(pages): State<Pages>, Path((segment, number)): Path<(String, u64)>) -> Response {
    let Some(segment) = SegmentId::from_hex(&segment) else {
        return missing(
            "A record's address is /records/SEGMENT/NUMBER, the segment as 32 hexadecimal digits.",
        );
    };
    ask(pages, move |pages| {
        let view = pages.views.record(segment, RecordNumber(number))?;
        let title = format!("Record {number}");
        Ok(view.map(|view| html::page(Section::Days, &title, Some(&title), None, &day::record(&view))))
    })
    .await
}

async fn attachment(State(pages): State<Pages>, Path(digest): Path<String>) -> Response {
    let Some(digest) = Digest::from_hex(&digest) else {
        return missing("An attachment's address is /attachments/DIGEST, 64 hexadecimal digits.");
    };
    match on_a_thread(move || pages.views.attachment(digest)).await {
        Ok(Some(bytes)) => {
            let name = format!("attachment; filename=\"{digest}.bin\"");
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
                (header::CONTENT_DISPOSITION, name),
            ];
            (headers, bytes).into_response()
        }
        Ok(None) => missing("These bytes are not here (yet)."),
        Err(error) => broken(&error),
    }
}

async fn ask<F>(pages: Pages, make: F) -> Response
where
    F: FnOnce(&Pages) -> anyhow::Result<Option<maud::Markup>> + Send + 'static,
{
    match on_a_thread(move || make(&pages)).await {
        Ok(Some(page)) => Html(page.into_string()).into_response(),
        Ok(None) => missing("There is nothing at this address."),
        Err(error) => broken(&error),
    }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?
}

fn missing(what: &str) -> Response {
    (StatusCode::NOT_FOUND, Html(not_found(what))).into_response()
}

fn not_found(what: &str) -> String {
    let body = maud::html! { h1 { "Not found" } p { (what) } p { a href="/" { "To the first page" } } };
    html::page(Section::Elsewhere, "Not found", None, None, &body).into_string()
}

fn broken(error: &anyhow::Error) -> Response {
    tracing::error!("a page could not be made: {error:#}");
    let body = maud::html! {
        h1 { "This page cannot be shown now" }
        p { "The relay could not read its store; capture and posting are not affected by this page. Try again; if it stays, look at the relay's log." }
    };
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        Html(html::page(Section::Elsewhere, "Error", None, None, &body).into_string()),
    )
        .into_response()
}
