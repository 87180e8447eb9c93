//! `heartland`: retailers' accounts in the POS's cloud.

use std::io::BufRead as _;

use anyhow::{Context, Result};
use clap::Subcommand;
use tillwire_proto::TenantId;

use super::{Common, load};
use crate::cloud::Account;
use crate::cloud::oauth::Asking;
use crate::private_file;

#[derive(Debug, Subcommand)]
pub(super) enum HeartlandCommand {
    /// Get a token by the retailer's consent (`[heartland.oauth]`): shows an address to open, reads where that ended, and
    /// writes `token_file`. A running relay takes up the new token by itself.
    Authorize {
        /// The retailer.
        tenant: TenantId,
        /// The account, where the retailer has several: its url.
        #[arg(long)]
        url: Option<String>,
    },
}

pub(super) async fn act(common: &Common, command: HeartlandCommand) -> Result<()> {
    let HeartlandCommand::Authorize { tenant, url } = command;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = load(common)?;
    let account = account(&config.heartland, &tenant, url.as_deref())?;
    let application = account.oauth.as_ref().with_context(|| {
        format!(
            "found no [heartland.oauth] for {}, wanted the application's id; or put a token of the account into {}",
            account.url,
            account.token_file.display()
        )
    })?;
    let asking = Asking::new(application)?;
    println!("open this as an owner of {}, and agree:\n", account.url);
    println!("{}\n", asking.address()?);
    println!("then paste the whole address that the browser ended at (the page there may be missing):");
    let mut sent_to = zeroize::Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .read_line(&mut sent_to)
        .context("cannot read the address")?;
    let code = asking.code(&sent_to)?;
    let token = asking.token(&code, account).await?;
    private_file::write(&account.token_file, format!("{}\n", token.as_str()).as_bytes())?;
    println!("wrote {}", account.token_file.display());
    println!("next  tillwire-relay doctor");
    Ok(())
}

fn account<'a>(accounts: &'a [Account], tenant: &TenantId, url: Option<&str>) -> Result<&'a Account> {
    let mut fitting = accounts
        .iter()
        .filter(|account| account.tenant == *tenant)
        .filter(|account| url.is_none_or(|url| account.url == url.trim_end_matches('/')));
    let found = fitting.next().with_context(|| {
        format!("found no [[heartland]] of {tenant} with that url, wanted one in the configuration")
    })?;
    anyhow::ensure!(
        fitting.next().is_none(),
        "found several accounts of {tenant}, wanted --url of one"
    );
    Ok(found)
}
