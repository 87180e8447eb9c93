//! Configuration: one TOML file, each key of a section also as `TILLWIRE_SECTION_KEY` in the environment, which wins.
//!
//! A wrong key or value names itself, its line, what was found and what is allowed. Secrets are never values: keys
//! name the files that hold them.

mod acknowledge;
mod cloud;
mod environment;
mod folder;
mod keys;
pub(crate) mod printer;
mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use jiff::tz::TimeZone;
use tillwire_agent_core::capture::settings::{
    Dialect, HeartlandRetailSettings, Parity, SerialMode, TapLine, TapSettings, TimeRules,
};
use tillwire_agent_core::settings::{HttpSource, Limits, RelayLink, Settings, Store};
use tillwire_proto::{Currency, Digest, RegisterId, TenderKind, TerminalId};

use keys::KEYS;
use raw::Raw;

/// Where the file is when nobody says otherwise.
pub const DEFAULT_FILE: &str = "/etc/tillwire/agent.toml";

/// A configuration that is in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// What it says, checked.
    pub settings: Settings,
    /// SHA-256 of what was read, so that a change shows in the segment header.
    pub digest: Digest,
    values: Vec<Value>,
}

/// One key for `config show`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Value {
    /// `section.key`.
    pub key: String,
    /// Its value as TOML; `None` when it is not set.
    pub value: Option<String>,
    /// `default`, the file with the line, or the environment variable.
    pub source: String,
    /// Meaning, unit and an example.
    pub help: String,
}

impl Config {
    /// Reads file and environment.
    ///
    /// # Errors
    /// Names the key, the line, what was found and what is allowed.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the configuration {}", file.display()))?;
        Self::read(&text, &file.display().to_string(), &|name| {
            std::env::var(name).ok()
        })
    }

    /// Reads a text, and an environment by name.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn read(text: &str, file: &str, env: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let mut table: toml::Table =
            toml::from_str(text).map_err(|e| anyhow!("{file}: {}", e.to_string().trim_end()))?;
        let overrides = environment::override_from(env, &mut table);
        // The file is judged with its lines; what the environment changed has none.
        let raw: Raw = if overrides.is_empty() {
            toml::from_str(text).map_err(|e| anyhow!("{file}: {}", e.to_string().trim_end()))?
        } else {
            let names = overrides.values().cloned().collect::<Vec<_>>().join(", ");
            Raw::deserialize_table(table.clone()).with_context(|| format!("{file} with {names}"))?
        };
        let settings = settings(raw).with_context(|| file.to_owned())?;
        settings.check().with_context(|| file.to_owned())?;
        let digest = Digest::of(table.to_string().as_bytes());
        Ok(Self {
            settings,
            digest,
            values: values(&table, text, file, &overrides),
        })
    }

    /// Every key with its value in force and where that came from.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

impl Raw {
    fn deserialize_table(table: toml::Table) -> anyhow::Result<Self> {
        table
            .try_into()
            .map_err(|e: toml::de::Error| anyhow!("{}", e.message()))
    }
}

fn values(table: &toml::Table, text: &str, file: &str, overrides: &BTreeMap<&str, String>) -> Vec<Value> {
    let single = KEYS.iter().map(|key| {
        let (section, name) = key.name.split_once('.').expect("every key has a section");
        let found = table.get(section).and_then(|section| section.get(name));
        let source = match (overrides.get(key.name), found) {
            (Some(variable), _) => variable.clone(),
            (None, Some(_)) => {
                line_of(text, section, name).map_or(file.to_owned(), |line| format!("{file}:{line}"))
            }
            (None, None) => "default".to_owned(),
        };
        let value = found
            .map(ToString::to_string)
            .or_else(|| key.default.map(str::to_owned));
        Value {
            key: key.name.to_owned(),
            value,
            source,
            help: key.help.to_owned(),
        }
    });
    let lists = [
        "register",
        "upa",
        "pax",
        "hpa",
        "printer",
        "folder",
        "acknowledge",
    ]
    .into_iter()
    .filter_map(|name| {
        let value = table.get(name)?.to_string();
        let help = format!("[[{name}]] entries of the file");
        Some(Value {
            key: name.to_owned(),
            value: Some(value),
            source: file.to_owned(),
            help,
        })
    });
    single.chain(lists).collect()
}

/// The line on which a section's key stands, from 1.
fn line_of(text: &str, section: &str, name: &str) -> Option<usize> {
    let mut here = "";
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(head) = line.strip_prefix('[').and_then(|l| l.split(']').next()) {
            here = head.trim();
        } else if here == section && line.split('=').next().is_some_and(|key| key.trim() == name) {
            return Some(index + 1);
        }
    }
    None
}

fn settings(raw: Raw) -> anyhow::Result<Settings> {
    let currency = Currency::from_code(&raw.store.currency).context("store.currency")?;
    let store = Store {
        tenant: raw.store.tenant.clone(),
        store: raw.store.store.clone(),
        currency,
    };
    let mut stations = BTreeMap::new();
    for register in &raw.register {
        for station in &register.station_ids {
            if let Some(other) = stations.insert(station.clone(), register.id.clone()) {
                bail!(
                    "station id {station:?} stands at registers {other} and {}; a station is one register",
                    register.id
                );
            }
        }
    }
    let retail = HeartlandRetailSettings {
        store: store.store.clone(),
        currency,
        registers: stations,
        locations: raw
            .heartland
            .location_ids
            .iter()
            .cloned()
            .collect::<BTreeSet<_>>(),
        tenders: raw
            .heartland
            .tenders
            .iter()
            .map(tender)
            .collect::<anyhow::Result<_>>()?,
        time: time_rules(&raw.store)?,
    };
    let terminals: [(OfTerminal, Vec<raw::Terminal>); 3] = [
        (Dialect::Upa, raw.upa),
        (Dialect::Pax, raw.pax),
        (Dialect::Hpa, raw.hpa),
    ];
    let mut templates = printer::Templates::default();
    let taps = terminals
        .into_iter()
        .flat_map(|(dialect, taps)| taps.into_iter().map(move |tap| (dialect, tap)))
        .map(|(dialect, tap)| terminal(dialect, tap, &store))
        .chain(
            raw.printer
                .into_iter()
                .map(|tap| printer::tap(tap, &store, &mut templates)),
        )
        .collect::<anyhow::Result<_>>()?;
    let registers: Vec<RegisterId> = raw.register.into_iter().map(|register| register.id).collect();
    Ok(Settings {
        state_dir: raw
            .agent
            .state_dir
            .unwrap_or_else(|| PathBuf::from("/var/lib/tillwire")),
        clock_offset_ms: raw.agent.clock_offset_s.unwrap_or(0).saturating_mul(1000),
        cloud: cloud::settings(&raw.heartland)?,
        http: raw.http.map(http).transpose()?,
        relay: relay(raw.relay),
        limits: limits(&raw.limits),
        store,
        registers,
        folders: raw
            .folder
            .into_iter()
            .map(folder::settings)
            .collect::<anyhow::Result<_>>()?,
        retail,
        taps,
        acknowledged: raw
            .acknowledge
            .into_iter()
            .map(acknowledge::given)
            .collect::<anyhow::Result<_>>()?,
    })
}

fn time_rules(store: &raw::Store) -> anyhow::Result<TimeRules> {
    let cutoff = store.day_cutoff.as_deref().unwrap_or("00:00");
    let wanted = || format!("store.day_cutoff: found {cutoff:?}, wanted a time such as 04:00");
    let cutoff = jiff::civil::Time::strptime("%H:%M", cutoff).with_context(wanted)?;
    let zone = store.time_zone.as_deref().map(|name| {
        let wanted =
            || format!("store.time_zone: found {name:?}, wanted an IANA name such as America/Chicago");
        TimeZone::get(name).with_context(wanted)
    });
    TimeRules::new(cutoff, zone.transpose()?).context("store.day_cutoff")
}

fn http(raw: raw::Http) -> anyhow::Result<HttpSource> {
    Ok(HttpSource {
        lane: raw.lane.map_or_else(|| "http".parse().context("http.lane"), Ok)?,
        listen: raw.listen.unwrap_or_else(|| ([127, 0, 0, 1], 8787).into()),
        secret_file: raw.secret_file,
        screen_secret_file: raw.screen_secret_file,
        body_len_max: raw.body_len_max.unwrap_or(1024 * 1024),
    })
}

fn tender((payment_type, name): (&String, &String)) -> anyhow::Result<(String, TenderKind)> {
    let kind = name
        .parse()
        .with_context(|| format!("heartland.tenders.{payment_type}"))?;
    Ok((payment_type.clone(), kind))
}

/// The dialect of one terminal.
type OfTerminal = fn(TerminalId) -> Dialect;

fn terminal(dialect: OfTerminal, raw: raw::Terminal, store: &Store) -> anyhow::Result<TapSettings> {
    let mode = serial_mode(&raw);
    let dialect = dialect(raw.terminal);
    let tap = format!("{} tap {}", dialect.name(), raw.lane);
    let line = match (raw.listen, raw.connect, raw.serial_pos, raw.serial_terminal) {
        (Some(listen), Some(device), None, None) => TapLine::Tcp { listen, device },
        (None, None, Some(pos), Some(device)) => {
            let mode = mode.context(tap)?;
            TapLine::Serial { pos, device, mode }
        }
        _ => bail!(
            "{tap}: wanted listen and connect, or serial_pos and serial_terminal, and nothing of the other"
        ),
    };
    Ok(TapSettings {
        lane: raw.lane,
        store: store.store.clone(),
        register: raw.register,
        currency: store.currency,
        line,
        dialect,
    })
}

fn serial_mode(raw: &raw::Terminal) -> anyhow::Result<SerialMode> {
    let mut mode = SerialMode::new(raw.baud.unwrap_or(115_200)).context("baud")?;
    mode.seven_bits = match raw.data_bits {
        None | Some(8) => false,
        Some(7) => true,
        Some(other) => bail!("data_bits: found {other}, wanted 7 or 8"),
    };
    mode.two_stop_bits = match raw.stop_bits {
        None | Some(1) => false,
        Some(2) => true,
        Some(other) => bail!("stop_bits: found {other}, wanted 1 or 2"),
    };
    mode.parity = match raw.parity.as_deref() {
        None | Some("none") => Parity::None,
        Some("odd") => Parity::Odd,
        Some("even") => Parity::Even,
        Some(other) => bail!("parity: found {other:?}, wanted none, odd or even"),
    };
    Ok(mode)
}

fn relay(raw: raw::Relay) -> RelayLink {
    let default = RelayLink::default();
    RelayLink {
        mqtt: raw.mqtt,
        backoff_min_ms: raw.backoff_min_ms.unwrap_or(default.backoff_min_ms),
        backoff_max_ms: raw.backoff_max_ms.unwrap_or(default.backoff_max_ms),
        useful_ms: raw.useful_ms.unwrap_or(default.useful_ms),
        watchdog_ms: raw.watchdog_ms.unwrap_or(default.watchdog_ms),
        resend_ms: raw.resend_ms.unwrap_or(default.resend_ms),
        keep_alive_s: raw.keep_alive_s.unwrap_or(default.keep_alive_s),
    }
}

fn limits(raw: &raw::Limits) -> Limits {
    let default = Limits::default();
    Limits {
        prune_percent: raw.prune_percent.unwrap_or(default.prune_percent),
        busy_percent: raw.busy_percent.unwrap_or(default.busy_percent),
        keep_days: raw.keep_days.unwrap_or(default.keep_days),
        reserve_len: raw.reserve_len.unwrap_or(default.reserve_len),
        journal_len_max: raw.journal_len_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../example.toml");

    fn read(text: &str) -> anyhow::Result<Config> {
        Config::read(text, "agent.toml", &|_| None)
    }

    fn error(text: &str) -> String {
        format!("{:#}", read(text).unwrap_err())
    }

    #[test]
    fn the_example_file_is_a_valid_configuration() {
        let config = read(EXAMPLE).unwrap();
        assert_eq!(config.settings.registers.len(), 2);
        assert_eq!(config.settings.taps.len(), 6);
        assert!(config.settings.http.is_some());
    }

    #[test]
    fn a_wrong_key_names_itself_its_line_and_the_right_ones() {
        let error = error(&EXAMPLE.replace("body_len_max", "max_body"));
        assert!(
            error.contains("unknown field `max_body`") && error.contains("body_len_max"),
            "{error}"
        );
        assert!(error.contains("line "), "{error}");
    }

    #[test]
    fn a_wrong_name_shows_what_was_found_and_allowed() {
        let error = error(&EXAMPLE.replace("tenant = \"maple\"", "tenant = \"Maple Street\""));
        assert!(
            error.contains("\"Maple Street\"") && error.contains("lower-case letters"),
            "{error}"
        );
        assert!(error.contains("line "), "{error}");
    }

    #[test]
    fn a_tap_cannot_be_tcp_and_serial_at_once() {
        let error =
            error(&EXAMPLE.replace("connect = \"192.168.10.20:8081\"", "serial_pos = \"/dev/ttyS0\""));
        assert!(
            error.contains("wanted listen and connect, or serial_pos"),
            "{error}"
        );
    }

    #[test]
    fn a_serial_line_names_what_it_cannot_be() {
        let with = |line: &str| EXAMPLE.replace("baud = 115200", line);
        let config = read(&with(
            "baud = 9600\ndata_bits = 7\nparity = \"even\"\nstop_bits = 2",
        ))
        .unwrap();
        let TapLine::Serial { mode, .. } = &config.settings.taps[1].line else {
            panic!("the second tap is serial")
        };
        assert!(mode.seven_bits && mode.two_stop_bits && mode.parity == Parity::Even && mode.baud() == 9600);
        for (line, words) in [
            ("data_bits = 6", "data_bits: found 6, wanted 7 or 8"),
            ("stop_bits = 3", "stop_bits: found 3, wanted 1 or 2"),
            (
                "parity = \"mark\"",
                "parity: found \"mark\", wanted none, odd or even",
            ),
            ("baud = 300", "found 300 baud"),
        ] {
            let error = error(&with(line));
            assert!(
                error.contains(words) && error.contains("upa tap terminal-2"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_environment_wins_and_is_named_as_source() {
        let env = |name: &str| match name {
            "TILLWIRE_LIMITS_BUSY_PERCENT" => Some("97".to_owned()),
            "TILLWIRE_STORE_STORE" => Some("42".to_owned()),
            "TILLWIRE_HEARTLAND_LOCATION_IDS" => Some("[\"9\"]".to_owned()),
            _ => None,
        };
        let config = Config::read(EXAMPLE, "agent.toml", &env).unwrap();
        assert_eq!(config.settings.limits.busy_percent, 97);
        assert!(config.settings.retail.locations.contains("9"));
        let value = |key: &str| config.values().iter().find(|v| v.key == key).unwrap().clone();
        assert_eq!(
            value("limits.busy_percent").source,
            "TILLWIRE_LIMITS_BUSY_PERCENT"
        );
        assert_eq!(value("relay.watchdog_ms").source, "default");
        assert_eq!(config.settings.store.store.as_str(), "42");
        assert!(value("store.tenant").source.starts_with("agent.toml:"));
    }

    #[test]
    fn a_wrong_environment_variable_is_named() {
        let env = |name: &str| (name == "TILLWIRE_LIMITS_KEEP_DAYS").then(|| "ninety".to_owned());
        let error = format!("{:#}", Config::read(EXAMPLE, "agent.toml", &env).unwrap_err());
        assert!(
            error.contains("TILLWIRE_LIMITS_KEEP_DAYS") && error.contains("ninety"),
            "{error}"
        );
    }

    #[test]
    fn every_default_in_the_table_is_the_one_in_force() {
        let minimal = "[store]\ntenant = 'a'\nstore = 'b'\ncurrency = 'USD'\n[http]\nsecret_file = '/s'\n\
            [heartland]\nurl = 'https://a.example'\ntoken_file = '/t'\nlocation_ids = ['1']\n";
        let bare = read(minimal).unwrap();
        let env = |name: &str| {
            KEYS.iter()
                .find(|key| format!("TILLWIRE_{}", key.name.replace('.', "_").to_uppercase()) == name)
                .filter(|key| key.name != "heartland.location_ids")
                .and_then(|key| key.default.map(str::to_owned))
        };
        let said = Config::read(minimal, "agent.toml", &env).unwrap();
        assert_eq!(format!("{:?}", bare.settings), format!("{:?}", said.settings));
    }
}
