//! `audit`: list, check, export.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::json;

use super::{Common, moment, open, print_json};
use crate::audit;
use crate::pki::Pki;
use crate::run;
use crate::store::Store;
use crate::store::audit_log::{self, Which};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// What was done, newest first.
    List {
        /// Only by this person.
        #[arg(long)]
        who: Option<String>,
        /// Only entries before this number.
        #[arg(long)]
        before: Option<u64>,
        /// Most entries to show.
        #[arg(long, default_value_t = 100)]
        most: u32,
    },
    /// Check that no entry was changed, removed or put in. Exit code 1 when one was.
    Check {
        /// Of an earlier export: check the file, and that the log still holds everything that is in it.
        file: Option<PathBuf>,
    },
    /// Write the whole log to a file, with a signed head. Keep it elsewhere: it proves later that nothing was cut.
    Export {
        /// The file to write.
        file: PathBuf,
    },
}

pub(super) async fn act(common: &Common, command: AuditCommand) -> Result<ExitCode> {
    let (config, store, _) = open(common).await?;
    match command {
        AuditCommand::List { who, before, most } => {
            list(common, &store, Which { before, who }, most).await?;
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Check { file } => check(&store, file.as_deref()).await,
        AuditCommand::Export { file } => {
            let pki = Pki::open(&run::keys(&config))?;
            let out = File::options().write(true).create_new(true).open(&file);
            let out = out
                .with_context(|| format!("cannot make {}; an export is not written over", file.display()))?;
            let mut out = BufWriter::new(out);
            let (relay, key) = (store.relay(), pki.receipt_key());
            let signed = store
                .read(move |db| {
                    Ok(audit::export(db, relay, &key, &mut out).and_then(|signed| {
                        out.flush()?;
                        out.get_ref().sync_all()?;
                        Ok(signed)
                    }))
                })
                .await??;
            println!("{} to {}", entries(signed.head.number), file.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn entries(number: u64) -> String {
    if number == 1 {
        "1 entry".to_owned()
    } else {
        format!("{number} entries")
    }
}

async fn list(common: &Common, store: &Store, which: Which, most: u32) -> Result<()> {
    let found = store.read(move |db| audit_log::list(db, &which, most)).await?;
    if common.json {
        let all = found.iter().map(|(entry, hash)| {
            json!({
                "number": entry.number, "at": moment(entry.at_ms), "who": entry.who, "what": entry.what,
                "detail": entry.detail, "hash": hash,
            })
        });
        return print_json(&all.collect::<Vec<_>>());
    }
    for (entry, _) in &found {
        println!(
            "{:>6}  {}  {:<16} {}",
            entry.number,
            moment(entry.at_ms),
            entry.who,
            entry.what
        );
        println!("        {}", entry.detail);
    }
    if found.is_empty() {
        println!("nobody did anything yet");
    }
    Ok(())
}

async fn check(store: &Store, file: Option<&Path>) -> Result<ExitCode> {
    let head = match store.read(audit_log::verify).await? {
        Ok(head) => head,
        Err(broken) => {
            println!("the log does not hold: {broken}");
            return Ok(ExitCode::FAILURE);
        }
    };
    println!(
        "{}, each with its hash; the last is {}",
        entries(head.number),
        head.hash
    );
    let Some(file) = file else {
        return Ok(ExitCode::SUCCESS);
    };
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let kept = match audit::read(&mut BufReader::new(opened)) {
        Ok(kept) => kept,
        Err(error) => {
            println!("{} does not hold: {error:#}", file.display());
            return Ok(ExitCode::FAILURE);
        }
    };
    if kept.relay != store.relay() {
        println!("{} is of another relay ({})", file.display(), kept.relay);
        return Ok(ExitCode::FAILURE);
    }
    if store.read(move |db| audit::still_holds(db, kept.head)).await? {
        println!(
            "the log holds all {} of {}",
            entries(kept.head.number),
            file.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "the log no longer holds entry {} as it is in {}: entries were cut or written anew",
        kept.head.number,
        file.display()
    );
    Ok(ExitCode::FAILURE)
}
