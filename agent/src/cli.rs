//! The command line. Its help text is the manual.

mod doctor;
mod receipt;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tillwire_proto::LaneId;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::clock::Clock;
use crate::config::{Config, DEFAULT_FILE};
use crate::enrol::Enrolment;
use crate::identity::DeviceKey;
use crate::journal::{self, Reader};
use crate::{acknowledge, identity, run, status};

/// Beside the till: captures what happens at the registers, keeps it on this box, sends it to the relay.
#[derive(Debug, Parser)]
#[command(name = "tillwire-agent", version, max_term_width = 100)]
struct Cli {
    /// Configuration file.
    #[arg(long, global = true, env = "TILLWIRE_CONFIG", default_value = DEFAULT_FILE)]
    config: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Capture, keep and send until stopped. Exit code 74 means that the disk failed; start again.
    Run,
    /// Make this box known to a relay: makes its key, asks with a one-time code, waits until a person accepts it.
    Enroll {
        /// The relay's enrolment address, such as https://relay.example.com:8443.
        #[arg(long)]
        relay: String,
        /// The one-time code that `tillwire-relay device invite` printed.
        #[arg(long)]
        code: String,
        /// Seconds to wait for a person to accept.
        #[arg(long, default_value_t = 3600)]
        patience: u64,
    },
    /// How the agent is doing. Exit code 1 when something is bad.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// The configuration.
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Check everything that a running agent needs, and say how to mend what is wrong.
    Doctor,
    /// The journal on this box.
    Journal {
        #[command(subcommand)]
        verb: JournalVerb,
    },
    /// Captured print jobs: show them, read them by a template, guess a template from one. Needs no configuration.
    Receipt {
        #[command(subcommand)]
        verb: receipt::ReceiptVerb,
    },
    /// What can be on each lane's wire. With lanes and a name: seals that somebody takes responsibility for wires that can
    /// carry clear card data; add what is printed to the configuration.
    Acknowledge {
        /// A lane; may be given several times.
        #[arg(long, requires = "by")]
        lane: Vec<LaneId>,
        /// Who acknowledges, by name and office.
        #[arg(long, requires = "lane")]
        by: Option<String>,
    },
    /// Remove key, identity and journal from this box. Refused while records wait for a receipt.
    Wipe {
        /// Remove even what the relay does not have. These records are gone then.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Every key: its value in force, where that came from, what it means.
    Show {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum JournalVerb {
    /// The newest records, one JSON object per line.
    Show {
        /// How many of each segment.
        #[arg(long, default_value_t = 20)]
        last: u64,
    },
    /// Compute every hash again. Exit code 1 when something does not hold.
    Verify {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Everything as JSON lines, for `tillwire-relay verify`.
    Export {
        /// File to write; standard output when absent.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

/// Runs a command line, the program's name first.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    log();
    match obey(&cli) {
        Ok(code) => code,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("tillwire-agent: {error:#}"));
            let disk = error.chain().any(|cause| cause.is::<rusqlite::Error>());
            ExitCode::from(if disk {
                u8::try_from(journal::EXIT_IO).unwrap_or(1)
            } else {
                1
            })
        }
    }
}

fn obey(cli: &Cli) -> anyhow::Result<ExitCode> {
    let config = || Config::load(&cli.config);
    match &cli.verb {
        Verb::Run => {
            let config = config()?;
            end_on_panic();
            leave_no_dump()?;
            runtime()?.block_on(run::run(&config))?;
        }
        Verb::Enroll {
            relay,
            code,
            patience,
        } => enroll(&config()?, relay, code, *patience)?,
        Verb::Status { json } => return show_status(&config()?, *json),
        Verb::Config {
            verb: ConfigVerb::Show { json },
        } => show_config(&config()?, *json)?,
        Verb::Doctor => return runtime()?.block_on(doctor::run(&config()?)),
        Verb::Journal { verb } => return journal_verb(&config()?, verb),
        Verb::Receipt { verb } => return receipt::run(verb),
        Verb::Acknowledge { lane, by } => acknowledge_lanes(&config()?, lane, by.as_deref())?,
        Verb::Wipe { force } => wipe(&config()?, *force)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A thread that dies must not leave a deaf process behind: whoever panics, the process ends and is started again.
fn end_on_panic() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        std::process::exit(70); // EX_SOFTWARE of sysexits.h
    }));
}

/// What is in memory stays there: a crash leaves no core dump, and no other program of this user may look inside.
fn leave_no_dump() -> anyhow::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("cannot forbid core dumps")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("cannot close this process to others")
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(2)
        // one waits for the end of standard input; the others read the journal, folders and host names, a moment each
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn log() {
    // no more than targets and levels: a filter with fields and spans costs a third of a megabyte
    let wanted = std::env::var("TILLWIRE_LOG").ok();
    let filter = wanted
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter(filter);
    // A program that holds several of ours has set it already.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// Writes a line; a reader that went away is no error.
fn say(out: &mut dyn Write, line: &str) {
    let _ = writeln!(out, "{line}");
}

fn print(line: &str) {
    say(&mut std::io::stdout(), line);
}

fn acknowledge_lanes(config: &Config, lanes: &[LaneId], by: Option<&str>) -> anyhow::Result<()> {
    let settings = &config.settings;
    let key = DeviceKey::read(&settings.state_dir);
    let text = match by {
        None => acknowledge::table(settings, key.as_ref().ok()),
        Some(by) => {
            let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
            let key = key.context("a seal needs the key of this box; run `tillwire-agent enroll` first")?;
            acknowledge::give(settings, &key, lanes, by, &date)?
        }
    };
    print(text.trim_end());
    Ok(())
}

fn enroll(config: &Config, relay: &str, code: &str, patience: u64) -> anyhow::Result<()> {
    let state_dir = &config.settings.state_dir;
    let _lock = journal::lock(state_dir)?;
    let enrolment = Enrolment {
        state_dir,
        relay,
        code,
        patience: Duration::from_secs(patience),
        clock: Clock::new(Some(state_dir), config.settings.clock_offset_ms),
    };
    let compare = |groups: &str| {
        print(&format!("this device's key:  {groups}"));
        print("accept it at the relay if both screens show the same; waiting ...");
    };
    let enrolled = runtime()?.block_on(enrolment.run(compare))?;
    print(&format!(
        "enrolled as device {} of store {}/{}",
        enrolled.device, enrolled.tenant, enrolled.store
    ));
    Ok(())
}

fn show_status(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let settings = &config.settings;
    let asked = settings.http.as_ref().map(|http| status::ask(http.listen));
    let status = match asked {
        Some(Ok(status)) => status,
        _ => {
            let device = identity::read(&settings.state_dir)?.map(|enrolled| enrolled.device);
            status::from_journal(&settings.state_dir, &settings.store.store, device)?
        }
    };
    if json {
        print(&serde_json::to_string_pretty(&status)?);
    } else {
        print(&format!("{}: {}", status.level, status.text));
        print(&format!(
            "waiting for a receipt: {} records, {} attachments",
            status.backlog, status.attachments
        ));
        print(&format!(
            "since start: {} journaled, {} told again, {} told to wait",
            status.appended, status.already, status.refused
        ));
        if let Some(days) = status.buffer_days {
            print(&format!(
                "disk: {} % used, takes sales for {days} more days without the relay",
                status.disk_percent
            ));
        }
        let link = if status.connected {
            "connected"
        } else {
            "not connected"
        };
        print(&format!(
            "relay: {link}{}",
            status.last_error.map(|e| format!(" ({e})")).unwrap_or_default()
        ));
    }
    let bad = matches!(status.level.as_str(), "bad");
    Ok(ExitCode::from(u8::from(bad)))
}

fn show_config(config: &Config, json: bool) -> anyhow::Result<()> {
    if json {
        print(&serde_json::to_string_pretty(config.values())?);
        return Ok(());
    }
    for value in config.values() {
        let shown = value.value.as_deref().unwrap_or("(not set)");
        print(&format!(
            "{} = {shown}    # {}; {}",
            value.key, value.source, value.help
        ));
    }
    Ok(())
}

fn journal_verb(config: &Config, verb: &JournalVerb) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(&config.settings.state_dir)?;
    match verb {
        JournalVerb::Show { last } => {
            for record in reader.show(*last)? {
                print(&record.to_string());
            }
        }
        JournalVerb::Verify { json } => {
            let report = reader.verify()?;
            if *json {
                print(&serde_json::to_string_pretty(&report)?);
            } else {
                report.broken.iter().for_each(|line| print(line));
                let holds = if report.broken.is_empty() {
                    "holds"
                } else {
                    "DOES NOT HOLD"
                };
                let (segments, records, attachments) = (report.segments, report.records, report.attachments);
                print(&format!(
                    "journal {holds}: {segments} segments, {records} records, {attachments} attachments"
                ));
            }
            return Ok(ExitCode::from(u8::from(!report.broken.is_empty())));
        }
        JournalVerb::Export { out: None } => drop(reader.export(&mut std::io::stdout().lock())?),
        JournalVerb::Export { out: Some(path) } => {
            let file =
                std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            let mut out = std::io::BufWriter::new(file);
            let count = reader.export(&mut out)?;
            out.flush()?;
            print(&format!("{count} records written to {}", path.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn wipe(config: &Config, force: bool) -> anyhow::Result<()> {
    let state_dir = &config.settings.state_dir;
    let _lock = journal::lock(state_dir)?;
    if journal::database(state_dir).exists() {
        let waiting: u64 = Reader::open(state_dir)?
            .segments()?
            .iter()
            .map(journal::Segment::backlog)
            .sum();
        if waiting > 0 && !force {
            bail!(
                "{waiting} records have no receipt yet and would be lost; start the agent until `status` shows 0, or say --force"
            );
        }
    }
    identity::remove(state_dir)?;
    for name in [
        "journal.db",
        "journal.db-wal",
        "journal.db-shm",
        "reserve",
        "known-time",
    ] {
        let path = state_dir.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
    }
    print("key, identity and journal are removed from this box");
    Ok(())
}
