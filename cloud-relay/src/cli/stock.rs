//! `stock`: what Odoo has against what the tills say.

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::json;
use tillwire_relay_core::stock::DriftLine;

use super::{Common, Place, moment, open, print_json};
use crate::jobs::shelf;
use crate::run::Links;
use crate::store::stock_reports::StockReport;

#[derive(Debug, Subcommand)]
pub(super) enum StockCommand {
    /// Compare a store's stock in Odoo with what was counted last and sold since, product by product, with a cause for
    /// each difference. Reads Odoo now and changes nothing there.
    Drift {
        /// TENANT/STORE
        store: Place,
        /// Products without a difference too.
        #[arg(long)]
        all: bool,
    },
}

pub(super) async fn act(common: &Common, command: StockCommand) -> Result<()> {
    let StockCommand::Drift { store: of, all } = command;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (config, store, in_force) = open(common).await?;
    let stores = in_force.now();
    let settings = stores
        .store(&of.tenant, &of.store)
        .with_context(|| format!("found no store {}/{} in the configuration", of.tenant, of.store))?;
    let links = Links::of(&config, &store, &in_force)?;
    let link = links
        .get(settings)
        .context("no [odoo] is configured: there is no stock to compare with")?;
    let report = shelf::compare(link, settings).await?;
    if common.json {
        return print_json(&json!({
            "tenant": of.tenant, "store": of.store, "at": moment(report.at_ms),
            "products": report.lines.iter().filter(|line| all || line.differs()).collect::<Vec<_>>(),
        }));
    }
    print(&report, all);
    Ok(())
}

fn print(report: &StockReport, all: bool) {
    let differing = report.lines.iter().filter(|line| line.differs()).count();
    let eyes = report.lines.iter().filter(|line| line.needs_eyes()).count();
    println!(
        "{} products, {differing} differ, {eyes} need a look; Odoo as of {}",
        report.lines.len(),
        moment(report.at_ms)
    );
    for line in report.lines.iter().filter(|line| all || line.differs()) {
        println!("{}", text(line));
    }
}

fn text(line: &DriftLine) -> String {
    use std::fmt::Write as _;
    let counted = line.counted.map_or_else(
        || "never counted".to_owned(),
        |(at_ms, quantity)| format!("counted {quantity} at {}", moment(at_ms)),
    );
    let mut text = format!(
        "{}: Odoo {}, expected {}, difference {}; {counted}; since then tills {}, others {}",
        line.sku, line.odoo, line.expected, line.difference, line.ours, line.others
    );
    if let Some(pos) = &line.pos {
        let at = moment(pos.at_ms);
        // writing to a String cannot fail
        let _ = write!(text, "; the POS had {} at {at}, {} apart", pos.on_hand, pos.apart);
    }
    for part in &line.parts {
        let named = if part.named.is_empty() {
            String::new()
        } else {
            format!(" ({})", part.named.join(", "))
        };
        let _ = write!(text, "\n    {:>10}  {}{named}", part.quantity, part.cause);
    }
    text
}
