//! The books: what a store-day of 1,000 tickets costs this relay's own processor, stage by stage, and what it costs
//! Odoo, beside posting each ticket by itself to the same server in the same run.
//!
//! `TILLWIRE_BENCH_DAYS` asks for fewer store-days than 1,000.

mod days;
mod odoo;

use std::time::Duration;

use anyhow::{Context as _, Result};
use tillwire_proto::decode_observation;
use tillwire_relay::days::{Auditor, SecondCalculation as _};
use tillwire_relay_core::books::postings;
use tillwire_relay_core::facts::{Captured, DayFacts};
use tillwire_relay_core::odoo::{Effect, JournalEntry, Payload};
use tillwire_relay_core::second::{books_differ, stock_differs};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::store_day::assess;

use super::figures::{Table, Times, ms};
use days::{Stored, TICKETS};

/// The size.
const DAYS: usize = 1_000;

/// Store-days whose stages are measured in one stretch, so that the clock's own steps do not show.
const STRETCH: usize = 10;

const STAGES: [&str; 5] = [
    "decode",
    "gather",
    "assess (tickets, ledger, stock)",
    "second calculation",
    "posting and payload",
];

pub(super) fn run(table: &mut Table) -> Result<()> {
    processor(table)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(odoo::measure(table))
}

fn processor(table: &mut Table) -> Result<()> {
    let asked = std::env::var("TILLWIRE_BENCH_DAYS")
        .ok()
        .and_then(|text| text.parse().ok());
    let stretches = asked.unwrap_or(DAYS).div_ceil(STRETCH);
    let shop = days::Retailer::new()?;
    let mut stages: [Vec<Duration>; 5] = Default::default();
    for stretch in 0..stretches {
        let stored: Vec<Stored> = (0..STRETCH)
            .map(|day| shop.day(stretch * STRETCH + day))
            .collect::<Result<_>>()?;
        for (stage, time) in stages.iter_mut().zip(work(&shop.settings, &stored)?) {
            stage.push(time / u32::try_from(STRETCH)?);
        }
    }
    let total: Duration = stages.iter().flatten().sum();
    let days = stretches * STRETCH;
    table.floor(
        "store-days worked through (the goal is for 1,000)",
        days.to_string(),
    );
    table.floor("tickets a store-day", TICKETS.to_string());
    for (name, times) in STAGES.iter().zip(stages) {
        let median = Times::new(times).percentile(50);
        table.floor(&format!("own processor time a store-day, {name}"), ms(median));
    }
    let each = total / u32::try_from(stretches)?;
    table.floor("own processor time a store-day, all", ms(each));
    Ok(())
}

/// All stages over some store-days; the processor time of each.
fn work(settings: &StoreSettings, stored: &[Stored]) -> Result<[Duration; 5]> {
    let mut times = [Duration::ZERO; 5];
    let (captured, time) = timed(|| stored.iter().map(decoded).collect::<Result<Vec<Vec<Captured>>>>())?;
    times[0] = time;
    let (facts, time) = timed(|| {
        let gathered = stored.iter().zip(&captured);
        Ok(gathered
            .map(|(day, captured)| DayFacts::gather(settings, day.day, captured.iter().cloned()))
            .collect::<Vec<_>>())
    })?;
    times[1] = time;
    let (assessed, time) = timed(|| {
        Ok(facts
            .iter()
            .map(|facts| assess(facts, settings, days::LATER_MS, &[]))
            .collect::<Vec<_>>())
    })?;
    times[2] = time;
    let (seconds, time) = timed(|| {
        let days = stored.iter().zip(&captured);
        let figures = days.map(|(day, captured)| Auditor.figures(settings, day.day, captured, &[]));
        figures
            .map(|figures| figures.map_err(anyhow::Error::msg))
            .collect::<Result<Vec<_>>>()
    })?;
    times[3] = time;
    let (_, time) = timed(|| {
        for ((day, assessed), second) in stored.iter().zip(&assessed).zip(&seconds) {
            let (tenant, store) = (&settings.tenant, &settings.store);
            let corrections = settings.odoo.corrections;
            let due = postings(tenant, store, day.day, &assessed.ledger, &[], corrections)?;
            anyhow::ensure!(!due.is_empty(), "a day of sales has a posting");
            anyhow::ensure!(
                books_differ(second, &due).is_empty(),
                "the second calculation differs"
            );
            anyhow::ensure!(
                stock_differs(second, &assessed.stock).is_empty(),
                "the stock differs"
            );
            for posting in &due {
                let effect = Effect::intend(Payload::JournalEntry(JournalEntry::of(posting)));
                serde_json::to_string(&effect.payload)?;
            }
        }
        Ok(())
    })?;
    times[4] = time;
    Ok(times)
}

fn decoded(day: &Stored) -> Result<Vec<Captured>> {
    let records = day.bodies.iter().zip(&day.places);
    records
        .map(|(body, (id, hash))| {
            Ok(Captured {
                id: *id,
                hash: *hash,
                lane: day.lane.clone(),
                received_ms: days::LATER_MS,
                observation: decode_observation(body)?,
            })
        })
        .collect()
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let start = processor_time()?;
    let done = work()?;
    Ok((done, processor_time()?.saturating_sub(start)))
}

/// What this thread has had of a processor so far, however busy the machine is.
fn processor_time() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("cannot read schedstat")?;
    let first = text.split(' ').next().context("schedstat is empty")?;
    Ok(Duration::from_nanos(first.parse()?))
}
