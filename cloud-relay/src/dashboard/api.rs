//! What the pages show, for programs: JSON described by OpenAPI (`/api/v1/openapi.json`), and where it is a list also CSV and
//! Parquet.
//!
//! Everything here only reads, with the rights and stores of a person's session or token. Amounts are decimal texts beside
//! their currency, moments are RFC 3339 in UTC. What is here stays: fields may come, none goes and none changes its
//! meaning under `/api/v1`.

mod answer;
mod csv;
mod parquet;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use tillwire_proto::{BusinessDay, StoreId, TenantId};
use tillwire_relay_core::people::Right;
use utoipa::{IntoParams, OpenApi};

use super::Pages;
use super::answers::on_a_thread;
use super::door::Guest;
use super::view::{DaysFilter, ExceptionFilter};
use answer::{Day, DayInFull, Device, Entry, Exception, Found, LedgerLine, Problem, Stock, Store};

/// Most store-days in one answer.
const DAYS_MAX: usize = 10_000;

/// The description.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Tillwire relay",
        description = "What the relay knows, to read. Sign in with a token: `tillwire-relay person token LOGIN --name WHAT`."
    ),
    paths(stores, days, days_csv, days_parquet, day, ledger_csv, ledger_parquet, exceptions, exceptions_csv, exceptions_parquet, exception, entry, devices, stock, find),
    components(schemas(Problem)),
    security(("token" = []))
)]
struct Description;

pub(super) fn routes() -> Router<Pages> {
    Router::new()
        .route("/api/v1/openapi.json", get(description))
        .route("/api/v1/stores", get(stores))
        .route("/api/v1/days", get(days))
        .route("/api/v1/days.csv", get(days_csv))
        .route("/api/v1/days.parquet", get(days_parquet))
        .route("/api/v1/days/{tenant}/{store}/{day}", get(day))
        .route("/api/v1/days/{tenant}/{store}/{day}/ledger.csv", get(ledger_csv))
        .route(
            "/api/v1/days/{tenant}/{store}/{day}/ledger.parquet",
            get(ledger_parquet),
        )
        .route("/api/v1/exceptions", get(exceptions))
        .route("/api/v1/exceptions.csv", get(exceptions_csv))
        .route("/api/v1/exceptions.parquet", get(exceptions_parquet))
        .route("/api/v1/exceptions/{id}", get(exception))
        .route("/api/v1/entries/{*key}", get(entry))
        .route("/api/v1/devices", get(devices))
        .route("/api/v1/stock/{tenant}/{store}", get(stock))
        .route("/api/v1/find", get(find))
}

async fn description() -> Response {
    let mut description = Description::openapi();
    if let Some(components) = &mut description.components {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("token", bearer);
    }
    Json(description).into_response()
}

fn problem(status: StatusCode, detail: impl Into<String>) -> Response {
    let problem = Problem {
        title: status.canonical_reason().unwrap_or("error").to_owned(),
        status: status.as_u16(),
        detail: detail.into(),
    };
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, serde_json::to_string(&problem).unwrap_or_default()).into_response()
}

fn allowed(guest: &Guest, right: Right) -> Result<(), Response> {
    if guest.may(right) {
        return Ok(());
    }
    let words = "the roles of this person do not include this; whoever gives roles can change that";
    Err(problem(StatusCode::FORBIDDEN, words))
}

fn allowed_at(guest: &Guest, right: Right, tenant: &TenantId, store: &StoreId) -> Result<(), Response> {
    if guest.may_at(right, tenant, store) {
        return Ok(());
    }
    let words = format!("the roles or stores of this person do not include {tenant}/{store}");
    Err(problem(StatusCode::FORBIDDEN, words))
}

fn wrong(error: &dyn std::fmt::Display) -> Response {
    problem(StatusCode::BAD_REQUEST, error.to_string())
}

async fn ask<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Response> {
    on_a_thread(work).await.map_err(|error| {
        tracing::error!("the API could not answer: {error:#}");
        let words = "the relay could not read its store; try again, or look at its log";
        problem(StatusCode::INTERNAL_SERVER_ERROR, words)
    })
}

async fn ask_one<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<Option<T>> + Send + 'static,
) -> Result<T, Response> {
    ask(work)
        .await?
        .ok_or_else(|| problem(StatusCode::NOT_FOUND, "there is nothing by this name"))
}

type Answer<T> = Result<Json<T>, Response>;

/// Stores with their links, and sales where they may be seen.
#[utoipa::path(get, path = "/api/v1/stores", responses((status = 200, body = [Store]), (status = 401), (status = 403, body = Problem)))]
async fn stores(State(pages): State<Pages>, guest: Guest) -> Answer<Vec<Store>> {
    allowed(&guest, Right::Fleet).or_else(|no| allowed(&guest, Right::Sales).map_err(|_| no))?;
    let sales = guest.sight.sales;
    let stores = ask(move || pages.views.stores(&guest.sight, pages.clock.now_ms())).await?;
    Ok(Json(stores.iter().map(|row| Store::of(row, sales)).collect()))
}

/// Which store-days.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfDays {
    /// Only of this store: TENANT/STORE.
    store: Option<String>,
    /// Only from this business day on, such as 2026-11-14.
    since: Option<String>,
    /// At most so many; 1,000 when it is not said, 10,000 at most.
    most: Option<usize>,
}

impl OfDays {
    fn filter(&self, guest: &Guest) -> Result<DaysFilter, Response> {
        let store = self.store.as_deref().map(place).transpose()?;
        if let Some((tenant, store)) = &store {
            allowed_at(guest, Right::Sales, tenant, store)?;
        }
        let since = self.since.as_deref().map(str::parse::<BusinessDay>).transpose();
        Ok(DaysFilter {
            store,
            since: since.map_err(|error| wrong(&error))?,
            most: self.most.unwrap_or(1000).clamp(1, DAYS_MAX),
        })
    }
}

fn place(text: &str) -> Result<(TenantId, StoreId), Response> {
    let (tenant, store) = text.split_once('/').ok_or_else(|| {
        wrong(&format!(
            "found store {text:?}, wanted TENANT/STORE such as acme/s01"
        ))
    })?;
    Ok((
        TenantId::new(tenant).map_err(|error| wrong(&error))?,
        StoreId::new(store).map_err(|error| wrong(&error))?,
    ))
}

/// Store-days, newest first.
#[utoipa::path(get, path = "/api/v1/days", params(OfDays), responses((status = 200, body = [Day]), (status = 400, body = Problem), (status = 401), (status = 403, body = Problem)))]
async fn days(State(pages): State<Pages>, guest: Guest, Query(of): Query<OfDays>) -> Answer<Vec<Day>> {
    Ok(Json(days_of(pages, guest, &of).await?))
}

async fn days_of(pages: Pages, guest: Guest, of: &OfDays) -> Result<Vec<Day>, Response> {
    allowed(&guest, Right::Sales)?;
    let filter = of.filter(&guest)?;
    let rows = ask(move || pages.views.days(&guest.sight, &filter)).await?;
    Ok(rows.iter().map(Day::of).collect())
}

/// Store-days as a table.
#[utoipa::path(get, path = "/api/v1/days.csv", params(OfDays), responses((status = 200, content_type = "text/csv"), (status = 401), (status = 403, body = Problem)))]
async fn days_csv(
    State(pages): State<Pages>,
    guest: Guest,
    Query(of): Query<OfDays>,
) -> Result<Response, Response> {
    csv::table("store-days", &days_of(pages, guest, &of).await?)
}

/// Store-days as a Parquet file.
#[utoipa::path(get, path = "/api/v1/days.parquet", params(OfDays), responses((status = 200, content_type = "application/vnd.apache.parquet"), (status = 401), (status = 403, body = Problem)))]
async fn days_parquet(
    State(pages): State<Pages>,
    guest: Guest,
    Query(of): Query<OfDays>,
) -> Result<Response, Response> {
    parquet::table("store-days", &days_of(pages, guest, &of).await?)
}

/// One store-day: its journal as it stands, what Odoo was asked for, what holds it.
#[utoipa::path(get, path = "/api/v1/days/{tenant}/{store}/{day}",
    params(("tenant" = String, Path), ("store" = String, Path), ("day" = String, Path, description = "such as 2026-11-14")),
    responses((status = 200, body = DayInFull), (status = 401), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn day(
    State(pages): State<Pages>,
    guest: Guest,
    Path(of): Path<(String, String, String)>,
) -> Answer<DayInFull> {
    Ok(Json(day_of(pages, guest, of).await?))
}

async fn day_of(
    pages: Pages,
    guest: Guest,
    (tenant, store, day): (String, String, String),
) -> Result<DayInFull, Response> {
    let tenant = TenantId::new(&tenant).map_err(|error| wrong(&error))?;
    let store = StoreId::new(&store).map_err(|error| wrong(&error))?;
    let day = day.parse::<BusinessDay>().map_err(|error| wrong(&error))?;
    allowed_at(&guest, Right::Sales, &tenant, &store)?;
    let view = ask_one(move || pages.views.day(&tenant, &store, day, pages.clock.now_ms())).await?;
    Ok(DayInFull::of(&view))
}

/// A day's journal as a table.
#[utoipa::path(get, path = "/api/v1/days/{tenant}/{store}/{day}/ledger.csv",
    params(("tenant" = String, Path), ("store" = String, Path), ("day" = String, Path)),
    responses((status = 200, content_type = "text/csv"), (status = 401), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn ledger_csv(
    State(pages): State<Pages>,
    guest: Guest,
    Path(of): Path<(String, String, String)>,
) -> Result<Response, Response> {
    let day = day_of(pages, guest, of).await?;
    let lines: Vec<LedgerLine> = day.ledger;
    csv::table("journal", &lines)
}

/// A day's journal as a Parquet file.
#[utoipa::path(get, path = "/api/v1/days/{tenant}/{store}/{day}/ledger.parquet",
    params(("tenant" = String, Path), ("store" = String, Path), ("day" = String, Path)),
    responses((status = 200, content_type = "application/vnd.apache.parquet"), (status = 401), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn ledger_parquet(
    State(pages): State<Pages>,
    guest: Guest,
    Path(of): Path<(String, String, String)>,
) -> Result<Response, Response> {
    parquet::table("journal", &day_of(pages, guest, of).await?.ledger)
}

/// Which exceptions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfExceptions {
    /// Only of this desk, such as finance.
    owner: Option<String>,
    /// Only of this kind, such as unknown-sku.
    kind: Option<String>,
    /// Only of this retailer.
    tenant: Option<String>,
}

/// All open exceptions, the most urgent first.
#[utoipa::path(get, path = "/api/v1/exceptions", params(OfExceptions), responses((status = 200, body = [Exception]), (status = 400, body = Problem), (status = 401)))]
async fn exceptions(
    State(pages): State<Pages>,
    guest: Guest,
    Query(of): Query<OfExceptions>,
) -> Answer<Vec<Exception>> {
    Ok(Json(exceptions_of(pages, guest, of).await?))
}

async fn exceptions_of(pages: Pages, guest: Guest, of: OfExceptions) -> Result<Vec<Exception>, Response> {
    let tenant = of.tenant.map(|tenant| TenantId::new(&tenant)).transpose();
    let filter = ExceptionFilter {
        owner: of.owner,
        kind: of.kind,
        tenant: tenant.map_err(|error| wrong(&error))?,
    };
    let rows = ask(move || pages.views.exception_rows(&guest.sight, &filter)).await?;
    Ok(rows.iter().map(Exception::of).collect())
}

/// Open exceptions as a table.
#[utoipa::path(get, path = "/api/v1/exceptions.csv", params(OfExceptions), responses((status = 200, content_type = "text/csv"), (status = 401)))]
async fn exceptions_csv(
    State(pages): State<Pages>,
    guest: Guest,
    Query(of): Query<OfExceptions>,
) -> Result<Response, Response> {
    csv::table("exceptions", &exceptions_of(pages, guest, of).await?)
}

/// Open exceptions as a Parquet file.
#[utoipa::path(get, path = "/api/v1/exceptions.parquet", params(OfExceptions), responses((status = 200, content_type = "application/vnd.apache.parquet"), (status = 401)))]
async fn exceptions_parquet(
    State(pages): State<Pages>,
    guest: Guest,
    Query(of): Query<OfExceptions>,
) -> Result<Response, Response> {
    parquet::table("exceptions", &exceptions_of(pages, guest, of).await?)
}

/// One exception, open or closed.
#[utoipa::path(get, path = "/api/v1/exceptions/{id}", params(("id" = i64, Path)), responses((status = 200, body = Exception), (status = 401), (status = 404, body = Problem)))]
async fn exception(State(pages): State<Pages>, guest: Guest, Path(id): Path<String>) -> Answer<Exception> {
    let id: i64 = id.parse().map_err(|error| wrong(&error))?;
    let view = ask_one(move || pages.views.exception(&guest.sight, id)).await?;
    Ok(Json(Exception::in_full(&view)))
}

/// An entry of Odoo, line by line down to tickets, by its external id or its name there.
#[utoipa::path(get, path = "/api/v1/entries/{key}", params(("key" = String, Path)), responses((status = 200, body = Entry), (status = 401), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn entry(State(pages): State<Pages>, guest: Guest, Path(key): Path<String>) -> Answer<Entry> {
    allowed(&guest, Right::Sales)?;
    let view = ask_one(move || pages.views.entry(&guest.sight, &key)).await?;
    Ok(Json(Entry::of(&view)))
}

/// Devices, those that need a look first.
#[utoipa::path(get, path = "/api/v1/devices", responses((status = 200, body = [Device]), (status = 401), (status = 403, body = Problem)))]
async fn devices(State(pages): State<Pages>, guest: Guest) -> Answer<Vec<Device>> {
    allowed(&guest, Right::Fleet)?;
    let view = ask(move || pages.views.fleet(&guest.sight)).await?;
    Ok(Json(view.devices.iter().map(Device::of).collect()))
}

/// A store's stock as last compared with Odoo: what differs, and why.
#[utoipa::path(get, path = "/api/v1/stock/{tenant}/{store}", params(("tenant" = String, Path), ("store" = String, Path)), responses((status = 200, body = Stock), (status = 401), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn stock(
    State(pages): State<Pages>,
    guest: Guest,
    Path((tenant, store)): Path<(String, String)>,
) -> Answer<Stock> {
    let tenant = TenantId::new(&tenant).map_err(|error| wrong(&error))?;
    let store = StoreId::new(&store).map_err(|error| wrong(&error))?;
    allowed_at(&guest, Right::Sales, &tenant, &store)?;
    let view = ask_one(move || pages.views.stock(&tenant, &store)).await?;
    Ok(Json(Stock::of(&view)))
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfWords {
    /// A ticket, amount, authorisation code, reference, item or serial number.
    q: String,
}

/// Records by anything in hand.
#[utoipa::path(get, path = "/api/v1/find", params(OfWords), responses((status = 200, body = Found), (status = 401), (status = 403, body = Problem)))]
async fn find(State(pages): State<Pages>, guest: Guest, Query(of): Query<OfWords>) -> Answer<Found> {
    allowed(&guest, Right::Sales)?;
    let view = ask(move || pages.views.find(&guest.sight, &of.q)).await?;
    Ok(Json(Found::of(&view)))
}

#[cfg(test)]
mod tests;
