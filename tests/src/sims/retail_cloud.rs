//! A retailer's account at Heartland Retail: tickets over its REST interface (v1) with a bearer token, sales orders over its
//! newer one (GraphQL), and webhooks. It filters by whole minutes, shows a ticket later than its time says, and misbehaves when told: too many requests, errors, cut
//! answers, a token that is not taken any more.

mod checks;
mod consent;
mod graph;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::shop::{Event, Plan, Shop, What};
use crate::till_sim::{self, Clock, order_json};
use crate::world;

pub use consent::App;

/// What goes wrong with one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mishap {
    /// 429, with `Retry-After` in seconds.
    TooMany(u64),
    /// This status, without a body worth reading.
    Status(u16),
    /// The answer ends in the middle, and says that it is whole.
    Cut,
    /// A ticket changes while the answer is on its way, as at a busy account: the nth that is listed.
    Touched(usize),
}

#[derive(Debug, Default)]
struct Held {
    tickets: BTreeMap<u64, Value>,
    orders: graph::Orders,
    /// Payments that stand on no ticket.
    payments: Vec<Value>,
    no_payments: bool,
    stock: Vec<checks::Stock>,
    mishaps: VecDeque<Mishap>,
    token: String,
    app: Option<consent::App>,
    codes: Vec<(String, bool)>,
    asked: Vec<String>,
    /// The most tickets of a page, whatever is asked for.
    page_max: usize,
}

/// The account. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Account(Arc<Mutex<Held>>);

impl Account {
    /// An empty account that takes this token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(Arc::new(Mutex::new(Held {
            token: token.to_owned(),
            page_max: 5_000,
            ..Held::default()
        })))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a ticket there, or in place of what it was. It must have an `id` and an `updated_at`.
    ///
    /// # Errors
    /// When it has no id.
    pub fn put(&self, ticket: Value) -> anyhow::Result<()> {
        let id = ticket["id"].as_u64().context("found a ticket without an id")?;
        self.held().tickets.insert(id, ticket);
        Ok(())
    }

    /// Puts an order of a station there, or in place of what it was.
    ///
    /// # Errors
    /// When it has no id.
    pub fn put_order(&self, station: &str, order: Value) -> anyhow::Result<()> {
        let id = order["id"].as_str().context("found an order without an id")?;
        let mut held = self.held();
        let orders = held.orders.entry(station.to_owned()).or_default();
        orders.retain(|held| held["id"] != id);
        orders.push(order);
        Ok(())
    }

    /// Gives a ticket this time of change.
    pub fn touch(&self, id: u64, at: Timestamp) {
        if let Some(ticket) = self.held().tickets.get_mut(&id) {
            ticket["updated_at"] = json!(at.to_string());
        }
    }

    /// This application may ask for consent.
    pub fn knows(&self, app: App) {
        self.held().app = Some(app);
    }

    /// The next answers go wrong, one after the other.
    pub fn goes_wrong(&self, mishaps: impl IntoIterator<Item = Mishap>) {
        self.held().mishaps.extend(mishaps);
    }

    /// From now on only this token is taken.
    pub fn takes_only(&self, token: &str) {
        token.clone_into(&mut self.held().token);
    }

    /// Pages are never longer than this.
    pub fn page_max(&self, tickets: usize) {
        self.held().page_max = tickets;
    }

    /// Paths and queries that were asked for.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.held().asked.clone()
    }

    /// Serves on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When it cannot be listened on.
    pub async fn serve(&self, listen: SocketAddr) -> anyhow::Result<(SocketAddr, JoinHandle<()>)> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/api/sales/tickets", get(list))
            .route("/api/sales/tickets/{id}", get(one))
            .route("/api/payments", get(checks::payments))
            .route("/api/inventory/values", get(checks::inventory))
            .route("/oauth/authorize", get(consent::authorize))
            .route("/api/oauth/token", get(consent::token).post(consent::token))
            .route("/api/system/host", get(consent::host))
            .route("/api/graphql", post(graph::graphql))
            .route("/api/system/whoami", get(whoami))
            .with_state(self.clone());
        let serving = tokio::spawn(async move {
            let _ended = axum::serve(listener, router).await;
        });
        Ok((address, serving))
    }

    /// Tells a receiver that a ticket was completed: the bare ticket, without lines and payments, as Heartland does.
    /// Returns the status of its answer.
    ///
    /// # Errors
    /// When the ticket is not there, or nobody answers.
    pub async fn tell(&self, url: &str, id: u64) -> anyhow::Result<u16> {
        let mut body = self.held().tickets.get(&id).cloned().context("no such ticket")?;
        if let Some(ticket) = body.as_object_mut() {
            ticket.remove("lines");
            ticket.remove("payments");
        }
        let answer = reqwest::Client::builder()
            .no_proxy()
            .build()?
            .post(url)
            .json(&body)
            .send()
            .await?;
        Ok(answer.status().as_u16())
    }

    /// What comes in the place of an answer, and what is done before one.
    #[expect(clippy::result_large_err, reason = "an answer is no error that travels far")]
    fn before(&self, headers: &HeaderMap, asked: &str) -> Result<Option<Mishap>, Response> {
        let mut held = self.held();
        held.asked.push(asked.to_owned());
        let wanted = format!("Bearer {}", held.token);
        if headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            != Some(&wanted)
        {
            return Err((StatusCode::UNAUTHORIZED, r#"{"message":"Unauthorized"}"#).into_response());
        }
        match held.mishaps.pop_front() {
            Some(Mishap::TooMany(seconds)) => {
                let wait = [(header::RETRY_AFTER, seconds.to_string())];
                Err((StatusCode::TOO_MANY_REQUESTS, wait, r#"{"message":"slow down"}"#).into_response())
            }
            Some(Mishap::Status(status)) => Err(StatusCode::from_u16(status)
                .unwrap_or(StatusCode::BAD_GATEWAY)
                .into_response()),
            other => Ok(other),
        }
    }
}

fn answered(body: &Value, mishap: Option<&Mishap>) -> Response {
    let mut text = body.to_string();
    if mishap == Some(&Mishap::Cut) {
        text.truncate(text.len() / 2);
    }
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

async fn list(State(account): State<Account>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let mishap = match account.before(&headers, &format!("/api/sales/tickets?{query}")) {
        Ok(mishap) => mishap,
        Err(answer) => return answer,
    };
    let Some(asked) = Asked::of(&query) else {
        return (StatusCode::BAD_REQUEST, r#"{"message":"bad filter"}"#).into_response();
    };
    let mut held = account.held();
    let (page, found) = asked.page_of(&held.tickets, held.page_max);
    if let Some(Mishap::Touched(nth)) = mishap
        && let Some((_, id)) = found.get(nth)
        && let Some((last, _)) = found.last()
        && let Some(ticket) = held.tickets.get_mut(id)
    {
        let later = Timestamp::from_second(last.as_second() + 1).unwrap_or(*last);
        ticket["updated_at"] = json!(later.to_string());
    }
    answered(&page, mishap.as_ref())
}

async fn one(State(account): State<Account>, headers: HeaderMap, Path(id): Path<u64>) -> Response {
    let mishap = match account.before(&headers, &format!("/api/sales/tickets/{id}")) {
        Ok(mishap) => mishap,
        Err(answer) => return answer,
    };
    match account.held().tickets.get(&id) {
        Some(ticket) => answered(ticket, mishap.as_ref()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn whoami(State(account): State<Account>, headers: HeaderMap) -> Response {
    match account.before(&headers, "/api/system/whoami") {
        Ok(mishap) => answered(&json!({ "login": "tillwire" }), mishap.as_ref()),
        Err(answer) => answer,
    }
}

/// The values of a query or form.
fn pairs(query: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://account/?{query}"));
    url.map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default()
}

/// What a list is asked for.
struct Asked {
    since: Timestamp,
    until: Option<Timestamp>,
    /// Only tickets with a higher id.
    behind: u64,
    by_id: bool,
    len: usize,
    page: usize,
}

impl Asked {
    fn of(query: &str) -> Option<Self> {
        let parts = pairs(query);
        let filter: Value = serde_json::from_str(parts.get("_filter")?).ok()?;
        let number = |key: &str, usual: usize| parts.get(key).map_or(Some(usual), |text| text.parse().ok());
        Some(Self {
            since: filter["updated_at"]["$gte"].as_str()?.parse().ok()?,
            until: match filter["updated_at"]["$lt"].as_str() {
                Some(text) => Some(text.parse().ok()?),
                None => None,
            },
            behind: filter["id"]["$gt"].as_u64().unwrap_or_default(),
            by_id: parts.get("sort").is_some_and(|sort| sort == "id"),
            len: number("per_page", 20)?,
            page: number("page", 1)?.max(1),
        })
    }

    /// The page, and all that is listed: when each changed, and its id.
    fn page_of(&self, all: &BTreeMap<u64, Value>, page_max: usize) -> (Value, Vec<(Timestamp, u64)>) {
        let minute = |at: Timestamp| at.as_second().div_euclid(60);
        let mut found: Vec<(Timestamp, u64)> = all
            .iter()
            .filter_map(|(id, one)| Some((one["updated_at"].as_str()?.parse().ok()?, *id)))
            .filter(|(at, id)| {
                minute(*at) >= minute(self.since)
                    && self.until.is_none_or(|until| minute(*at) < minute(until))
                    && *id > self.behind
            })
            .collect();
        found.sort_unstable_by_key(|(at, id)| {
            if self.by_id {
                (Timestamp::UNIX_EPOCH, *id)
            } else {
                (*at, *id)
            }
        });
        let (total, len) = (found.len(), self.len.min(page_max));
        let results = found.iter().skip((self.page - 1) * len).take(len);
        let results: Vec<&Value> = results.filter_map(|(_, id)| all.get(id)).collect();
        let page = json!({ "total": total, "pages": total.div_ceil(len.max(1)), "per_page": len, "results": results });
        (page, found)
    }
}

/// What `sim retail-cloud` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The token that it takes.
    #[arg(long, default_value = "sim-token")]
    token: String,
    /// File with tickets, as a JSON list or an object with `results`; each with `id` and `updated_at`. A made-up day of a
    /// made-up shop when absent.
    #[arg(long)]
    tickets: Option<PathBuf>,
    /// Show the made-up day as orders of the newer interface instead of tickets.
    #[arg(long, conflicts_with = "tickets")]
    orders: bool,
    /// Know an application, `sim-app` with secret `sim-secret`, that is sent on to this address with a code.
    #[arg(long, value_name = "REDIRECT_URI")]
    oauth: Option<String>,
    /// Address of a webhook receiver that is told of each ticket at the start.
    #[arg(long)]
    hook: Option<String>,
    /// Every nth answer is 429, 502 and cut, in turn; 0 for none.
    #[arg(long, default_value_t = 0)]
    misbehave_every: usize,
}

/// Serves until it is stopped.
///
/// # Errors
/// When the tickets cannot be read or the address not be listened on.
#[expect(clippy::print_stdout, reason = "it tells its address")]
pub async fn run(args: Args) -> anyhow::Result<()> {
    let account = Account::new(&args.token);
    if let Some(redirect_uri) = &args.oauth {
        account.knows(App {
            client_id: "sim-app".to_owned(),
            client_secret: "sim-secret".to_owned(),
            redirect_uri: redirect_uri.clone(),
            query_only: false,
            host: args.listen.ip().to_string(),
        });
    }
    let tickets = match &args.tickets {
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let value: Value =
                serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))?;
            value
                .as_array()
                .or(value["results"].as_array())
                .cloned()
                .context("found no list of tickets")?
        }
        None if args.orders => Vec::new(),
        None => made_up()?,
    };
    for (station, order) in if args.orders { made_up_orders() } else { Vec::new() } {
        println!(
            "order  {} of station {station}",
            order["orderNumber"].as_str().unwrap_or_default()
        );
        account.put_order(&station, order)?;
    }
    let ids: Vec<u64> = tickets
        .iter()
        .filter_map(|ticket| ticket["id"].as_u64())
        .collect();
    for ticket in tickets {
        account.put(ticket)?;
    }
    if args.misbehave_every > 0 {
        let kinds = [Mishap::TooMany(2), Mishap::Status(502), Mishap::Cut];
        let well = std::iter::repeat_n(Mishap::Touched(usize::MAX), args.misbehave_every - 1);
        let turns = (0..10_000).flat_map(|turn| well.clone().chain([kinds[turn % kinds.len()].clone()]));
        account.goes_wrong(turns);
    }
    let shop = made_up_shop();
    for product in &shop.products {
        account.stocks(product.item_id, &product.sku, shop.stores[0].location_id, "40");
    }
    let (address, serving) = account.serve(args.listen).await?;
    println!(
        "url    http://{address}\ntoken  {}\n{} tickets",
        args.token,
        ids.len()
    );
    for id in ids.iter().filter(|_| args.hook.is_some()) {
        let url = args.hook.as_deref().unwrap_or_default();
        println!("webhook for ticket {id}: {}", account.tell(url, *id).await?);
    }
    tokio::select! {
        ended = serving => ended?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(())
}

fn made_up_shop() -> Shop {
    Shop::new(7, "acme", 1)
}

/// Today's events of a made-up store.
fn made_up_day() -> (Shop, Vec<Event>) {
    let shop = made_up_shop();
    let plan = Plan {
        tickets: 20,
        unknown_sku: false,
        close: false,
    };
    let events = shop.day(plan, 0);
    (shop, events)
}

/// Today's tickets of a made-up store.
fn made_up() -> anyhow::Result<Vec<Value>> {
    let (shop, events) = made_up_day();
    let tickets = events
        .iter()
        .filter(|event| matches!(event.what, What::Ticket(_)));
    tickets
        .map(|event| {
            let (_, body) = till_sim::telling(&shop, world::trading_day(), Clock::default(), event);
            Ok(serde_json::from_str(&body)?)
        })
        .collect()
}

/// The same as orders, each with its station.
fn made_up_orders() -> Vec<(String, Value)> {
    let (shop, events) = made_up_day();
    let date = world::trading_day();
    let orders = events.iter().filter_map(|event| match &event.what {
        What::Ticket(ticket) => Some(order_json(&shop, event, ticket, date, Clock::default(), false)),
        _ => None,
    });
    orders.collect()
}
