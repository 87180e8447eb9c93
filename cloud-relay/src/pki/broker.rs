//! What a broker between devices and relay needs, and what the relay shows it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::Issuer;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Pki, SERVER_RENEWAL_SECONDS, authority, files, write_made};
use crate::broker::CLIENT_ID;

/// Files for a broker, as PEM.
pub struct BrokerFiles {
    /// Its certificate, which devices trust through the root that they pinned; then the root.
    pub server: String,
    /// Its key.
    pub server_key: String,
    /// Whom it may let in: the root and every device CA.
    pub clients: String,
}

impl std::fmt::Debug for BrokerFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrokerFiles").finish_non_exhaustive()
    }
}

impl Pki {
    /// Makes a broker's certificate for the names under which devices reach it.
    ///
    /// # Errors
    /// When `root.key` is not in the folder, or a name is none.
    pub fn broker_files(&self, names: &[String], now_ms: i64) -> Result<BrokerFiles> {
        let root_key = files::read_key_pair(&self.folder.join("root.key"))?;
        let issuer = Issuer::from_ca_cert_der(&self.root, &root_key)?;
        let made = authority::make_server(&issuer, "Tillwire broker", names, now_ms)?;
        let pem = |certificate: &CertificateDer<'_>| files::pem("CERTIFICATE", certificate);
        let cas = std::iter::once(&self.device_ca).chain(&self.earlier_device_cas);
        Ok(BrokerFiles {
            server: pem(&made.certificate) + &pem(&self.root),
            server_key: files::pem("PRIVATE KEY", made.key.serialized_der()),
            clients: std::iter::once(&self.root).chain(cas).map(pem).collect(),
        })
    }

    /// With what the relay connects to a broker: our root only, and a certificate that says that it is the relay. Makes
    /// that certificate where there is none, and anew when a third of its life is left.
    ///
    /// # Errors
    /// When it has to be made and `root.key` is not in the folder, or the folder cannot be written.
    pub fn broker_client_config(&self, now_ms: i64) -> Result<Arc<ClientConfig>> {
        let path = self.folder.join("broker-client.pem");
        let due = if path.exists() {
            ends(&files::read_certificate(&path)?)? - SERVER_RENEWAL_SECONDS
        } else {
            i64::MIN
        };
        if now_ms / 1000 >= due {
            self.make_broker_client(now_ms)
                .or_else(|error| {
                    // the one that is there may still do
                    if path.exists() {
                        tracing::error!(
                            "the certificate towards the broker ends soon and was not renewed: {error:#}"
                        );
                        Ok(())
                    } else {
                        Err(error)
                    }
                })
                .context("broker.address is set, and the relay has no certificate to show there")?;
        }
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).context("root.pem cannot be used")?;
        let key = files::read_key(&self.folder.join("broker-client.key"))?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("the TLS versions do not fit the cryptography")?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![files::read_certificate(&path)?], key.into())
            .context("broker-client.pem and broker-client.key do not fit")?;
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    fn make_broker_client(&self, now_ms: i64) -> Result<()> {
        let root_key = files::read_key_pair(&self.folder.join("root.key"))?;
        let issuer = Issuer::from_ca_cert_der(&self.root, &root_key)?;
        let made = authority::make_client(&issuer, CLIENT_ID, now_ms)?;
        write_made(&self.folder, "broker-client", &made)
    }
}

/// When a certificate ends, in seconds since 1970.
fn ends(certificate: &CertificateDer<'_>) -> Result<i64> {
    let (_, parsed) = X509Certificate::from_der(certificate).context("broker-client.pem does not parse")?;
    Ok(parsed.validity().not_after.timestamp())
}
