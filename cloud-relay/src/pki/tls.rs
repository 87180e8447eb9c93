//! TLS: 1.3, or 1.2 with forward secrecy and AEAD (ring offers nothing older); on the
//! endpoint, client certificates are required; no resumption, so that every connection shows its certificate; no early data.

use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Builds it for devices certified by any of `device_cas`.
pub(super) fn server_config<'a>(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    device_cas: impl Iterator<Item = &'a CertificateDer<'static>>,
) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(ring::default_provider());
    let mut trusted = RootCertStore::empty();
    for ca in device_cas {
        trusted
            .add(ca.clone())
            .context("a device CA's certificate cannot be used")?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), Arc::clone(&provider))
        .build()
        .context("no device CA to verify devices with")?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("the TLS versions do not fit the cryptography")?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .context("the server certificate and its key do not fit")?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// Builds the configuration of an HTTPS listener, whose callers prove themselves otherwise.
pub(super) fn https_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("the TLS versions do not fit the cryptography")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the server certificate and its key do not fit")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
