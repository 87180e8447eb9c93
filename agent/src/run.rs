//! A running agent: what starts in which order, and what stops in which.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tillwire_agent_core::capture::settings::{HttpSettings, Secret};
use tillwire_agent_core::settings::Settings;
use tillwire_proto::enrol::Enrolled;
use tillwire_proto::{LaneId, Topic, Version};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::acknowledge;
use crate::capture::cloud::CloudReader;
use crate::capture::folder::Folder;
use crate::capture::http::{HttpSource, serve};
use crate::capture::tap;
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::identity::{self, DeviceKey};
use crate::journal::{self, Journal, OpenOptions, Origin};
use crate::status::Monitor;
use crate::uplink::{self, Address, Desk, Mqtt, Parts, Shown, split_host_port, tls};

/// Between judgements of the agent's health.
const JUDGE_EVERY: Duration = Duration::from_secs(5);

/// An agent at work.
#[derive(Debug)]
pub struct Agent {
    journal: Journal,
    monitor: Monitor,
    http: Option<SocketAddr>,
    /// Stops the sources.
    capture: CancellationToken,
    /// Stops the rest.
    rest: CancellationToken,
    sources: JoinSet<anyhow::Result<()>>,
    others: JoinSet<anyhow::Result<()>>,
    _lock: std::fs::File,
}

impl Agent {
    /// Starts, in this order:
    ///
    /// 1. the lock of the state directory, so that nobody else writes there;
    /// 2. identity and key, because a segment's header names the device;
    /// 3. the journal, which reads what the last start left;
    /// 4. the uplink, which needs nothing of the sources;
    /// 5. the sources, last: what they take can be kept and sent from the first byte on.
    ///
    /// # Errors
    /// Names what is missing or wrong, and what to do. Nothing runs then.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        let settings = &config.settings;
        let lock = journal::lock(&settings.state_dir)?;
        let clock = Clock::new(Some(&settings.state_dir), settings.clock_offset_ms);
        let (enrolled, key) = identity(settings)?;
        acknowledge::check(settings, &key)?;
        let journal = open_journal(config, &enrolled, clock.clone())?;
        let (shown, watch_shown) = watch::channel(Shown::default());
        let monitor = Monitor {
            store: settings.store.store.clone(),
            device: enrolled.device.clone(),
            prune_percent: settings.limits.prune_percent,
            certificate_ends_ms: certificate_end(&enrolled)?,
            clock: clock.clone(),
            progress: journal.progress(),
            shown: watch_shown,
        };
        let mut agent = Self {
            journal,
            monitor,
            http: None,
            capture: CancellationToken::new(),
            rest: CancellationToken::new(),
            sources: JoinSet::new(),
            others: JoinSet::new(),
            _lock: lock,
        };
        agent.start_uplink(settings, &enrolled, &key, clock.clone(), shown)?;
        agent.start_sources(settings, clock).await?;
        Ok(agent)
    }

    fn start_uplink(
        &mut self,
        settings: &Settings,
        enrolled: &Enrolled,
        key: &DeviceKey,
        clock: Clock,
        shown: watch::Sender<Shown>,
    ) -> anyhow::Result<()> {
        let (chain, root) = identity::certificates(enrolled);
        let config = tls::client_config(root, chain, key.tls(), clock.clone())?;
        let (host, port) = split_host_port(settings.relay.mqtt.as_ref().unwrap_or(&enrolled.mqtt))?;
        let address = Address {
            host,
            port,
            up: Topic::up(enrolled.tenant.clone(), enrolled.device.clone()),
            down: Topic::down(enrolled.tenant.clone(), enrolled.device.clone()),
            keep_alive_s: settings.relay.keep_alive_s,
        };
        let (tell_health, health) = watch::channel(self.monitor.health());
        let parts = Parts {
            journal: self.journal.clone(),
            desk: Desk::new(self.journal.reader()?, Box::new(key.signer()?), version()?),
            receipt_key: enrolled.receipt_key.0.clone(),
            settings: settings.relay.clone(),
            clock,
            health,
            shown,
        };
        self.others
            .spawn(uplink::run(Mqtt::new(address, config), parts, self.rest.clone()));
        let (monitor, rest) = (self.monitor.clone(), self.rest.clone());
        self.others.spawn(async move {
            while rest
                .run_until_cancelled(tokio::time::sleep(JUDGE_EVERY))
                .await
                .is_some()
            {
                tell_health.send_replace(monitor.health());
            }
            Ok(())
        });
        Ok(())
    }

    async fn start_sources(&mut self, settings: &Settings, clock: Clock) -> anyhow::Result<()> {
        let sink = Arc::new(self.journal.clone());
        if let Some(http) = &settings.http {
            let mut source = HttpSettings::new(http.lane.clone(), read_secret(&http.secret_file)?);
            (source.listen, source.body_len_max) = (http.listen, http.body_len_max);
            let screen = http.screen_secret_file.as_deref();
            source.screen_secret = screen
                .map(|file| secret_of("http.screen_secret_file", file))
                .transpose()?;
            let listener = TcpListener::bind(http.listen).await;
            let listener =
                listener.with_context(|| format!("cannot listen on {} for tickets", http.listen))?;
            self.http = Some(listener.local_addr()?);
            let mut routes = HttpSource::new(source, settings.retail.clone(), sink.clone()).routes();
            // The status names sales and times; it is for this machine only.
            if http.listen.ip().is_loopback() {
                routes = routes.merge(self.monitor.clone().routes());
            }
            let stop = self.capture.clone();
            self.sources.spawn(async move {
                serve(listener, routes, stop).await;
                Ok(())
            });
        }
        if let Some(cloud) = &settings.cloud {
            let (retail, sink) = (settings.retail.clone(), sink.clone());
            let reader = CloudReader::new(cloud.clone(), retail, sink, &settings.state_dir, clock)?;
            let stop = self.capture.clone();
            self.sources.spawn(async move {
                reader.run(stop).await;
                Ok(())
            });
        }
        for folder in &settings.folders {
            let folder = Folder::new(folder.clone(), settings.retail.clone(), sink.clone());
            let stop = self.capture.clone();
            self.sources.spawn(async move {
                folder.run(stop).await;
                Ok(())
            });
        }
        for settings in &settings.taps {
            self.sources
                .spawn(tap::run(settings.clone(), sink.clone(), self.capture.clone()));
        }
        Ok(())
    }

    /// Where tickets are taken; tells the port when the configuration says 0.
    #[must_use]
    pub const fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// How it is doing.
    #[must_use]
    pub const fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Waits until something ends that must not.
    pub async fn failed(&mut self) -> anyhow::Error {
        let ended = tokio::select! {
            Some(ended) = self.sources.join_next() => ended,
            Some(ended) = self.others.join_next() => ended,
            else => return std::future::pending().await,
        };
        match ended {
            Ok(Ok(())) => anyhow!("a part of the agent ended by itself"),
            Ok(Err(error)) => error,
            Err(error) => anyhow!(error).context("a part of the agent failed"),
        }
    }

    /// Stops: first the sources, then the uplink, last the journal with everything that it took.
    pub async fn stop(mut self) {
        self.capture.cancel();
        while self.sources.join_next().await.is_some() {}
        self.rest.cancel();
        while self.others.join_next().await.is_some() {}
        self.journal.stop().await;
    }
}

/// Runs until the operating system asks to stop (SIGTERM, SIGINT).
///
/// # Errors
/// When it cannot start, or a part of it ends.
pub async fn run(config: &Config) -> anyhow::Result<()> {
    let mut agent = Agent::start(config).await?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let listens = agent.http().map_or_else(
        || "no HTTP source".to_owned(),
        |address| format!("http://{address}"),
    );
    tracing::info!(store = %config.settings.store.store, "capturing, {listens}");
    let failed = tokio::select! {
        _ = terminate.recv() => None,
        _ = tokio::signal::ctrl_c() => None,
        error = agent.failed() => Some(error),
    };
    tracing::info!("stopping");
    agent.stop().await;
    failed.map_or(Ok(()), Err)
}

fn identity(settings: &Settings) -> anyhow::Result<(Enrolled, DeviceKey)> {
    let Some(enrolled) = identity::read(&settings.state_dir)? else {
        bail!(
            "this box is not enrolled; run `tillwire-agent enroll --relay URL --code CODE` with a code of the relay"
        );
    };
    let (found, wanted) = (
        (&enrolled.tenant, &enrolled.store),
        (&settings.store.tenant, &settings.store.store),
    );
    if found != wanted {
        bail!(
            "this box is enrolled for store {}/{}, but the configuration says {}/{}; correct store.tenant and \
             store.store, or wipe and enroll again",
            found.0,
            found.1,
            wanted.0,
            wanted.1
        );
    }
    Ok((enrolled, DeviceKey::read(&settings.state_dir)?))
}

fn open_journal(config: &Config, enrolled: &Enrolled, clock: Clock) -> anyhow::Result<Journal> {
    let settings = &config.settings;
    let origin = Origin {
        tenant: enrolled.tenant.clone(),
        store: enrolled.store.clone(),
        currency: settings.store.currency,
        device: enrolled.device.clone(),
        generations: BTreeMap::new(),
        version: version()?,
        config: config.digest,
        boot: clock::boot_id(),
    };
    let home: LaneId = settings
        .lanes()
        .next()
        .cloned()
        .context("no source is configured")?;
    Journal::open(
        &settings.state_dir,
        origin,
        home,
        settings.limits,
        clock,
        &OpenOptions::default(),
    )
}

/// When the device certificate ends, in milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn certificate_end(enrolled: &Enrolled) -> anyhow::Result<i64> {
    let der = enrolled
        .chain
        .first()
        .context("the device has no certificate; enroll this device again")?;
    let (_, certificate) = X509Certificate::from_der(&der.0)
        .context("the device certificate is damaged; enroll this device again")?;
    Ok(certificate.validity().not_after.timestamp().saturating_mul(1000))
}

pub(crate) fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    secret_of("http.secret_file", path)
}

pub(crate) fn secret_of(key: &str, path: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read(path).with_context(|| format!("{key}: cannot read {}", path.display()))?;
    Secret::new(&text).with_context(|| format!("{key}: {}", path.display()))
}

pub(crate) fn version() -> anyhow::Result<Version> {
    Version::new(crate::VERSION).context("the version does not fit a record")
}
