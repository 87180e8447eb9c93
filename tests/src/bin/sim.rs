//! Stands in for what a store and its retailer have: `cargo run -p tillwire-e2e --bin sim -- --help`.

use clap::{Parser, Subcommand};
use tillwire_e2e::sims;

/// Simulators of everything that Tillwire talks to. Each speaks its real protocol, on loopback unless told otherwise.
#[derive(Debug, Parser)]
#[command(name = "sim")]
struct Sim {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Somebody who drops files of tickets into a folder.
    Files(sims::files::Args),
    /// A payment terminal that speaks HPA (HeartSIP).
    Hpa(sims::hpa::Args),
    /// An Odoo 17, 18 or 19 with a small company.
    Odoo(sims::odoo::Args),
    /// A payment terminal that speaks PAX.
    Pax(sims::pax::Args),
    /// A receipt printer on a network port, that prints to the screen.
    Printer(sims::printer::Args),
    /// A till that prints receipts of a made-up shop.
    Receipts(sims::receipts::Args),
    /// A retailer's account at Heartland Retail, with its REST interface and webhooks.
    RetailCloud(sims::retail_cloud::Args),
    /// A till that pushes a made-up day to an agent.
    Till(sims::till::Args),
    /// A payment terminal that speaks Heartland UPA.
    Upa(sims::upa::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Sim::parse().which {
        Which::Files(args) => sims::files::run(args).await,
        Which::Hpa(args) => sims::hpa::run(args).await,
        Which::Odoo(args) => sims::odoo::run(args).await,
        Which::Pax(args) => sims::pax::run(args).await,
        Which::Printer(args) => sims::printer::run(args).await,
        Which::Receipts(args) => sims::receipts::run(args).await,
        Which::RetailCloud(args) => sims::retail_cloud::run(args).await,
        Which::Till(args) => sims::till::run(args).await,
        Which::Upa(args) => sims::upa::run(args).await,
    }
}
