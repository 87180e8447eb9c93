//! `exception fix`: writes the row that is missing, as a new version of the mapping, and shows first what it does. All
//! exceptions of the same cause go with it, in every store of the company.

use anyhow::Result;
use clap::Args;
use tillwire_proto::BusinessDay;

use super::{Common, mapping};
use crate::config::Config;
use crate::desk::fix::{Row, fixed, write_back};
use crate::mapping::InForce;
use crate::store::Store;
use crate::store::exceptions::StoredException;

#[derive(Debug, Args)]
pub(super) struct Fix {
    /// The exception's number.
    pub(super) id: i64,
    /// The account's code, or of goods the internal reference in Odoo.
    #[arg(long, value_name = "CODE")]
    to: String,
    /// Of a tax: its name in Odoo.
    #[arg(long, value_name = "NAME")]
    odoo_tax: Option<String>,
    /// From this business day on. Default: the exception's.
    #[arg(long, value_name = "DAY")]
    from: Option<BusinessDay>,
    /// Put it in force. Without this, only what it would do is shown.
    #[arg(long)]
    apply: bool,
}

pub(super) async fn act(
    common: &Common,
    (config, store, in_force): (&Config, &Store, &InForce),
    one: &StoredException,
    fix: Fix,
) -> Result<()> {
    let row = Row {
        to: fix.to,
        odoo_tax: fix.odoo_tax,
        from: fix.from,
    };
    let configured = config.mapping.as_ref().map(|file| file.text.as_str());
    let fixed = fixed(configured, store, &in_force.now(), one, &row, &common.by).await?;
    if !common.json {
        println!("{}", fixed.added.trim_start());
    }
    mapping::preview(common, store, in_force, fixed.then.clone()).await?;
    if !fix.apply {
        if !common.json {
            println!("nothing is changed yet; the same with --apply puts it in force");
        }
        return Ok(());
    }
    let reason = format!("exception {}", one.id);
    mapping::apply(common, store, in_force, &fixed.file, reason).await?;
    if let Some(name) = write_back(config, &fixed)? {
        println!("{name} was edited meanwhile and is left alone; add the version above to it");
    }
    Ok(())
}
