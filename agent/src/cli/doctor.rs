//! `doctor`: one line per thing that a running agent needs, and how to mend it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::print;
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::{self, DeviceKey};
use crate::journal::{self, Reader};
use crate::run::{certificate_end, read_secret, secret_of};
use crate::uplink::{split_host_port, tls};
use crate::{acknowledge, capture};

const DAY_MS: i64 = 86_400_000;

/// Checks everything; exit code 1 when something is wrong.
pub(super) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let checks = [
        ("configuration", Ok("readable and complete".to_owned())),
        ("state directory", state_dir(config)),
        ("journal", journal(config)),
        ("ticket secret", secret(config)),
        ("identity", identity_fits(config)),
        ("card data", card_data(config)),
        ("certificate", certificate(config)),
        ("relay", relay(config).await),
        ("POS's cloud", pos_cloud(config).await),
    ];
    let mut wrong = 0;
    for (what, outcome) in checks {
        match outcome {
            Ok(words) => print(&format!("ok     {what}: {words}")),
            Err(error) => {
                wrong += 1;
                print(&format!("WRONG  {what}: {error:#}"));
            }
        }
    }
    Ok(ExitCode::from(u8::from(wrong > 0)))
}

fn state_dir(config: &Config) -> anyhow::Result<String> {
    let dir = &config.settings.state_dir;
    let probe = dir.join("doctor.tmp");
    journal::make_folder(dir)
        .and_then(|()| std::fs::write(&probe, b"probe"))
        .and_then(|()| std::fs::remove_file(&probe))
        .with_context(|| format!("cannot write to {}; give it to the agent's user", dir.display()))?;
    Ok(format!("{} can be written", dir.display()))
}

fn journal(config: &Config) -> anyhow::Result<String> {
    let dir = &config.settings.state_dir;
    if !journal::database(dir).exists() {
        return Ok("none yet; the first start makes it".to_owned());
    }
    let segments = Reader::open(dir)?.segments()?;
    let waiting: u64 = segments.iter().map(journal::Segment::backlog).sum();
    Ok(format!(
        "{} segments kept, {waiting} records wait for a receipt",
        segments.len()
    ))
}

fn secret(config: &Config) -> anyhow::Result<String> {
    let Some(http) = &config.settings.http else {
        return Ok("not needed, nothing pushes tickets".to_owned());
    };
    read_secret(&http.secret_file)?;
    if let Some(screen) = &http.screen_secret_file {
        secret_of("http.screen_secret_file", screen)?;
    }
    Ok(format!("{} holds one", http.secret_file.display()))
}

fn identity_fits(config: &Config) -> anyhow::Result<String> {
    let settings = &config.settings;
    let Some(enrolled) = identity::read(&settings.state_dir)? else {
        bail!("this box is not enrolled; run `tillwire-agent enroll`");
    };
    DeviceKey::read(&settings.state_dir)?;
    if (&enrolled.tenant, &enrolled.store) != (&settings.store.tenant, &settings.store.store) {
        bail!(
            "enrolled for {}/{}, which is not the configured store",
            enrolled.tenant,
            enrolled.store
        );
    }
    Ok(format!(
        "device {} of {}/{}",
        enrolled.device, enrolled.tenant, enrolled.store
    ))
}

fn card_data(config: &Config) -> anyhow::Result<String> {
    let settings = &config.settings;
    if acknowledge::lanes(settings).all(|(_, manifest)| manifest.clear.is_none()) {
        return Ok("no wire that can carry it in clear".to_owned());
    }
    acknowledge::check(settings, &DeviceKey::read(&settings.state_dir)?)?;
    Ok("wires that can carry it in clear are acknowledged".to_owned())
}

fn certificate(config: &Config) -> anyhow::Result<String> {
    let enrolled = identity::read(&config.settings.state_dir)?.context("not enrolled")?;
    let now = Clock::new(Some(&config.settings.state_dir), config.settings.clock_offset_ms).certificate_ms();
    let days = certificate_end(&enrolled)?.saturating_sub(now).div_euclid(DAY_MS);
    if days < 0 {
        bail!("ended {} days ago; enroll this device again", -days);
    }
    Ok(format!("ends in {days} days"))
}

async fn pos_cloud(config: &Config) -> anyhow::Result<String> {
    let settings = &config.settings;
    let Some(cloud) = &settings.cloud else {
        return Ok("not asked from here".to_owned());
    };
    let clock = Clock::new(Some(&settings.state_dir), settings.clock_offset_ms);
    let lists = capture::cloud::check(cloud, &settings.retail, clock).await?;
    Ok(format!("{} answers, {lists} to follow", cloud.url))
}

/// TLS only: an MQTT session would take the place of a running agent's.
async fn relay(config: &Config) -> anyhow::Result<String> {
    let settings = &config.settings;
    let enrolled = identity::read(&settings.state_dir)?.context("not enrolled")?;
    let address = settings.relay.mqtt.as_ref().unwrap_or(&enrolled.mqtt);
    let (host, port) = split_host_port(address)?;
    let (chain, root) = identity::certificates(&enrolled);
    let clock = Clock::new(Some(&settings.state_dir), settings.clock_offset_ms);
    let key = DeviceKey::read(&settings.state_dir)?;
    let connector = TlsConnector::from(Arc::clone(&tls::client_config(root, chain, key.tls(), clock)?));
    let connect = async {
        let tcp = TcpStream::connect((host.as_str(), port)).await?;
        let name = ServerName::try_from(host.clone()).context("the relay's host is no name or address")?;
        connector.connect(name, tcp).await?;
        anyhow::Ok(())
    };
    let connected = tokio::time::timeout(Duration::from_secs(10), connect).await;
    connected
        .context("no answer within 10 s")?
        .with_context(|| format!("cannot connect to {address}; check the line and the firewall"))?;
    Ok(format!("{address} answers with the right certificate"))
}
