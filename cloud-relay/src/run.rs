//! The running relay: what starts in which order, and what stops in which.
//!
//! 1. store (from here on a failing disk ends the process)
//! 2. keys, devices
//! 3. understanding and days: what was stored before is taken up first
//! 4. the posters, one per Odoo company
//! 5. MQTT endpoint, enrolment, pages
//!
//! It stops in the other order: devices are told goodbye after what they sent is committed, work in the background
//! finishes its step, and the store closes last. A relay that is killed instead loses nothing but that politeness.

mod behind;
mod cloud;
mod housekeeping;
mod odoo;
mod web;

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alerts::Alerts;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::cloud::hooks;
use crate::config::Config;
use crate::dashboard::{Inside, StoreViews};
use crate::days::{Days, Pace};
use crate::endpoint::{Downlink, Endpoint, Limits};
use crate::enrol::{Enrolments, RelayFacts};
use crate::finding;
use crate::ingest::RelayIngest;
use crate::ingest::registry::Registry;
use crate::ingest::signer::ReceiptSigner;
use crate::mapping;
use crate::people::{self, People};
use crate::pki::Pki;
use crate::store::effects::Effects;
use crate::store::{Store, StoreOptions, days};
use crate::understand::Understanding;
use behind::Behind;

pub use odoo::Links;

/// Opens the store that the configuration names.
///
/// # Errors
/// When the folder is not there (`init` makes it) or the database cannot be opened.
pub fn open_store(config: &Config, restored: bool) -> Result<Store> {
    anyhow::ensure!(
        config.state_dir.is_dir(),
        "found no folder {}; `tillwire-relay init` makes it",
        config.state_dir.display()
    );
    let options = StoreOptions {
        restored,
        ..StoreOptions::at(database(config))
    };
    let store = Store::open(&options)?;
    if let Some(found) = store.restored() {
        tracing::warn!(
            "the database is an older copy ({} batches and {} attachments, {} and {} were known): this is generation {} \
             now, and agents send again what is missing",
            found.now.batches,
            found.now.attachments,
            found.before.batches,
            found.before.attachments,
            found.generation
        );
    }
    Ok(store)
}

/// Takes the folder for this process; the system gives it back at its end, whatever that end is. So a relay that was
/// killed is known to be gone, and its successor need not wait for its leases.
fn alone(config: &Config) -> Result<File> {
    let path = config.state_dir.join("run.lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let lock = lock.with_context(|| {
        format!(
            "cannot open {}; `tillwire-relay init` makes its folder",
            path.display()
        )
    })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("another relay runs on {}", config.state_dir.display()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Opens the keys; renews this relay's own certificate when a third of its life is left.
fn open_keys(config: &Config) -> Result<Pki> {
    let mut pki = Pki::open(&keys(config)).context("`tillwire-relay init` makes the keys")?;
    let now_ms = Clock::system().now_ms();
    if pki.server_renewal_due(now_ms)? {
        match pki.renew_server(&config.mqtt.names, now_ms) {
            Ok(()) => tracing::info!("renewed the certificate of this relay"),
            Err(error) => {
                tracing::error!("the certificate of this relay ends soon and was not renewed: {error:#}");
            }
        }
    }
    Ok(pki)
}

/// Runs until `stop`.
///
/// # Errors
/// When something that it cannot do without does not start; with what to do.
pub async fn run(config: Config, restored: bool, stop: CancellationToken) -> Result<()> {
    // one cryptography provider in the process; a second call changes nothing
    let _ = rustls::crypto::ring::default_provider().install_default();
    let _alone = alone(&config)?;
    let store = open_store(&config, restored)?;
    Effects::of(store.clone()).release_all().await?;
    let pki = Arc::new(open_keys(&config)?);
    let registry = Registry::load(&store).await?;
    let settings = Arc::new(config.stores.clone());
    let in_force = mapping::at_start(&config, &store).await?;
    let tasks = TaskTracker::new();

    let behind = Behind::start()?;
    let read_behind = store.reading_on(behind.handle());
    let understanding = Understanding::new(read_behind.clone(), Arc::clone(&settings));
    let mended = understanding.again().await?;
    if mended > 0 {
        tracing::info!("{mended} batches that had been set aside are understood now");
    }
    tasks.spawn(understanding.run(stop.clone()));
    tasks.spawn(finding::run(read_behind.clone(), stop.clone()));
    // the configuration may be another one than at the last look
    let open = store.write(|unit| days::touch_open(unit)).await?;
    tracing::info!("{open} days are looked at again");
    let links = Arc::new(Links::of(&config, &store, &in_force)?);
    let pace = Pace {
        stock_every: config.stock.every,
        stock_lines: config.stock.lines,
        ..Pace::default()
    };
    let assessing = Days::new(read_behind, in_force.clone(), Arc::clone(&links), pace);
    tasks.spawn(assessing.run(stop.clone()));
    links.start(&tasks, &store, &stop)?;

    let downlink = Downlink::new(store.clock().clone());
    let signer = ReceiptSigner::new(pki.receipt_key());
    let ingest = Arc::new(RelayIngest::new(
        store.clone(),
        Arc::clone(&registry),
        Arc::clone(&settings),
        signer,
        downlink.clone(),
    ));
    let endpoint = Endpoint::start(
        bind("mqtt.listen", config.mqtt.listen).await?,
        pki.server_config()?,
        Limits::default(),
        Arc::clone(&ingest),
        downlink.clone(),
    )?;
    if let Some(address) = &config.broker {
        let tls = pki.broker_client_config(Clock::system().now_ms())?;
        let broker = Broker::new(address, tls, Arc::clone(&ingest), downlink.clone())?;
        tasks.spawn(broker.run(stop.clone()));
    }
    let facts = RelayFacts {
        mqtt: config.mqtt.address.clone(),
        relay: store.relay(),
    };
    let enrolments = Enrolments::new(Arc::new(store.clone()), Arc::clone(&pki), facts, Clock::system());
    let enrolments = Arc::new(enrolments);
    let enrol = bind("enrol.listen", config.enrol_listen).await?;
    tasks.spawn(web::serve_tls(
        enrol,
        pki.https_config()?,
        crate::enrol::router(Arc::clone(&enrolments)),
        stop.clone(),
    ));
    let doors = cloud::start(&config, &store, &ingest, &pki, &tasks, &stop).await?;
    let views = Arc::new(StoreViews::new(store.clone(), in_force.clone(), downlink.clone()));
    let inside = config.http_login.then(|| Inside {
        people: People::new(store.clone()),
        store: store.clone(),
        in_force: in_force.clone(),
        configured_mapping: config.mapping.as_ref().map(|file| file.text.clone()),
        enrolments,
        receipt_key: pki.receipt_key(),
    });
    if inside.is_some() && people::prepare_first(&store, &config.state_dir).await? {
        tracing::warn!(
            "nobody can sign in to the pages yet: the first person opens /welcome with the code in {}",
            config.state_dir.join(people::FIRST_CODE_FILE).display()
        );
    }
    let http = bind("http.listen", config.http_listen).await?;
    let pages = web::router(&store, views, inside.map(Arc::new)).merge(hooks::router(store.clone(), doors));
    let scheme = match &config.http_tls {
        Some((chain, key)) => {
            let tls = Pki::https_from_files(chain, key).context("the pages' certificate")?;
            let pages = web::only_over_tls(pages);
            tasks.spawn(web::serve_tls(http, tls, pages, stop.clone()));
            "https"
        }
        None => {
            tasks.spawn(web::serve(http, pages, stop.clone()));
            "http"
        }
    };
    if let Some((url, secret_file)) = &config.alerts {
        tasks.spawn(Alerts::new(store.clone(), url, secret_file)?.run(stop.clone()));
    }
    tasks.spawn(housekeeping::run(store.clone(), registry, downlink, stop.clone()));
    tracing::info!(
        "relay {} generation {}: devices at {}, enrolment at {}, pages at {scheme}://{}",
        store.relay(),
        store.generation(),
        config.mqtt.listen,
        config.enrol_listen,
        config.http_listen
    );

    stop.cancelled().await;
    tracing::info!("stopping");
    if !endpoint.shutdown().await {
        tracing::warn!("some devices did not take their goodbye in time; they will say hello again");
    }
    tasks.close();
    if tokio::time::timeout(web::STOP_TIME, tasks.wait()).await.is_err() {
        tracing::warn!("work in the background did not finish in time; it is taken up at the next start");
    }
    if let Err(error) = store.mark().await {
        tracing::warn!("{error:#}");
    }
    store.close().await;
    Ok(())
}

async fn bind(key: &str, address: std::net::SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{key}: cannot listen on {address}; is another relay running, or the port taken?")
    })
}

/// Ends when the process is asked to: SIGTERM, or ctrl-c.
///
/// # Errors
/// When the system does not let us listen for signals.
pub async fn asked_to_stop() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => {}
            interrupt = tokio::signal::ctrl_c() => interrupt?,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// The database file.
#[must_use]
pub fn database(config: &Config) -> PathBuf {
    config.state_dir.join("relay.db")
}

/// The folder of keys and certificates.
#[must_use]
pub fn keys(config: &Config) -> PathBuf {
    config.state_dir.join("keys")
}
