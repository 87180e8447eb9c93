//! The relay as a child process, and its command line as a person uses it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::config::{self, RelayPlaces};
use super::{Odoo, Setup, free_port, until};
use crate::program::{AS_RELAY, Program};
use crate::reference::Chart;
use crate::shop::Shop;
use crate::till_sim::http;

/// A slow machine in a debug build needs so long at most.
const START: Duration = Duration::from_secs(30);

/// The relay.
#[derive(Debug)]
pub struct Relay {
    /// The process.
    pub program: Arc<Program>,
    /// Dashboard and metrics.
    pub http: SocketAddr,
    /// The MQTT endpoint.
    pub mqtt: SocketAddr,
    /// Where devices enrol.
    pub enrol: SocketAddr,
    /// Its state directory.
    pub state_dir: PathBuf,
    /// Its database.
    pub database: PathBuf,
    binary: PathBuf,
    config: PathBuf,
}

impl Relay {
    pub(super) async fn start(
        setup: &Setup,
        shop: &Shop,
        chart: &Chart,
        odoo: &Odoo,
        company: &str,
    ) -> anyhow::Result<Self> {
        let dir = setup.dir.join("relay");
        let state_dir = setup.relay_state.clone().unwrap_or_else(|| dir.join("state"));
        for made in [&dir, &state_dir] {
            std::fs::create_dir_all(made).with_context(|| format!("make {}", made.display()))?;
        }
        let key_file = dir.join("odoo.key");
        super::site::write_secret(&key_file, &odoo.key)?;
        let http = match setup.dashboard {
            Some(address) => address,
            None => free_port()?,
        };
        let (mqtt, enrol) = (free_port()?, free_port()?);
        let places = RelayPlaces {
            state_dir: &state_dir,
            key_file: &key_file,
            http: http.to_string(),
            mqtt: mqtt.to_string(),
            enrol: enrol.to_string(),
        };
        let config = dir.join("relay.toml");
        let text = config::relay(setup, shop, chart, odoo, company, &places)?;
        std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        let args = vec![
            AS_RELAY.into(),
            "run".into(),
            "--config".into(),
            config.clone().into(),
        ];
        let relay = Self {
            program: Arc::new(Program::new("relay", &setup.binary, args, &dir.join("relay.log"))),
            http,
            mqtt,
            enrol,
            database: state_dir.join("relay.db"),
            state_dir,
            binary: setup.binary.clone(),
            config,
        };
        relay.command(&["init"]).await?;
        relay.program.start()?;
        relay.wait_up().await?;
        Ok(relay)
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// When it does not; with the end of its log.
    pub async fn wait_up(&self) -> anyhow::Result<()> {
        let up = until("the relay answers", START, async || {
            let answer = http::get(self.http, "/metrics").await?;
            Ok((answer.status == 200).then_some(()))
        });
        up.await.with_context(|| self.program.log_tail())
    }

    /// Runs one of the relay's commands and returns what it prints.
    ///
    /// # Errors
    /// When it fails; with its own words.
    pub async fn command(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut args: Vec<OsString> = vec![AS_RELAY.into()];
        args.extend(words.iter().map(OsString::from));
        args.extend(["--config".into(), self.config.clone().into()]);
        let binary = self.binary.clone();
        let run = tokio::task::spawn_blocking(move || Program::run_once(&binary, &args));
        run.await.context("wait for a command of the relay")?
    }

    /// Runs a command with `--json` and reads its answer.
    ///
    /// # Errors
    /// When it fails or does not print JSON.
    pub async fn ask(&self, words: &[&str]) -> anyhow::Result<Value> {
        let printed = self.command(&[words, &["--json"]].concat()).await?;
        serde_json::from_str(&printed).with_context(|| format!("{} printed {printed:?}", words.join(" ")))
    }

    /// Whether an older copy of its database was ever put in place.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn was_restored(&self) -> anyhow::Result<bool> {
        crate::relay_store::was_restored(&self.database)
    }

    /// A figure of `/metrics`: the sum over its labels.
    ///
    /// # Errors
    /// When the relay does not answer.
    pub async fn metric(&self, name: &str, label: &str) -> anyhow::Result<u64> {
        let page = http::get(self.http, "/metrics").await?.body;
        let figure = |line: &str| {
            let (figure, value) = line.rsplit_once(' ')?;
            let (base, labels) = figure.split_once('{').unwrap_or((figure, ""));
            (base == name && labels.contains(label)).then(|| value.parse::<u64>().ok())?
        };
        Ok(page.lines().filter_map(figure).sum())
    }
}
