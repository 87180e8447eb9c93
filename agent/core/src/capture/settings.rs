//! What capture is told, checked: nothing behind this border meets a setting that cannot be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;
use tillwire_proto::{BusinessDay, Currency, LaneId, LocalTime, RegisterId, StoreId, TenderKind, TerminalId};
use zeroize::Zeroizing;

/// Why a capture setting was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A secret that can be guessed.
    #[error(
        "the secret has {found} bytes, wanted at least {SECRET_LEN_MIN}; make one with `openssl rand -hex 32`"
    )]
    ShortSecret {
        /// Bytes found.
        found: usize,
    },
    /// A cut-off that is not in the night.
    #[error("the day's cut-off is {found}, wanted 00:00 to 12:00")]
    Cutoff {
        /// As found.
        found: civil::Time,
    },
    /// A line speed that no terminal uses.
    #[error("found {found} baud, wanted one of 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400")]
    Baud {
        /// As found.
        found: u32,
    },
}

/// Shortest bearer secret, in bytes.
pub const SECRET_LEN_MIN: usize = 16;

/// The bearer secret that a source shows. Never printed, overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the secret without surrounding white space, which editors leave behind in secret files.
    ///
    /// # Errors
    /// [`SettingError::ShortSecret`].
    pub fn new(text: &[u8]) -> Result<Self, SettingError> {
        let text = text.trim_ascii();
        if text.len() < SECRET_LEN_MIN {
            return Err(SettingError::ShortSecret { found: text.len() });
        }
        Ok(Self(Zeroizing::new(text.to_vec())))
    }

    /// The bytes, to compare in constant time.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The HTTP endpoint that sources push to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// The lane that everything pushed is journaled on.
    pub lane: LaneId,
    /// Where it listens. Loopback unless the POS runs on another machine.
    pub listen: SocketAddr,
    /// What a source must show.
    pub secret: Secret,
    /// Longest body, in bytes.
    pub body_len_max: usize,
    /// A body must have arrived within this time.
    pub body_within: Duration,
    /// Requests answered at the same time; more are told to come again.
    pub requests_max: usize,
}

impl HttpSettings {
    /// Usual limits: 1 MiB in 10 s, 512 at a time, on `127.0.0.1:8787`.
    #[must_use]
    pub fn new(lane: LaneId, secret: Secret) -> Self {
        Self {
            lane,
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            secret,
            body_len_max: 1024 * 1024,
            body_within: Duration::from_secs(10),
            requests_max: 512,
        }
    }
}

/// How Heartland Retail tickets map to this store.
#[derive(Debug, Clone)]
pub struct HeartlandRetailSettings {
    /// The store.
    pub store: StoreId,
    /// The currency that its tickets are in; Heartland tickets do not name one.
    pub currency: Currency,
    /// `station_id` to register. A ticket of another station is refused.
    pub registers: BTreeMap<String, RegisterId>,
    /// The store's `location_id`s; a ticket of another location is refused. Empty means any.
    pub locations: BTreeSet<String>,
    /// `payment_type_id` to tender, for the retailer's own payment types. What is not here and not built in becomes
    /// [`TenderKind::Other`].
    pub tenders: BTreeMap<String, TenderKind>,
    /// Which day a sale after midnight belongs to, and the store's clock.
    pub time: TimeRules,
}

/// The store's day.
#[derive(Debug, Clone)]
pub struct TimeRules {
    cutoff: civil::Time,
    zone: Option<TimeZone>,
}

impl TimeRules {
    /// The day ends at midnight; no zone.
    #[must_use]
    pub const fn midnight() -> Self {
        Self {
            cutoff: civil::Time::midnight(),
            zone: None,
        }
    }

    /// Sales before `cutoff` belong to the day before. `zone` is only asked for tickets that carry no local time
    /// (voided before they were completed).
    ///
    /// # Errors
    /// [`SettingError::Cutoff`] for a cut-off in the afternoon.
    pub fn new(cutoff: civil::Time, zone: Option<TimeZone>) -> Result<Self, SettingError> {
        if cutoff > civil::time(12, 0, 0, 0) {
            return Err(SettingError::Cutoff { found: cutoff });
        }
        Ok(Self { cutoff, zone })
    }

    /// The business day of a moment on the store's clock.
    #[must_use]
    pub fn day(&self, at: LocalTime) -> BusinessDay {
        let early = at.civil().time() < self.cutoff;
        let yesterday = early.then(|| at.date().date().yesterday().ok()).flatten();
        yesterday.map_or(at.date(), BusinessDay::from)
    }

    /// A moment in universal time on the store's clock, where the zone is known.
    #[must_use]
    pub fn local(&self, at: jiff::Timestamp) -> Option<LocalTime> {
        let zone = self.zone.clone()?;
        Some(LocalTime::from_civil(at.to_zoned(zone).datetime()))
    }
}

/// A tap on the line between POS and UPA terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpaTapSettings {
    /// The lane that its payments are journaled on.
    pub lane: LaneId,
    /// The store.
    pub store: StoreId,
    /// The register that the terminal belongs to.
    pub register: RegisterId,
    /// The terminal.
    pub terminal: TerminalId,
    /// The currency that the terminal charges in.
    pub currency: Currency,
    /// The line.
    pub line: TapLine,
}

/// What a tap sits in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapLine {
    /// The POS connects to the agent, the agent to the terminal.
    Tcp {
        /// Where the POS connects to.
        listen: SocketAddr,
        /// The terminal, as `host:port`.
        terminal: String,
    },
    /// Two serial devices.
    Serial {
        /// The device towards the POS.
        pos: PathBuf,
        /// The device towards the terminal.
        terminal: PathBuf,
        /// How both are set.
        mode: SerialMode,
    },
}

/// How a serial line is set. Both sides alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SerialMode {
    baud: u32,
    /// Seven data bits instead of eight.
    pub seven_bits: bool,
    /// Parity bit.
    pub parity: Parity,
    /// Two stop bits instead of one.
    pub two_stop_bits: bool,
}

/// Parity bit of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// No parity bit.
    None,
    /// Odd number of ones.
    Odd,
    /// Even number of ones.
    Even,
}

impl SerialMode {
    /// Eight data bits, no parity, one stop bit.
    ///
    /// # Errors
    /// [`SettingError::Baud`].
    pub fn new(baud: u32) -> Result<Self, SettingError> {
        if !matches!(
            baud,
            1200 | 2400 | 4800 | 9600 | 19200 | 38400 | 57600 | 115_200 | 230_400
        ) {
            return Err(SettingError::Baud { found: baud });
        }
        Ok(Self {
            baud,
            seven_bits: false,
            parity: Parity::None,
            two_stop_bits: false,
        })
    }

    /// Bits per second.
    #[must_use]
    pub const fn baud(&self) -> u32 {
        self.baud
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_before_the_cutoff_is_yesterdays() {
        let rules = TimeRules::new(civil::time(4, 0, 0, 0), None).unwrap();
        let day = |text: &str| rules.day(text.parse().unwrap()).to_string();
        assert_eq!(day("2026-11-14T03:59:59"), "2026-11-13");
        assert_eq!(day("2026-11-14T04:00:00"), "2026-11-14");
        assert_eq!(day("2026-03-01T00:30:00"), "2026-02-28");
        assert_eq!(
            TimeRules::midnight()
                .day("2026-11-14T00:00:00".parse().unwrap())
                .to_string(),
            "2026-11-14"
        );
        assert!(TimeRules::new(civil::time(18, 0, 0, 0), None).is_err());
    }

    #[test]
    fn secrets_are_long_and_never_printed() {
        assert_eq!(
            Secret::new(b" short \n"),
            Err(SettingError::ShortSecret { found: 5 })
        );
        let secret = Secret::new(b"0123456789abcdef\n").unwrap();
        assert_eq!(secret.bytes(), b"0123456789abcdef");
        assert!(!format!("{secret:?}").contains("0123"));
    }
}
