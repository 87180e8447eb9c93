//! `record`: one record, what was understood of it, where it went, and the bytes that were captured.

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::json;
use tillwire_proto::{Observation, decode_observation};
use tillwire_relay_core::facts::{RecordId, home_day};
use tillwire_relay_core::reading::Reading;

use super::day::record;
use super::{Common, open, print_json};
use crate::config::Config;
use crate::explain::{WentTo, record_went_to};
use crate::store::records::{self, Evidence, SegmentRow};
use crate::store::{Store, StoreError};

#[derive(Debug, Subcommand)]
pub(super) enum RecordCommand {
    /// What it says, which lines of which entries it went to, and the captured bytes.
    Show {
        /// SEGMENT/NUMBER, as `day explain` and `exception show` print it.
        #[arg(value_parser = record)]
        record: RecordId,
    },
}

pub(super) async fn act(common: &Common, command: RecordCommand) -> Result<()> {
    let RecordCommand::Show { record } = command;
    let (config, store, _) = open(common).await?;
    let (segment, evidence) = find(&store, record)
        .await?
        .with_context(|| format!("there is no record {record}"))?;
    let observation = decode_observation(&evidence.body).ok();
    let went = match &observation {
        Some(observation) => went(&config, &store, &segment, record, observation).await?,
        None => Vec::new(),
    };
    if common.json {
        return print_json(&json!({
            "record": record.to_string(), "hash": evidence.hash, "tenant": segment.tenant, "store": segment.store,
            "lane": segment.lane, "device": segment.device,
            "body": data_encoding::HEXLOWER.encode(&evidence.body),
            "understood": observation.as_ref().map(|observation| &observation.fact),
            "went_to": went.iter().map(|went| json!({
                "entry": went.effect, "odoo_name": went.odoo_name, "account": went.part.line.account,
                "label": went.part.line.label, "amount": went.part.amount.decimal(),
            })).collect::<Vec<_>>(),
            "captured": evidence.bytes.as_deref().map(String::from_utf8_lossy),
        }));
    }
    println!(
        "record {record} of {}/{}, lane {}",
        segment.tenant, segment.store, segment.lane
    );
    println!("  chain hash {}", evidence.hash);
    match &observation {
        Some(observation) => print!("{}", Reading::of(&observation.fact)),
        None => println!(
            "its bytes do not decode: {}",
            data_encoding::HEXLOWER.encode(&evidence.body)
        ),
    }
    for went in &went {
        println!(
            "posted: {} {} {} {} ({})",
            went.part.amount,
            went.part.line.account,
            went.part.line.label,
            went.odoo_name.as_deref().unwrap_or("not in Odoo yet"),
            went.effect
        );
    }
    match &evidence.bytes {
        Some(bytes) => println!("captured bytes:\n{}", String::from_utf8_lossy(bytes)),
        None => println!("no captured bytes are here: it has none, or they are still on their way"),
    }
    Ok(())
}

async fn find(store: &Store, id: RecordId) -> Result<Option<(SegmentRow, Evidence)>, StoreError> {
    store
        .read(move |db| {
            let Some(segment) = records::segment(db, id.segment)? else {
                return Ok(None);
            };
            let evidence = records::captured(db, &segment.tenant, id)?;
            Ok(evidence.map(|evidence| (segment, evidence)))
        })
        .await
}

async fn went(
    config: &Config,
    store: &Store,
    segment: &SegmentRow,
    record: RecordId,
    observation: &Observation,
) -> Result<Vec<WentTo>> {
    let Some(settings) = config.stores.store(&segment.tenant, &segment.store) else {
        return Ok(Vec::new());
    };
    let day = home_day(observation, segment.last_ms, settings);
    let (tenant, place) = (segment.tenant.clone(), segment.store.clone());
    Ok(store
        .read(move |db| record_went_to(db, (&tenant, &place, day), record))
        .await?)
}
