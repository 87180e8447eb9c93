//! The pages: one look tells whether every sale is in.
//!
//! This module writes HTML and keeps open pages up to date; it asks [`Views`] for what to show and decides nothing
//! about sales. One task renders the live parts for everybody, at most four times a second and only after something
//! changed, so that a thousand open pages cost one rendering.
//!
//! Who looks is asked at the [`door`]; what they see and may do is the core's table. Every act goes through
//! [`crate::desk`] or [`crate::people`], as on the command line.

#![allow(
    clippy::result_large_err,
    reason = "whoever may not go on gets a page too, and it is made once per request"
)]

mod acts;
mod answers;
mod api;
mod assets;
mod calendar;
mod caller;
mod chart;
mod day;
mod door;
mod entry;
mod evidence;
mod exceptions;
mod find;
mod fleet;
mod from_store;
mod html;
mod live;
mod month;
mod now;
mod people;
mod record;
mod stock;
pub mod view;
mod views;

pub(crate) use door::may_scrape;
pub use from_store::StoreViews;
pub use views::Views;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tillwire_proto::{StoreId, TenantId};
use tokio::sync::broadcast;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::clock::Clock;
use crate::enrol::Enrolments;
use crate::events::RelayEvent;
use crate::limiter::Limiter;
use crate::mapping::InForce;
use crate::people::People;
use crate::store::Store;
use answers::{ask, broken, missing, on_a_thread};
use door::Guest;
use html::Section;
use tillwire_relay_core::closing::Month;
use tillwire_relay_core::people::Right;
use view::{CalendarView, DayView, EntryView, ExceptionFilter, StockView};

/// What the pages need to know people and to do what they ask.
#[derive(Debug)]
pub struct Inside {
    /// The door.
    pub people: People,
    /// The store.
    pub store: Store,
    /// The mapping in force.
    pub in_force: InForce,
    /// The mapping file's text, where one is configured and none was put in force yet.
    pub configured_mapping: Option<String>,
    /// How boxes become devices.
    pub enrolments: Arc<Enrolments<Store>>,
    /// Signs exports of the audit log.
    pub receipt_key: Arc<ring::signature::Ed25519KeyPair>,
}

#[derive(Clone)]
struct Pages {
    views: Arc<dyn Views>,
    clock: Clock,
    live: live::Live,
    inside: Option<Arc<Inside>>,
    refusals: Arc<Limiter<String>>,
}

/// The routes of the pages. Without `inside` there is no login: the pages show everything, and nothing can be done on
/// them. Starts the one task that renders the live parts; it ends with the last event sender.
pub fn router(
    views: Arc<dyn Views>,
    clock: Clock,
    events: broadcast::Receiver<RelayEvent>,
    inside: Option<Arc<Inside>>,
) -> Router {
    let live = live::Live::start(Arc::clone(&views), clock.clone(), events);
    let refusals = Arc::new(Limiter::new(door::REFUSALS, clock.now_ms()));
    let pages = Pages {
        views,
        clock,
        live,
        inside,
        refusals,
    };
    Router::new()
        .merge(people::routes())
        .merge(api::routes())
        .route("/", get(now_page))
        .route("/stores", get(stores_page))
        .route("/live", get(live_stream))
        .route("/days", get(calendar_page))
        .route("/days/{tenant}", get(calendar_of))
        .route("/days/{tenant}/{store}/{day}", get(day_page).post(acts::day))
        .route("/exceptions", get(exceptions_page).post(acts::many::exceptions))
        .route("/exceptions/{id}", get(exception_page).post(acts::exception))
        .route("/exceptions/{id}/fix", get(acts::fix_preview))
        .route("/approvals", get(acts::approvals::approvals))
        .route("/approvals/{id}", axum::routing::post(acts::approvals::approval))
        .route("/find", get(find_page))
        .route("/fleet", get(fleet_page).post(acts::fleet))
        .route("/entries/{*key}", get(entry_page))
        .route("/months/{tenant}/{month}", get(month_page))
        .route("/stock/{tenant}/{store}", get(stock_page))
        .route("/records/{segment}/{number}", get(evidence::record))
        .route("/attachments/{digest}", get(evidence::attachment))
        .route("/assets/{name}", get(assets::serve))
        .fallback(no_such_page)
        .layer(from_fn_with_state(pages.clone(), door::note_refusals))
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

async fn now_page(State(pages): State<Pages>, guest: Guest) -> Response {
    ask(pages, guest, |pages, guest| {
        let view = pages.views.now(&guest.sight, pages.clock.now_ms())?;
        Ok(Some(html::page(
            guest,
            Section::Now,
            "Now",
            None,
            Some("/live"),
            &now::body(&view),
        )))
    })
    .await
}

/// `?state=link+down&q=main`
#[derive(Debug, Default, serde::Deserialize)]
struct OfStores {
    #[serde(default)]
    state: String,
    #[serde(default)]
    q: String,
}

async fn stores_page(State(pages): State<Pages>, guest: Guest, Query(of): Query<OfStores>) -> Response {
    ask(pages, guest, move |pages, guest| {
        let all = pages.views.stores(&guest.sight, pages.clock.now_ms())?;
        let body = now::all_stores(&all, &of.state, &of.q, guest.sight.sales);
        Ok(Some(html::page(
            guest,
            Section::Now,
            "Stores",
            Some("Stores"),
            None,
            &body,
        )))
    })
    .await
}

async fn no_such_page() -> Response {
    missing(&Guest::outside(), "No such page.")
}

async fn live_stream(State(pages): State<Pages>, guest: Guest) -> Response {
    let (inside, session) = (pages.inside.clone(), guest.visitor.map(|visitor| visitor.session));
    let still_open = move || {
        let inside = inside.clone();
        async move {
            match (inside, session) {
                (Some(inside), Some(session)) => inside.people.is_open(session).await.unwrap_or(false),
                _ => true,
            }
        }
    };
    pages.live.stream(&guest.sight, still_open).into_response()
}

/// `?month=2026-11&page=2`
#[derive(Debug, Default, serde::Deserialize)]
struct OfMonth {
    month: Option<String>,
    page: Option<String>,
}

async fn calendar_page(State(pages): State<Pages>, guest: Guest, Query(of): Query<OfMonth>) -> Response {
    calendar_in(pages, guest, None, of).await
}

async fn calendar_of(
    State(pages): State<Pages>,
    guest: Guest,
    Path(tenant): Path<String>,
    Query(of): Query<OfMonth>,
) -> Response {
    calendar_in(pages, guest, Some(tenant), of).await
}

async fn calendar_in(pages: Pages, guest: Guest, tenant: Option<String>, of: OfMonth) -> Response {
    if let Err(no) = guest.needs(Right::Sales) {
        return no;
    }
    let tenant = tenant.map(|tenant| TenantId::new(&tenant)).transpose();
    let month = of.month.map(|month| month.parse::<Month>()).transpose();
    let page = of.page.map_or(Ok(1), |page| page.parse::<usize>());
    let (Ok(tenant), Ok(month), Ok(page)) = (tenant, month, page) else {
        return missing(
            &guest,
            "A calendar's address is /days/TENANT?month=2026-11&page=1.",
        );
    };
    ask(pages, guest, move |pages, guest| {
        let view =
            pages
                .views
                .calendar(&guest.sight, tenant.as_ref(), (month, page), pages.clock.now_ms())?;
        let title = |view: &CalendarView| format!("Store-days of {}", view.month);
        Ok(view.map(|view| {
            html::page(
                guest,
                Section::Days,
                &title(&view),
                None,
                None,
                &calendar::body(&view),
            )
        }))
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

async fn exceptions_page(
    State(pages): State<Pages>,
    guest: Guest,
    Query(of): Query<OfExceptions>,
) -> Response {
    let Ok(tenant) = of.tenant.map(|tenant| TenantId::new(&tenant)).transpose() else {
        return missing(
            &guest,
            "The address is /exceptions?owner=DESK&kind=KIND&tenant=TENANT, each part only if wanted.",
        );
    };
    let filter = ExceptionFilter {
        owner: of.owner,
        kind: of.kind,
        tenant,
    };
    ask(pages, guest, move |pages, guest| {
        let view = pages.views.exceptions(&guest.sight, &filter)?;
        Ok(Some(html::page(
            guest,
            Section::Exceptions,
            "Exceptions",
            None,
            None,
            &exceptions::body(&view, guest),
        )))
    })
    .await
}

async fn exception_page(State(pages): State<Pages>, guest: Guest, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse() else {
        return missing(&guest, "An exception's address is /exceptions/NUMBER.");
    };
    ask(pages, guest, move |pages, guest| {
        let title = format!("Exception {id}");
        let view = pages.views.exception(&guest.sight, id)?;
        Ok(view.map(|view| {
            html::page(
                guest,
                Section::Exceptions,
                &title,
                Some(&title),
                None,
                &exceptions::one(&view, guest),
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

async fn find_page(State(pages): State<Pages>, guest: Guest, Query(of): Query<OfWords>) -> Response {
    if let Err(no) = guest.needs(Right::Sales) {
        return no;
    }
    ask(pages, guest, move |pages, guest| {
        let view = pages.views.find(&guest.sight, &of.q)?;
        Ok(Some(html::page(
            guest,
            Section::Find,
            "Find",
            None,
            None,
            &find::body(&view),
        )))
    })
    .await
}

async fn fleet_page(State(pages): State<Pages>, guest: Guest) -> Response {
    if let Err(no) = guest.needs(Right::Fleet) {
        return no;
    }
    ask(pages, guest, |pages, guest| {
        let view = pages.views.fleet(&guest.sight)?;
        Ok(Some(html::page(
            guest,
            Section::Fleet,
            "Fleet",
            None,
            None,
            &fleet::body(&view, guest),
        )))
    })
    .await
}

async fn day_page(
    State(pages): State<Pages>,
    guest: Guest,
    Path((tenant, store, day)): Path<(String, String, String)>,
) -> Response {
    let (Ok(tenant), Ok(store), Ok(day)) = (TenantId::new(&tenant), StoreId::new(&store), day.parse()) else {
        return missing(&guest, "A store-day's address is /days/TENANT/STORE/2026-11-14.");
    };
    if let Err(no) = guest.needs_at(Right::Sales, &tenant, &store) {
        return no;
    }
    ask(pages, guest, move |pages, guest| {
        let view = pages.views.day(&tenant, &store, day, pages.clock.now_ms())?;
        let crumb = |view: &DayView| format!("{}, {}", view.row.name, view.row.day);
        Ok(view.map(|view| {
            html::page(
                guest,
                Section::Days,
                &crumb(&view),
                Some(&crumb(&view)),
                None,
                &day::body(&view, guest),
            )
        }))
    })
    .await
}

async fn entry_page(State(pages): State<Pages>, guest: Guest, Path(key): Path<String>) -> Response {
    if let Err(no) = guest.needs(Right::Sales) {
        return no;
    }
    ask(pages, guest, move |pages, guest| {
        let view = pages.views.entry(&guest.sight, &key)?;
        let title = |view: &EntryView| view.name.clone().unwrap_or_else(|| view.key.clone());
        Ok(view.map(|view| {
            html::page(
                guest,
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

async fn month_page(
    State(pages): State<Pages>,
    guest: Guest,
    Path((tenant, month)): Path<(String, String)>,
) -> Response {
    if let Err(no) = guest.needs(Right::Sales) {
        return no;
    }
    let (Ok(tenant), Ok(month)) = (TenantId::new(&tenant), month.parse::<Month>()) else {
        return missing(&guest, "A month's address is /months/TENANT/2026-11.");
    };
    ask(pages, guest, move |pages, guest| {
        let view = pages
            .views
            .month(&guest.sight, &tenant, month, pages.clock.now_ms())?;
        let title = format!("Closing {month}");
        Ok(Some(html::page(
            guest,
            Section::Days,
            &title,
            Some(&title),
            None,
            &month::body(&view),
        )))
    })
    .await
}

async fn stock_page(
    State(pages): State<Pages>,
    guest: Guest,
    Path((tenant, store)): Path<(String, String)>,
) -> Response {
    let (Ok(tenant), Ok(store)) = (TenantId::new(&tenant), StoreId::new(&store)) else {
        return missing(&guest, "The address of a store's stock is /stock/TENANT/STORE.");
    };
    if let Err(no) = guest.needs_at(Right::Sales, &tenant, &store) {
        return no;
    }
    ask(pages, guest, move |pages, guest| {
        let view = pages.views.stock(&tenant, &store)?;
        let title = |view: &StockView| format!("{}, stock", view.name);
        Ok(view.map(|view| {
            html::page(
                guest,
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

#[cfg(test)]
mod tests;
