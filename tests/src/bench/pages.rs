//! The pages of a retailer with 2,000 stores, 400 days and ten million tickets: how long a browser on this machine waits for
//! each, and how large it is. Records themselves are not made: pages read days, names, devices and exceptions.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use tillwire_proto::{Amount, Currency, StoreId, TenantId};
use tillwire_relay::clock::Clock;
use tillwire_relay::dashboard::{StoreViews, router};
use tillwire_relay::endpoint::Downlink;
use tillwire_relay::store::{Store, StoreOptions};
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use tillwire_relay_core::settings::{RelaySettings, StoreDraft};

use super::figures::{Table, Times, ms};
use super::workdir;
use crate::till_sim::http;

const STORES: usize = 2_000;
const DAYS: i32 = 400;
const TICKETS: usize = 10_000_000;
const EXCEPTIONS: usize = 500;

/// Asked so often each, after some to warm up.
const ASKED: usize = 120;
const WARM: usize = 10;

/// The goal of every page, for 99 of 100.
const GOAL: Duration = Duration::from_millis(50);

/// The last business day, 2026-11-14, and a moment in it.
const LAST_DAY: i32 = 20_771;
const NOW_MS: i64 = LAST_DAY as i64 * 86_400_000 + 20 * 3_600_000;

const PAGES: [(&str, &str); 8] = [
    ("now", "/"),
    ("all stores", "/stores"),
    ("stores by name", "/stores?q=0042"),
    ("store-days of a month", "/days/acme"),
    ("exceptions", "/exceptions"),
    ("fleet", "/fleet"),
    ("find a ticket", "/find?q=05000042"),
    ("1,000 store-days as JSON", "/api/v1/days"),
];

pub(super) fn run(table: &mut Table) -> Result<()> {
    let dir = workdir()?;
    let path = dir.path().join("relay.db");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = StoreOptions {
            clock: Clock::standing(NOW_MS),
            ..StoreOptions::at(path.clone())
        };
        let store = Store::open(&options)?;
        println!("  filling {STORES} stores, {DAYS} days, {TICKETS} tickets ...");
        let filled = path.clone();
        tokio::task::spawn_blocking(move || fill(&filled)).await??;
        let views = StoreViews::new(
            store.clone(),
            std::sync::Arc::new(settings()?),
            Downlink::new(Clock::standing(NOW_MS)),
        );
        let pages = router(
            std::sync::Arc::new(views),
            Clock::standing(NOW_MS),
            store.listen(),
            None,
        );
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move { axum::serve(listener, pages).await });
        for (name, path) in PAGES {
            measure(table, address, name, path).await?;
        }
        serving.abort();
        Ok(())
    })
}

async fn measure(table: &mut Table, address: SocketAddr, name: &str, path: &str) -> Result<()> {
    let mut times = Vec::new();
    let mut len = 0;
    for nth in 0..WARM + ASKED {
        let began = Instant::now();
        let answer = http::get(address, path).await?;
        let time = began.elapsed();
        ensure!(
            answer.status == 200,
            "{path}: found {}, wanted 200",
            answer.status
        );
        len = answer.body.len();
        if nth >= WARM {
            times.push(time);
        }
    }
    let times = Times::new(times);
    let (p50, p99) = (times.percentile(50), times.percentile(99));
    table.goal(
        &format!("page: {name} ({} KB)", len / 1000),
        "p99 < 50 ms",
        format!("p50 {}, p99 {}", ms(p50), ms(p99)),
        p99 < GOAL,
    );
    Ok(())
}

fn settings() -> Result<RelaySettings> {
    let draft = |nth: usize| -> Result<_> {
        let text = format!(
            r#"
            tenant = "acme"
            store = "s{nth:04}"
            name = "Store {nth:04}"
            time_zone = "America/Chicago"
            registers = ["r1", "r2"]
            [odoo]
            company = "Acme"
            journal = "T{nth:04}"
            warehouse = "S{nth:04}"
            [odoo.accounts]
            tender = {{ cash = "101501" }}
            revenue = "400000"
            cash_over = "450000"
            cash_short = "650000"
            "#
        );
        let draft: StoreDraft = toml::from_str(&text).context("a store of the bench")?;
        draft.check().map_err(|error| anyhow::anyhow!("{error}"))
    };
    let drafts = (0..STORES).map(draft).collect::<Result<Vec<_>>>()?;
    RelaySettings::new(drafts).map_err(|error| anyhow::anyhow!("{error}"))
}

/// Rows as the relay's stages would have written them.
fn fill(path: &Path) -> Result<()> {
    let db = Connection::open(path)?;
    db.busy_timeout(Duration::from_secs(60))?;
    // whatever is lost of these by a power cut is made again
    db.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -400000; BEGIN",
    )?;
    let stores = i64::try_from(STORES)?;
    let per_day = i64::try_from(TICKETS / STORES / usize::try_from(DAYS)?)?;
    let first_day = LAST_DAY - DAYS + 1;
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)";
    let fill = |sql: &str, key: &[&dyn rusqlite::ToSql]| -> Result<()> {
        db.execute(sql, key).context("fill a table")?;
        Ok(())
    };
    fill(
        &format!(
            "INSERT INTO devices (tenant, device, store, public_key, fingerprint, state, accepted_ms, accepted_by, last_seen_ms, \
             hello_ms, agent_version, clock_offset_ms, backlog, attachments, disk_percent, health) \
             {numbers} SELECT 'acme', printf('box-s%04d', i), printf('s%04d', i), zeroblob(65), randomblob(32), 'active', 1, 'ann', \
             ?2, ?2, '0.1.0', 20, 0, 0, 30 + i % 40, 'ok' FROM n"
        ),
        &[&stores, &NOW_MS],
    )?;
    fill(
        &format!(
            "INSERT INTO segments (segment, device, tenant, store, lane, header, through, head, announced, first_ms, last_ms) \
             {numbers} SELECT randomblob(16), i + 1, 'acme', printf('s%04d', i), 'http', zeroblob(40), 5000, zeroblob(32), \
             5000 + (i % 50 = 0) * 12, 1, ?2 FROM n"
        ),
        &[&stores, &NOW_MS],
    )?;
    fill(
        &format!(
            "INSERT INTO store_state (tenant, store, last_sale_ms, records) \
             {numbers} SELECT 'acme', printf('s%04d', i), ?2 - i * 1000, 5000 FROM n"
        ),
        &[&stores, &NOW_MS],
    )?;
    let rows = stores * i64::from(DAYS);
    fill(
        &format!(
            "INSERT INTO store_days (tenant, store, day, dirty, state, changed_ms, revision, trades, net_minor, tax_minor, \
             total_minor, currency) \
             {numbers} SELECT 'acme', printf('s%04d', i % ?2), ?3 + i / ?2, 0, CASE WHEN i / ?2 + ?3 = ?5 THEN 'Open' ELSE 'Posted' END, \
             1, 1, ?4, 100000 + i % 977, 8250, 108250, 'USD' FROM n"
        ),
        &[&rows, &stores, &first_day, &per_day, &LAST_DAY],
    )?;
    fill(
        &format!(
            "INSERT INTO names (name, kind, segment, number) {numbers} SELECT printf('%08d', i), 0, 1 + i % ?2, i FROM n"
        ),
        &[&i64::try_from(TICKETS)?, &stores],
    )?;
    exceptions(&db)?;
    db.execute_batch("COMMIT; PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

fn exceptions(db: &Connection) -> Result<()> {
    for nth in 0..EXCEPTIONS {
        let tenant = TenantId::new("acme")?;
        let store = StoreId::new(&format!("s{:04}", nth * 3))?;
        let kind = [
            ExceptionKind::TicketGap,
            ExceptionKind::UnknownSku,
            ExceptionKind::ClockOff,
        ][nth % 3];
        let cause = CauseKey::new(kind, &[&nth]);
        let mut draft = ExceptionDraft::new(
            kind,
            &tenant,
            &store,
            cause,
            "a detail of some length, as real ones have it".to_owned(),
        );
        draft.at_risk = Some(Amount::new(1_000 + i64::try_from(nth)?, Currency::USD));
        db.execute(
            "INSERT INTO exceptions (kind, cause, source, tenant, store, draft, opened_ms, seen_ms) \
             VALUES (?1, ?2, 'day', 'acme', ?3, ?4, ?5, ?5)",
            rusqlite::params![
                kind.name(),
                draft.cause.as_str(),
                store.as_str(),
                serde_json::to_string(&draft)?,
                NOW_MS - i64::try_from(nth)? * 60_000
            ],
        )?;
    }
    Ok(())
}
