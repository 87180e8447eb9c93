//! TLS towards the relay: our root only, the device's certificate, and a clock that may be wrong.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

use crate::clock::Clock;

/// The time that certificates are judged by: see [`Clock::certificate_ms`].
#[derive(Debug)]
pub(crate) struct CertificateTime(pub(crate) Clock);

impl TimeProvider for CertificateTime {
    fn current_time(&self) -> Option<UnixTime> {
        let ms = u64::try_from(self.0.certificate_ms()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(ms)))
    }
}

/// The one cryptography provider.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The configuration of a connection as the device that `chain` and `key` make us. Never resumed: each connection
/// shows its certificate, so that revoking it works at once.
///
/// # Errors
/// When root, chain and key do not fit.
pub fn client_config(
    root: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clock: Clock,
) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(root)
        .context("the relay's root certificate cannot be used; enroll this device again")?;
    let mut config = ClientConfig::builder_with_details(provider(), Arc::new(CertificateTime(clock)))
        .with_safe_default_protocol_versions()
        .context("the TLS versions do not fit the cryptography")?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .context("device certificate and key do not fit; enroll this device again")?;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
