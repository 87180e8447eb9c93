//! The agent's settings, validated. The shell reads them from TOML and environment and turns them into these types;
//! nothing behind this border ever sees a setting that cannot be.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tillwire_proto::{Currency, LaneId, RegisterId, StoreId, TenantId};

use crate::capture::heartland_retail::feed::{Reads, is_of_orders};
use crate::capture::manifest::Acknowledgement;
use crate::capture::settings::{FolderSettings, HeartlandRetailSettings, TapSettings};

/// Everything that the agent is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where journal, keys and certificates live.
    pub state_dir: PathBuf,
    /// Added to the wall clock, in milliseconds: a rehearsal with a clock that is wrong. 0 in every real store.
    pub clock_offset_ms: i64,
    /// The store it stands in.
    pub store: Store,
    /// The store's registers.
    pub registers: Vec<RegisterId>,
    /// The local endpoint that takes tickets by HTTP, and answers `status`; `None` when nothing pushes.
    pub http: Option<HttpSource>,
    /// The retailer's account in the POS's cloud, where this box asks it; `None` where the relay does, or nobody.
    pub cloud: Option<CloudSource>,
    /// How tickets map to this store.
    pub retail: HeartlandRetailSettings,
    /// Taps on the lines of terminals and printers.
    pub taps: Vec<TapSettings>,
    /// Folders with files of tickets.
    pub folders: Vec<FolderSettings>,
    /// Wires with clear card data that somebody has acknowledged.
    pub acknowledged: Vec<Acknowledgement>,
    /// The way to the relay.
    pub relay: RelayLink,
    /// Limits of disk and memory.
    pub limits: Limits,
}

/// The store that the agent stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The currency that the store's tickets are in.
    pub currency: Currency,
}

/// The HTTP endpoint for tickets, before its secret is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSource {
    /// The lane that its tickets are journaled on.
    pub lane: LaneId,
    /// Where it listens.
    pub listen: SocketAddr,
    /// File with the bearer secret that a source must show.
    pub secret_file: PathBuf,
    /// File with the secret in the address of the POS's extension page; `None` when there is no such page.
    pub screen_secret_file: Option<PathBuf>,
    /// Largest request body, in bytes.
    pub body_len_max: usize,
}

/// The retailer's account in the POS's cloud, as this box asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudSource {
    /// The lane that its sales are journaled on.
    pub lane: LaneId,
    /// Its address, such as `https://acme.retail.heartland.us`.
    pub url: String,
    /// File with a token of it.
    pub token_file: PathBuf,
    /// What it shows its sales as.
    pub reads: BTreeSet<Reads>,
    /// Between two rounds.
    pub every: Duration,
    /// Between two questions, at least.
    pub pace: Duration,
    /// How far each round goes back behind the last one, in seconds.
    pub overlap_s: u32,
    /// How many days are read again, at each start and once a day.
    pub reread_days: u16,
}

/// The way to the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayLink {
    /// MQTT address `host:port`; `None` means as the relay said at enrolment.
    pub mqtt: Option<String>,
    /// Shortest pause before connecting again, in milliseconds.
    pub backoff_min_ms: u64,
    /// Longest pause before connecting again, in milliseconds.
    pub backoff_max_ms: u64,
    /// A connection that was useful for so long is forgiven its past, in milliseconds.
    pub useful_ms: u64,
    /// Without a receipt for so long although something is under way, the connection is built anew, in milliseconds.
    pub watchdog_ms: u64,
    /// Unreceipted records are sent again after at least so long, in milliseconds.
    pub resend_ms: u64,
    /// MQTT keep-alive, in seconds.
    pub keep_alive_s: u16,
}

impl Default for RelayLink {
    fn default() -> Self {
        Self {
            mqtt: None,
            backoff_min_ms: 1_000,
            backoff_max_ms: 300_000,
            useful_ms: 60_000,
            watchdog_ms: 60_000,
            resend_ms: 10_000,
            keep_alive_s: 30,
        }
    }
}

/// Limits of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From here on receipted records are pruned before their time, in percent of the disk; one larger than 16 GiB
    /// counts as one of 16 GiB with as much room left.
    pub prune_percent: u8,
    /// From here on sources are told *busy*, in percent of the disk, counted likewise.
    pub busy_percent: u8,
    /// A receipted record is kept this long, in days between relay receipts.
    pub keep_days: u16,
    /// Size of the reserve file, in bytes: room for the last words of a full disk.
    pub reserve_len: u64,
    /// The journal may not grow beyond this, in bytes; `None` is no limit but the disk's.
    pub journal_len_max: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            prune_percent: 85,
            busy_percent: 95,
            keep_days: 90,
            reserve_len: 64 * 1024 * 1024,
            journal_len_max: None,
        }
    }
}

/// Why settings do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A name used twice.
    #[error("{what} {name:?} is there twice; each needs its own name")]
    Twice {
        /// `register` or `lane`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A tap for a register that the store does not have.
    #[error("{what} tap {lane:?} names register {found:?}, wanted one of: {wanted}")]
    NoRegister {
        /// What it taps, as its section is called.
        what: &'static str,
        /// The tap's lane.
        lane: String,
        /// As written.
        found: String,
        /// The store's registers.
        wanted: String,
    },
    /// A figure out of its range.
    #[error("{key} is {found}, wanted {wanted}")]
    Range {
        /// The key.
        key: &'static str,
        /// As found.
        found: String,
        /// As allowed.
        wanted: String,
    },
    /// A key without which the account in the POS's cloud cannot be asked.
    #[error("{key} is missing; heartland.url asks the account for {reads}, which needs {wanted}")]
    NoWayToAsk {
        /// The key.
        key: &'static str,
        /// What is asked for.
        reads: &'static str,
        /// What stands there.
        wanted: &'static str,
    },
    /// Nothing to capture.
    #[error(
        "no source is configured; add [http], heartland.url, a tap such as [[upa]] or [[printer]], or a [[folder]]"
    )]
    NoSource,
}

impl Settings {
    /// Checks what single values cannot show.
    ///
    /// # Errors
    /// The first [`SettingsError`], which names what was found and what is allowed.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.check_names()?;
        self.check_limits()?;
        self.check_cloud()?;
        let none = self.http.is_none() && self.cloud.is_none();
        if none && self.taps.is_empty() && self.folders.is_empty() {
            return Err(SettingsError::NoSource);
        }
        Ok(())
    }

    /// Every lane that the settings name.
    pub fn lanes(&self) -> impl Iterator<Item = &LaneId> {
        let http = self.http.iter().map(|http| &http.lane);
        http.chain(self.cloud.iter().map(|cloud| &cloud.lane))
            .chain(self.taps.iter().map(|tap| &tap.lane))
            .chain(self.folders.iter().map(|folder| &folder.lane))
    }

    fn check_names(&self) -> Result<(), SettingsError> {
        let registers: Vec<&str> = self.registers.iter().map(RegisterId::as_str).collect();
        let lanes: Vec<&str> = self.lanes().map(LaneId::as_str).collect();
        unique("register", &registers)?;
        unique("lane", &lanes)?;
        for tap in &self.taps {
            if !registers.contains(&tap.register.as_str()) {
                return Err(SettingsError::NoRegister {
                    what: tap.dialect.name(),
                    lane: tap.lane.to_string(),
                    found: tap.register.to_string(),
                    wanted: registers.join(", "),
                });
            }
        }
        Ok(())
    }

    fn check_cloud(&self) -> Result<(), SettingsError> {
        let Some(cloud) = &self.cloud else { return Ok(()) };
        let missing = |key, reads, wanted| Err(SettingsError::NoWayToAsk { key, reads, wanted });
        if cloud.reads.contains(&Reads::Tickets) && self.retail.locations.is_empty() {
            let wanted = "this store's locations, because it shows the tickets of all";
            return missing("heartland.location_ids", "tickets", wanted);
        }
        if !cloud.reads.contains(&Reads::Orders) {
            return Ok(());
        }
        if !self.retail.registers.keys().any(|station| is_of_orders(station)) {
            let wanted = "the stations' ids in the newer interface, because orders are asked for by station";
            return missing("register.station_ids", "orders", wanted);
        }
        if self.retail.time.local(jiff::Timestamp::UNIX_EPOCH).is_none() {
            let wanted = "the store's zone, because they carry no local time";
            return missing("store.time_zone", "orders", wanted);
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), SettingsError> {
        let range = |key, found: String, wanted: &str| SettingsError::Range {
            key,
            found,
            wanted: wanted.to_owned(),
        };
        let Limits {
            prune_percent: prune,
            busy_percent: busy,
            ..
        } = self.limits;
        if !(1..=99).contains(&busy) {
            return Err(range("limits.busy_percent", busy.to_string(), "1 to 99"));
        }
        if prune >= busy {
            let wanted = format!("less than limits.busy_percent, which is {busy}");
            return Err(range("limits.prune_percent", prune.to_string(), &wanted));
        }
        if self.relay.backoff_min_ms == 0 || self.relay.backoff_min_ms > self.relay.backoff_max_ms {
            let wanted = format!(
                "1 to relay.backoff_max_ms, which is {}",
                self.relay.backoff_max_ms
            );
            return Err(range(
                "relay.backoff_min_ms",
                self.relay.backoff_min_ms.to_string(),
                &wanted,
            ));
        }
        Ok(())
    }
}

fn unique(what: &'static str, names: &[impl AsRef<str>]) -> Result<(), SettingsError> {
    for (index, name) in names.iter().enumerate() {
        if names[..index].iter().any(|other| other.as_ref() == name.as_ref()) {
            let name = name.as_ref().to_owned();
            return Err(SettingsError::Twice { what, name });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use tillwire_proto::TerminalId;

    use super::*;
    use crate::capture::settings::{Dialect, TapLine, TimeRules};

    fn settings() -> Settings {
        let register = RegisterId::new("till-1").unwrap();
        let store = StoreId::new("austin").unwrap();
        Settings {
            state_dir: "/var/lib/tillwire".into(),
            clock_offset_ms: 0,
            store: Store {
                tenant: TenantId::new("maple").unwrap(),
                store: store.clone(),
                currency: Currency::USD,
            },
            registers: vec![register.clone()],
            http: None,
            cloud: None,
            retail: HeartlandRetailSettings {
                store: store.clone(),
                currency: Currency::USD,
                registers: BTreeMap::new(),
                locations: BTreeSet::new(),
                tenders: BTreeMap::new(),
                time: TimeRules::midnight(),
            },
            taps: vec![TapSettings {
                lane: LaneId::new("terminal-1").unwrap(),
                store,
                register,
                currency: Currency::USD,
                line: TapLine::Tcp {
                    listen: "127.0.0.1:8081".parse().unwrap(),
                    device: "10.0.0.9:8081".to_owned(),
                },
                dialect: Dialect::Upa(TerminalId::new("pinpad-1").unwrap()),
            }],
            folders: Vec::new(),
            acknowledged: Vec::new(),
            relay: RelayLink::default(),
            limits: Limits::default(),
        }
    }

    #[test]
    fn defaults_of_every_limit_pass_the_check() {
        assert_eq!(settings().check(), Ok(()));
    }

    #[test]
    fn two_sources_cannot_share_one_lane() {
        let mut twice = settings();
        twice.taps.push(twice.taps[0].clone());
        let error = twice.check().unwrap_err().to_string();
        assert_eq!(
            error,
            "lane \"terminal-1\" is there twice; each needs its own name"
        );
    }

    #[test]
    fn a_tap_of_an_unknown_register_names_the_known_ones() {
        let mut settings = settings();
        settings.taps[0].register = RegisterId::new("till-9").unwrap();
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("till-9") && error.contains("till-1"), "{error}");
    }

    #[test]
    fn an_agent_without_any_source_is_refused() {
        let mut settings = settings();
        settings.taps.clear();
        assert_eq!(settings.check(), Err(SettingsError::NoSource));
    }

    #[test]
    fn pruning_must_start_before_sources_are_told_busy() {
        let mut settings = settings();
        settings.limits.prune_percent = 95;
        assert!(matches!(
            settings.check(),
            Err(SettingsError::Range {
                key: "limits.prune_percent",
                ..
            })
        ));
    }
}
