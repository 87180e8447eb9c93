//! `doctor`: is this machine fit, is Odoo, and what to do about it if not.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use serde::Serialize;

use super::{Common, load, print_json};
use tillwire_capture::heartland_retail::cloud::{Manner, WHOAMI};
use tillwire_capture::heartland_retail::feed::{Ask, Feed};

use crate::clock::Clock;
use crate::cloud::Account;
use crate::cloud::client::Client;
use crate::config::Config;
use crate::mapping::InForce;
use crate::pki::Pki;
use crate::run::{self, Links};

/// Less free space than this is worth a word, in MiB: a day of a few hundred stores.
const FREE_MIB_MIN: u64 = 2048;

/// 2026-01-01T00:00:00Z: before this no clock of a machine that runs this program can be right.
const BUILT_MS: i64 = 1_767_225_600_000;

#[derive(Debug, Serialize)]
struct Finding {
    /// `good`, `look` or `stop`.
    severity: &'static str,
    what: String,
    mend: Option<String>,
}

fn good(what: impl Into<String>) -> Finding {
    Finding {
        severity: "good",
        what: what.into(),
        mend: None,
    }
}

fn bad(severity: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding {
        severity,
        what: what.into(),
        mend: Some(mend.into()),
    }
}

pub(super) async fn doctor(common: &Common) -> Result<ExitCode> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = load(common)?;
    let mut found = vec![clock(), sqlite(), disk(&config)];
    found.extend(certificates(&config));
    let mut reports = Vec::new();
    match run::open_store(&config, false) {
        Ok(store) => {
            found.push(good(format!(
                "database {} opens",
                run::database(&config).display()
            )));
            let in_force = InForce::from(Arc::new(config.stores.clone()));
            if let Err(error) = in_force.refresh(&store).await {
                found.push(bad(
                    "stop",
                    error.to_string(),
                    "apply a mapping that fits the configured stores",
                ));
            }
            match Links::of(&config, &store, &in_force) {
                Ok(links) => {
                    for link in links.iter() {
                        reports.push(link.preflight().await);
                    }
                }
                Err(error) => found.push(bad(
                    "stop",
                    format!("{error:#}"),
                    "mend [odoo] in the configuration",
                )),
            }
        }
        Err(error) => found.push(bad(
            "stop",
            format!("{error:#}"),
            "run `tillwire-relay init`, or mend the folder",
        )),
    }
    for account in &config.heartland {
        found.push(cloud(account).await);
    }
    if config.odoo.is_none() {
        found.push(bad(
            "look",
            "no [odoo] is configured: days are computed, nothing is posted",
            "fill in [odoo]",
        ));
    }
    let fit = found.iter().all(|one| one.severity != "stop") && reports.iter().all(|report| report.is_good());
    if common.json {
        print_json(&serde_json::json!({ "fit": fit, "machine": found, "odoo": reports }))?;
    } else {
        for one in &found {
            println!("{:<5} {}", one.severity, one.what);
            if let Some(mend) = &one.mend {
                println!("      {mend}");
            }
        }
        for report in &reports {
            print!("{}", report.text());
        }
    }
    Ok(if fit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether a retailer's account in the POS's cloud takes its token.
async fn cloud(account: &Account) -> Finding {
    let what = format!("Heartland account {} of {}", account.url, account.tenant);
    let client = match Client::new(account) {
        Ok(client) => client,
        Err(error) => {
            return bad(
                "stop",
                format!("{what}: {error:#}"),
                "put an API token of the account there",
            );
        }
    };
    let told = client.ask(&Ask::Get(WHOAMI.to_owned())).await;
    let stations = account.stores.iter().flat_map(|store| store.registers.keys());
    let orders = Feed::all(&account.reads, stations).find(|feed| *feed != Feed::Tickets);
    let orders = match orders {
        Some(feed) if told.manner == Manner::Read => page(&client, &feed).await,
        _ => Ok(()),
    };
    match told.manner {
        Manner::Read => match orders {
            Ok(()) => good(format!("{what} answers")),
            Err(words) => bad(
                "stop",
                format!("{what}: its orders cannot be read: {words}"),
                "take \"orders\" out of reads where the account has tickets, or send us the answer",
            ),
        },
        Manner::Unauthorised => bad(
            "stop",
            format!("{what}: {}, the token is not taken", told.words),
            "make a new token (My Account, API) with the right to read sales, and put it into token_file",
        ),
        _ => bad(
            "look",
            format!("{what}: {}", told.words),
            "see whether the address is right and reachable from here",
        ),
    }
}

/// Whether a page of a list can be read.
async fn page(client: &Client, feed: &Feed) -> Result<(), String> {
    let list = feed.since(jiff::Timestamp::UNIX_EPOCH, 0);
    let told = client.ask(&list.ask()).await;
    if told.manner != Manner::Read {
        return Err(told.words);
    }
    list.read(&told.body)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn clock() -> Finding {
    let now_ms = Clock::system().now_ms();
    if now_ms < BUILT_MS {
        return bad(
            "stop",
            "the clock of this machine is in the past",
            "set it, or let it be set by NTP",
        );
    }
    good(format!("clock {}", super::moment(now_ms)))
}

fn sqlite() -> Finding {
    good(format!("SQLite {}", rusqlite::version()))
}

fn disk(config: &Config) -> Finding {
    match rustix::fs::statvfs(&config.state_dir) {
        Ok(stat) => {
            let free_mib = stat.f_bavail.saturating_mul(stat.f_frsize) / (1024 * 1024);
            let words = format!("{free_mib} MiB free in {}", config.state_dir.display());
            if free_mib < FREE_MIB_MIN {
                bad(
                    "look",
                    words,
                    "make room: a full disk loses nothing, but stores then keep their records",
                )
            } else {
                good(words)
            }
        }
        Err(error) => bad(
            "stop",
            format!("cannot look at {}: {error}", config.state_dir.display()),
            "run `tillwire-relay init`",
        ),
    }
}

fn certificates(config: &Config) -> Vec<Finding> {
    let pki = match Pki::open(&run::keys(config)) {
        Ok(pki) => pki,
        Err(error) => return vec![bad("stop", format!("{error:#}"), "run `tillwire-relay init`")],
    };
    let now_ms = Clock::system().now_ms();
    match (pki.server_not_after(), pki.server_renewal_due(now_ms)) {
        (Ok(until), Ok(due)) => {
            let words = format!(
                "certificate of this relay good until {}",
                super::moment(until.saturating_mul(1000))
            );
            if until.saturating_mul(1000) <= now_ms {
                vec![bad("stop", words, "renew it: no device can connect")]
            } else if due {
                vec![bad(
                    "look",
                    words,
                    "it is renewed at the next start of `tillwire-relay run`",
                )]
            } else {
                vec![good(words)]
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            vec![bad("stop", format!("{error:#}"), "run `tillwire-relay init`")]
        }
    }
}
