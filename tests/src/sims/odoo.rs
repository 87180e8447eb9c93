//! An Odoo to try a relay's configuration against.

use std::time::Duration;

use crate::odoo_sim::{OdooSim, OdooVersion};

/// What `sim odoo` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which Odoo: 17, 18 or 19.
    #[arg(long, default_value = "19", value_parser = version)]
    version: OdooVersion,
    /// Answers after so many milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

fn version(text: &str) -> Result<OdooVersion, String> {
    match text {
        "17" => Ok(OdooVersion::V17),
        "18" => Ok(OdooVersion::V18),
        "19" => Ok(OdooVersion::V19),
        other => Err(format!("found {other:?}, wanted 17, 18 or 19")),
    }
}

/// Serves on loopback until it is stopped, and prints what a relay's configuration needs.
///
/// # Errors
/// When no port is free.
#[expect(clippy::print_stdout, reason = "it tells its address")]
pub async fn run(args: Args) -> anyhow::Result<()> {
    let odoo = OdooSim::start(args.version).await?;
    odoo.set_latency(Duration::from_millis(args.latency_ms));
    println!(
        "url   {}\ndb    {}\nlogin {}\nkey   {}",
        odoo.url(),
        odoo.db(),
        odoo.login(),
        odoo.key()
    );
    tokio::signal::ctrl_c().await?;
    Ok(())
}
