//! The command line. The help text is the manual; `--json` is for scripts and keeps its form.
//!
//! Commands work on the database beside a running relay: what they change is seen there within a second or two. Each
//! change is written down with who made it.

#![allow(clippy::print_stdout, clippy::print_stderr)] // this module talks to people

/// As the standard library's, but a reader that went away (`| head`) is no error.
macro_rules! println {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// See `println`.
macro_rules! print {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout(), $($words)*);
    }};
}

mod audit;
mod broker;
mod day;
mod device;
mod doctor;
mod exception;
mod explain;
mod export;
mod find;
mod fix;
mod heartland;
mod init;
mod mapping;
mod month;
mod person;
mod record;
mod settlement;
mod stock;
mod suggest;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use serde::Serialize;
use tillwire_proto::{StoreId, TenantId};
use tillwire_relay_core::settings::RelaySettings;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::mapping::InForce;
use crate::run;
use crate::store::Store;

/// The relay in the cloud: takes what stores' agents send, keeps it, and makes Odoo agree with it.
#[derive(Debug, Parser)]
#[command(name = "tillwire-relay", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Common {
    /// Configuration file.
    #[arg(
        long,
        global = true,
        env = "TILLWIRE_CONFIG",
        default_value = "/etc/tillwire/relay.toml"
    )]
    config: PathBuf,
    /// Answer in JSON, for scripts.
    #[arg(long, global = true)]
    json: bool,
    /// Who does this; goes into the records.
    #[arg(
        long,
        global = true,
        env = "USER",
        default_value = "operator",
        value_name = "NAME"
    )]
    by: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the relay until it is told to stop (SIGTERM or ctrl-c).
    Run {
        /// Say that the database was put back from a backup: agents are then told to compare and send again.
        #[arg(long)]
        restored: bool,
    },
    /// Write an example configuration; with one in place, make database, keys and certificates.
    Init,
    /// Check this machine and Odoo, and say how to mend what is wrong. Exit code 1 when something stops the relay.
    Doctor,
    /// Look at the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// A broker of others between devices and relay.
    Broker {
        #[command(subcommand)]
        command: broker::BrokerCommand,
    },
    /// Retailers' accounts in the POS's cloud.
    Heartland {
        #[command(subcommand)]
        command: heartland::HeartlandCommand,
    },
    /// The boxes in the stores.
    Device {
        #[command(subcommand)]
        command: device::DeviceCommand,
    },
    /// Store-days: what they come to, and what holds them.
    Day {
        #[command(subcommand)]
        command: day::DayCommand,
    },
    /// Records: what an agent captured, down to the bytes.
    Record {
        #[command(subcommand)]
        command: record::RecordCommand,
    },
    /// Find records and documents by anything in hand: ticket, amount, authorisation code, reference, item, serial number.
    Find {
        /// The name, or the beginning of one.
        words: String,
    },
    /// Months: what keeps them from being closed.
    Month {
        #[command(subcommand)]
        command: month::MonthCommand,
    },
    /// What needs a person.
    Exception {
        #[command(subcommand)]
        command: exception::ExceptionCommand,
    },
    /// Which account everything goes to: check, compare and put in force.
    Mapping {
        #[command(subcommand)]
        command: mapping::MappingCommand,
    },
    /// What processors paid out, and what clearing still holds.
    Settlement {
        #[command(subcommand)]
        command: settlement::SettlementCommand,
    },
    /// Stock: what Odoo has against what the tills say.
    Stock {
        #[command(subcommand)]
        command: stock::StockCommand,
    },
    /// Who may sign in to the pages.
    Person {
        #[command(subcommand)]
        command: person::PersonCommand,
    },
    /// The log of what people did: a chain of hashes.
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    /// Write the signed records behind a store-day to a file that `verify` can check anywhere.
    Export {
        /// TENANT/STORE
        store: Place,
        /// The business day, such as 2026-11-14.
        day: tillwire_proto::BusinessDay,
        /// The file to write.
        file: PathBuf,
    },
    /// Check an export: every signature, every chain, every total. Needs no configuration and no database.
    Verify {
        /// The file.
        export: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Each value and where it came from.
    Show,
}

/// `TENANT/STORE`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    tenant: TenantId,
    store: StoreId,
}

impl std::str::FromStr for Place {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let (tenant, store) = text
            .split_once('/')
            .with_context(|| format!("found {text:?}, wanted TENANT/STORE such as acme/s01"))?;
        Ok(Self {
            tenant: tenant.parse()?,
            store: store.parse()?,
        })
    }
}

/// Threads that read the store, render pages and check passwords, at most. Each read is over in milliseconds; more threads than
/// these wait for the same few processors, each with memory of its own.
const READERS_MAX: usize = 8;

/// Runs the program with these arguments, the first of which is its name.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // help and version go to standard output and are no failure
            let code = error.exit_code();
            let _ = error.print();
            return ExitCode::from(u8::try_from(code).unwrap_or(2));
        }
    };
    let runs = matches!(cli.command, Command::Run { .. });
    start_log(runs);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(READERS_MAX)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(act(cli));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// What is in memory (keys, sales) stays there: a crash leaves no core dump.
fn leave_no_dump() -> Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("cannot forbid core dumps")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("cannot close this process to others")
}

fn start_log(runs: bool) {
    let usual = if runs { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("TILLWIRE_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let ansi = std::io::stderr().is_terminal();
    // a second program in this process (the demo's) keeps the first one's log
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .try_init();
}

async fn act(cli: Cli) -> Result<ExitCode> {
    let Cli { common, command } = cli;
    match command {
        Command::Run { restored } => {
            leave_no_dump()?;
            let config = load(&common)?;
            let stop = CancellationToken::new();
            let asked = stop.clone();
            let signals = tokio::spawn(async move {
                if let Err(error) = run::asked_to_stop().await {
                    tracing::error!("cannot listen for signals: {error:#}");
                }
                asked.cancel();
            });
            let ran = run::run(config, restored, stop).await;
            signals.abort();
            ran?;
        }
        Command::Init => init::init(&common)?,
        Command::Doctor => return doctor::doctor(&common).await,
        Command::Config {
            command: ConfigCommand::Show,
        } => show_config(&common)?,
        Command::Broker { command } => broker::act(&common, command)?,
        Command::Heartland { command } => heartland::act(&common, command).await?,
        Command::Device { command } => device::act(&common, command).await?,
        Command::Day { command } => day::act(&common, command).await?,
        Command::Record { command } => record::act(&common, command).await?,
        Command::Find { words } => find::act(&common, words).await?,
        Command::Month { command } => return month::act(&common, command).await,
        Command::Exception { command } => exception::act(&common, command).await?,
        Command::Settlement { command } => settlement::act(&common, command).await?,
        Command::Mapping { command } => mapping::act(&common, command).await?,
        Command::Person { command } => person::act(&common, command).await?,
        Command::Audit { command } => return audit::act(&common, command).await,
        Command::Stock { command } => stock::act(&common, command).await?,
        Command::Export { store, day, file } => export::export(&common, &store, day, &file).await?,
        Command::Verify { export } => return export::verify(&common, &export),
    }
    Ok(ExitCode::SUCCESS)
}

/// A number of things in words: `1 store`, `2 stores`.
fn counted(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

fn load(common: &Common) -> Result<Config> {
    let (config, _) = Config::load(&common.config, &|name| std::env::var(name).ok())?;
    Ok(config)
}

/// The store that the configuration names, beside a relay that may be running, and the mapping in force there.
async fn open(common: &Common) -> Result<(Config, Store, InForce)> {
    let mut config = load(common)?;
    let database = run::database(&config);
    anyhow::ensure!(
        database.exists(),
        "found no database {}; `tillwire-relay init` makes it",
        database.display()
    );
    let store = run::open_store(&config, false)?;
    let in_force = InForce::from(Arc::new(config.stores.clone()));
    in_force.refresh(&store).await.context("the mapping in force")?;
    config.stores = RelaySettings::clone(&in_force.now());
    Ok((config, store, in_force))
}

#[derive(Serialize)]
struct Value<'a> {
    key: &'a str,
    value: Option<&'a str>,
    origin: String,
    about: &'a str,
}

fn show_config(common: &Common) -> Result<()> {
    let (_, resolved) = Config::load(&common.config, &|name| std::env::var(name).ok())?;
    let values: Vec<Value<'_>> = resolved
        .iter()
        .map(|(field, value, origin)| Value {
            key: field.key,
            value,
            origin: origin.to_string(),
            about: field.help,
        })
        .collect();
    if common.json {
        return print_json(&values);
    }
    for value in values {
        let shown = value.value.unwrap_or("(not set)");
        println!(
            "{:<26} {shown:<34} {:<28} {}",
            value.key, value.origin, value.about
        );
    }
    Ok(())
}

fn print_json(value: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A moment as people and scripts read it, in UTC.
fn moment(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |at| at.to_string())
}

#[cfg(test)]
mod tests;
