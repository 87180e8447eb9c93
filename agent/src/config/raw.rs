//! The configuration as written: shapes of TOML, before anything is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use tillwire_agent_core::capture::heartland_retail::feed::Reads;
use tillwire_proto::{LaneId, RegisterId, StoreId, TenantId, TerminalId};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    #[serde(default)]
    pub(super) agent: Agent,
    pub(super) store: Store,
    #[serde(default)]
    pub(super) register: Vec<Register>,
    pub(super) http: Option<Http>,
    #[serde(default)]
    pub(super) heartland: Heartland,
    #[serde(default)]
    pub(super) upa: Vec<Terminal>,
    #[serde(default)]
    pub(super) pax: Vec<Terminal>,
    #[serde(default)]
    pub(super) hpa: Vec<Terminal>,
    #[serde(default)]
    pub(super) folder: Vec<super::folder::Folder>,
    #[serde(default)]
    pub(super) printer: Vec<super::printer::Printer>,
    #[serde(default)]
    pub(super) acknowledge: Vec<Acknowledge>,
    #[serde(default)]
    pub(super) relay: Relay,
    #[serde(default)]
    pub(super) limits: Limits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) state_dir: Option<PathBuf>,
    pub(super) clock_offset_s: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    pub(super) tenant: TenantId,
    pub(super) store: StoreId,
    pub(super) currency: String,
    pub(super) time_zone: Option<String>,
    pub(super) day_cutoff: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    pub(super) id: RegisterId,
    #[serde(default)]
    pub(super) station_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Http {
    pub(super) lane: Option<LaneId>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) secret_file: PathBuf,
    pub(super) screen_secret_file: Option<PathBuf>,
    pub(super) body_len_max: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Heartland {
    pub(super) url: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) lane: Option<LaneId>,
    pub(super) reads: Option<BTreeSet<Reads>>,
    pub(super) every_s: Option<u32>,
    pub(super) asks_per_s: Option<u8>,
    pub(super) overlap_s: Option<u32>,
    pub(super) reread_days: Option<u16>,
    #[serde(default)]
    pub(super) location_ids: Vec<String>,
    #[serde(default)]
    pub(super) tenders: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terminal {
    pub(super) lane: LaneId,
    pub(super) register: RegisterId,
    pub(super) terminal: TerminalId,
    /// TCP: where the POS connects to.
    pub(super) listen: Option<SocketAddr>,
    /// TCP: the terminal.
    pub(super) connect: Option<String>,
    /// Serial: the device towards the POS.
    pub(super) serial_pos: Option<PathBuf>,
    /// Serial: the device towards the terminal.
    pub(super) serial_terminal: Option<PathBuf>,
    /// Serial: bits per second.
    pub(super) baud: Option<u32>,
    /// Serial: 7 or 8.
    pub(super) data_bits: Option<u8>,
    /// Serial: `none`, `odd` or `even`.
    pub(super) parity: Option<String>,
    /// Serial: 1 or 2.
    pub(super) stop_bits: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acknowledge {
    pub(super) lane: LaneId,
    pub(super) by: String,
    pub(super) date: String,
    /// Base64 (URL alphabet, without padding) of the device's signature.
    pub(super) seal: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Relay {
    pub(super) mqtt: Option<String>,
    pub(super) backoff_min_ms: Option<u64>,
    pub(super) backoff_max_ms: Option<u64>,
    pub(super) useful_ms: Option<u64>,
    pub(super) watchdog_ms: Option<u64>,
    pub(super) resend_ms: Option<u64>,
    pub(super) keep_alive_s: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) prune_percent: Option<u8>,
    pub(super) busy_percent: Option<u8>,
    pub(super) keep_days: Option<u16>,
    pub(super) reserve_len: Option<u64>,
    pub(super) journal_len_max: Option<u64>,
}
