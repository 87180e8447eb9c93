//! A store-day through the real line into Odoo, with every call counted, and the same tickets posted one by one.
//!
//! Against the simulator, unless `TILLWIRE_ODOO_URL`, `_DB` and `_KEY` (and perhaps `_LOGIN`) name a real server, where
//! the day is smaller and only times are compared.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::bench::figures::{Table, ms};
use crate::bench::workdir;
use crate::odoo_company::journal_code;
use crate::odoo_sim::CallRecord;
use crate::shop::{Event, Plan, What};
use crate::world::{OdooAt, Pace, Setup, World};

/// Tickets a register; a store has two.
const TICKETS: usize = 500;

/// The same on a real server, which takes its time.
const TICKETS_REAL: usize = 50;

const PATIENCE: Duration = Duration::from_secs(600);

pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let folder = workdir()?;
    let mut setup = Setup::new(7, 1, std::env::current_exe()?, folder.path().to_owned());
    setup.tenant = "bench".to_owned();
    let real = real();
    let tickets = if real.is_some() { TICKETS_REAL } else { TICKETS };
    if let Some(at) = real {
        setup.odoo = at;
    }
    let world = World::start(&setup).await?;
    let plan = Plan {
        tickets,
        unknown_sku: false,
        close: true,
    };
    let events = world.shop.day(plan, 0);
    let count = events
        .iter()
        .filter(|event| matches!(event.what, What::Ticket(_)))
        .count();
    world.play(world.date, &events, Pace::AtOnce).await?;
    let start = Instant::now();
    let verdict = world.verdict(PATIENCE).await?;
    let posted = start.elapsed();
    ensure!(verdict.is_good(), "the day was not booked: {:?}", verdict.0);
    table.floor("tickets of the store-day that goes to Odoo", count.to_string());
    table.floor("close at the till → books and stock equal in Odoo", ms(posted));
    if let Some(sim) = &world.odoo.sim {
        counted(table, &sim.calls())?;
    }
    let (calls, time) = one_by_one(&world, &events).await?;
    table.floor("each ticket by itself: calls (books only)", calls.to_string());
    table.floor("each ticket by itself: time", ms(time));
    Ok(())
}

fn real() -> Option<OdooAt> {
    let var = |name: &str| std::env::var(format!("TILLWIRE_ODOO_{name}")).ok();
    Some(OdooAt::Real {
        url: var("URL")?,
        db: var("DB")?,
        login: var("LOGIN").unwrap_or_else(|| "admin".to_owned()),
        key: var("KEY")?,
    })
}

/// The relay's own calls; the checker's are somebody else's.
fn counted(table: &mut Table, calls: &[CallRecord]) -> Result<()> {
    let ours = calls
        .iter()
        .find(|call| call.model == "account.move" && call.method == "action_post")
        .context("nothing was posted")?
        .uid;
    let of = |models: &[&str]| {
        let ours = calls.iter().filter(|call| call.uid == ours);
        let writes_or_looks = |call: &&CallRecord| {
            models.contains(&call.model.as_str())
                && !matches!(
                    call.method.as_str(),
                    "fields_get" | "check_access_rights" | "has_access"
                )
        };
        ours.filter(writes_or_looks).count()
    };
    let entries = calls
        .iter()
        .filter(|call| call.uid == ours && call.model == "account.move" && call.method == "load")
        .count();
    let pickings = calls
        .iter()
        .filter(|call| call.uid == ours && call.model == "stock.picking" && call.method == "load")
        .count();
    let books = of(&["account.move", "account.move.line"]);
    let found = format!("{books} calls for {entries} entries");
    table.goal(
        "Odoo calls for the books of the store-day",
        "≤ 5",
        found,
        books <= 5,
    );
    let stock = of(&["stock.picking", "stock.move", "stock.move.line"]);
    let met = stock <= 2 * pickings;
    let found = format!("{stock} calls for {pickings} batches");
    table.goal("Odoo calls for stock", "≤ 2 a batch", found, met);
    Ok(())
}

/// What a till that writes to Odoo itself would do: an entry per ticket, created and posted.
async fn one_by_one(world: &World, events: &[Event]) -> Result<(usize, Duration)> {
    let (api, chart) = (&world.odoo.api, &world.chart);
    let one = |rows: Vec<serde_json::Value>| rows.first().and_then(|row| row["id"].as_i64());
    let account = async |code: &str| {
        let found = api
            .search("account.account", json!([["code", "=", code]]), &["id"])
            .await?;
        one(found).with_context(|| format!("account {code} is not there"))
    };
    let (cash, revenue) = (account(&chart.cash).await?, account(&chart.revenue).await?);
    let journal = api
        .search(
            "account.journal",
            json!([["code", "=", journal_code(0)]]),
            &["id"],
        )
        .await?;
    let journal = one(journal).context("the journal is not there")?;
    let mut calls = 0;
    let start = Instant::now();
    for event in events {
        let What::Ticket(ticket) = &event.what else {
            continue;
        };
        let cents = crate::cents::decimal(ticket.payments.iter().map(|payment| payment.amount.abs()).sum());
        let line =
            |account: i64, side: &str| json!([0, 0, {"account_id": account, side: cents, "name": "sale"}]);
        let lines = json!([line(cash, "debit"), line(revenue, "credit")]);
        let entry = json!([{"journal_id": journal, "move_type": "entry", "line_ids": lines}]);
        let made = api
            .call("account.move", "create", json!([entry]), json!({}))
            .await?;
        api.call("account.move", "action_post", json!([made]), json!({}))
            .await?;
        calls += 2;
    }
    Ok((calls, start.elapsed()))
}
