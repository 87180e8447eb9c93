//! `export` and `verify`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tillwire_proto::BusinessDay;

use super::{Common, Place, open, print_json};
use crate::export;
use crate::store::StoreError;

pub(super) async fn export(common: &Common, of: &Place, day: BusinessDay, file: &Path) -> Result<()> {
    let (config, store, _) = open(common).await?;
    let (of, now_ms) = (of.clone(), store.clock().now_ms());
    let lines = store
        .read(move |db| {
            let settings = config.stores.store(&of.tenant, &of.store).ok_or_else(|| {
                let words = format!("{}/{} is not in the configuration", of.tenant, of.store);
                StoreError::refused(format!("{words}; an export has the store's settings"))
            })?;
            export::day(db, &of.tenant, &of.store, day, settings, now_ms)
        })
        .await?;
    let out = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    let mut out = BufWriter::new(out);
    for line in &lines {
        serde_json::to_writer(&mut out, line)?;
        out.write_all(b"\n")?;
    }
    out.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    println!("wrote {} lines to {}", lines.len(), file.display());
    Ok(())
}

pub(super) fn verify(common: &Common, file: &Path) -> Result<ExitCode> {
    let input = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let verdict = export::verify(BufReader::new(input));
    if common.json {
        print_json(&verdict)?;
    } else {
        match &verdict.wrong {
            None => println!(
                "sound: {} records in {} segments, {} tickets, net {}, tax {}; {}",
                verdict.records, verdict.segments, verdict.trades, verdict.net, verdict.tax, verdict.second
            ),
            Some(wrong) => println!("not sound: {wrong}"),
        }
    }
    Ok(if verdict.wrong.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
