//! The relay's keys and certificates: one folder, made by `init`, read at start.
//!
//! | file | what | who trusts it |
//! |---|---|---|
//! | `root.pem`, `root.key` | root CA; signs device CAs and the server | agents pin it at enrolment (fingerprint in the code) |
//! | `device-ca.pem`, `device-ca.key` | issuing CA for devices, path length 0 | the endpoint |
//! | `device-ca-*.pem` | earlier device CAs, kept until their last device certificate has ended | the endpoint |
//! | `server.pem`, `server.key` | the relay's TLS certificate | agents, through the root |
//! | `broker-client.pem`, `broker-client.key` | the relay's certificate towards a broker; made when first needed | the broker, through the root |
//! | `cloud.key` | P-256 key that seals what the relay itself hears from a POS's cloud; made when first needed | this relay |
//! | `receipt.key` | Ed25519 key that signs receipts | agents pin it at enrolment |
//!
//! Keys are sealed by their file mode: a key that others may read is refused. Once the server certificate is made,
//! `root.key` is needed only to renew it or to make another device CA, and may live elsewhere meanwhile.
//!
//! Time is an argument everywhere, in milliseconds since 1970. Revoking is not done here but by the endpoint asking whether a device is admitted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rcgen::{Issuer, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tillwire_proto::Digest;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::endpoint::DeviceRef;

mod authority;
mod broker;
mod cloud;
mod files;
mod request;
mod tls;

pub use broker::BrokerFiles;
pub use cloud::CloudKey;
pub use request::{DeviceKey, REQUEST_LEN_MAX};

/// Rest of the server certificate's life at which [`Pki::server_renewal_due`] says yes: a third.
const SERVER_RENEWAL_SECONDS: i64 = 132 * 24 * 60 * 60;

/// The relay's name in its own certificate.
const SERVER_CALLED: &str = "Tillwire relay";

/// A certificate that was issued to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCertificate {
    /// The device's own certificate, then the device CA's (DER), as TLS sends them.
    pub chain: Vec<CertificateDer<'static>>,
    /// Lower-case hexadecimal.
    pub serial: String,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
}

/// The loaded folder.
pub struct Pki {
    folder: PathBuf,
    root: CertificateDer<'static>,
    device_ca: CertificateDer<'static>,
    device_ca_key: KeyPair,
    earlier_device_cas: Vec<CertificateDer<'static>>,
    server: CertificateDer<'static>,
    server_key: PrivatePkcs8KeyDer<'static>,
    receipt_key: Arc<Ed25519KeyPair>,
}

impl Pki {
    /// Makes a new folder of keys for a relay that is reached under `names` (host names or addresses), and opens it.
    ///
    /// # Errors
    /// When there are keys already, a name is none, or the folder cannot be written.
    pub fn init(folder: &Path, names: &[String], now_ms: i64) -> Result<Self> {
        if folder.join("root.pem").exists() {
            bail!(
                "found keys in {}, wanted an empty folder; devices trust those keys",
                folder.display()
            );
        }
        files::make_folder(folder)?;
        let root = authority::make_root(now_ms)?;
        let issuer = Issuer::from_ca_cert_der(&root.certificate, &root.key)?;
        let device_ca = authority::make_device_ca(&issuer, now_ms)?;
        let server = authority::make_server(&issuer, SERVER_CALLED, names, now_ms)?;
        let receipt = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let receipt = receipt.ok().context("the system gives no randomness")?;
        files::write_pem(&folder.join("receipt.key"), "PRIVATE KEY", receipt.as_ref())?;
        write_made(folder, "server", &server)?;
        write_made(folder, "device-ca", &device_ca)?;
        // last: its presence says that the folder is complete
        write_made(folder, "root", &root)?;
        Self::open(folder)
    }

    /// Opens a folder that [`Self::init`] made.
    ///
    /// # Errors
    /// Names the file that is missing, unreadable, readable by others or not what it should be.
    pub fn open(folder: &Path) -> Result<Self> {
        let receipt = files::read_key(&folder.join("receipt.key"))?;
        let receipt_key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(receipt.secret_pkcs8_der())
            .ok()
            .with_context(|| format!("found no Ed25519 key in {}", folder.join("receipt.key").display()))?;
        Ok(Self {
            root: files::read_certificate(&folder.join("root.pem"))?,
            device_ca: files::read_certificate(&folder.join("device-ca.pem"))?,
            device_ca_key: files::read_key_pair(&folder.join("device-ca.key"))?,
            earlier_device_cas: files::read_certificates(folder, "device-ca-")?,
            server: files::read_certificate(&folder.join("server.pem"))?,
            server_key: files::read_key(&folder.join("server.key"))?,
            receipt_key: Arc::new(receipt_key),
            folder: folder.to_owned(),
        })
    }

    /// Certifies a device's key for three years: TLS client only, named by its URI, random serial, valid from a day before
    /// `now` because clocks differ. The caller decides whether the device may have it.
    ///
    /// # Errors
    /// When the system gives no randomness, or `now` is before 1970.
    pub fn issue_device(
        &self,
        device: &DeviceRef,
        key: &DeviceKey,
        now_ms: i64,
    ) -> Result<DeviceCertificate> {
        let issuer = Issuer::from_ca_cert_der(&self.device_ca, &self.device_ca_key)?;
        let certificate = authority::make_device(&issuer, device, key, now_ms)?;
        let (_, parsed) =
            X509Certificate::from_der(&certificate).context("our own certificate does not parse")?;
        let serial = data_encoding::HEXLOWER.encode(parsed.raw_serial());
        let not_after = parsed.validity().not_after.timestamp();
        Ok(DeviceCertificate {
            chain: vec![certificate, self.device_ca.clone()],
            serial,
            not_after,
        })
    }

    /// What the endpoint listens with: this server certificate, devices of every device CA in the folder.
    ///
    /// # Errors
    /// When certificate and key do not fit together.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>> {
        let cas = std::iter::once(&self.device_ca).chain(&self.earlier_device_cas);
        tls::server_config(vec![self.server.clone()], self.server_key.clone_key().into(), cas)
    }

    /// What the enrolment listener (and any other HTTPS one) listens with: the same certificate, no client certificate.
    /// The root is sent along, because a device that enrols knows only its fingerprint, from the code.
    ///
    /// # Errors
    /// When certificate and key do not fit together.
    pub fn https_config(&self) -> Result<Arc<ServerConfig>> {
        tls::https_config(
            vec![self.server.clone(), self.root.clone()],
            self.server_key.clone_key().into(),
        )
    }

    /// The root's certificate (DER): what agents pin.
    #[must_use]
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// SHA-256 of [`Self::root`]; its first 16 bytes are in every enrolment code.
    #[must_use]
    pub fn root_fingerprint(&self) -> Digest {
        Digest::of(&self.root)
    }

    /// The key that signs receipts.
    #[must_use]
    pub fn receipt_key(&self) -> Arc<Ed25519KeyPair> {
        Arc::clone(&self.receipt_key)
    }

    /// HTTPS with a certificate that others issued: chain and PKCS #8 key, both PEM.
    ///
    /// # Errors
    /// When a file is missing, the key may be read by others, or the two do not fit.
    pub fn https_from_files(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
        let certificates = files::read_chain(chain)?;
        let fits = tls::https_config(certificates, files::read_key(key)?.into());
        fits.with_context(|| format!("{} with {}", chain.display(), key.display()))
    }

    /// The public half of [`Self::receipt_key`], 32 bytes.
    #[must_use]
    pub fn receipt_public_key(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.receipt_key.public_key().as_ref());
        public
    }

    /// When the server certificate ends, in seconds since 1970.
    ///
    /// # Errors
    /// When the certificate cannot be read.
    pub fn server_not_after(&self) -> Result<i64> {
        let (_, parsed) = X509Certificate::from_der(&self.server).context("server.pem does not parse")?;
        Ok(parsed.validity().not_after.timestamp())
    }

    /// Whether less than a third of the server certificate's life is left; then call [`Self::renew_server`].
    ///
    /// # Errors
    /// As [`Self::server_not_after`].
    pub fn server_renewal_due(&self, now_ms: i64) -> Result<bool> {
        Ok(now_ms / 1000 >= self.server_not_after()? - SERVER_RENEWAL_SECONDS)
    }

    /// Makes another server certificate, for `names`. Give [`Self::server_config`] to the endpoint afterwards.
    ///
    /// # Errors
    /// When `root.key` is not in the folder, a name is none, or the folder cannot be written.
    pub fn renew_server(&mut self, names: &[String], now_ms: i64) -> Result<()> {
        let root_key = files::read_key_pair(&self.folder.join("root.key"))?;
        let issuer = Issuer::from_ca_cert_der(&self.root, &root_key)?;
        write_made(
            &self.folder,
            "server",
            &authority::make_server(&issuer, SERVER_CALLED, names, now_ms)?,
        )?;
        *self = Self::open(&self.folder)?;
        Ok(())
    }

    /// Makes another device CA and issues from it. The one before stays trusted, as `device-ca-SERIAL.pem`, until a
    /// person removes that file; its devices change over when they renew.
    ///
    /// # Errors
    /// When `root.key` is not in the folder, or the folder cannot be written.
    pub fn rotate_device_ca(&mut self, now_ms: i64) -> Result<()> {
        let root_key = files::read_key_pair(&self.folder.join("root.key"))?;
        let issuer = Issuer::from_ca_cert_der(&self.root, &root_key)?;
        let device_ca = authority::make_device_ca(&issuer, now_ms)?;
        let (_, old) = X509Certificate::from_der(&self.device_ca).context("device-ca.pem does not parse")?;
        let name = format!(
            "device-ca-{}.pem",
            data_encoding::HEXLOWER.encode(old.raw_serial())
        );
        files::write_pem(&self.folder.join(name), "CERTIFICATE", &self.device_ca)?;
        write_made(&self.folder, "device-ca", &device_ca)?;
        *self = Self::open(&self.folder)?;
        Ok(())
    }
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pki")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// A certificate as PEM text, for messages and files.
#[must_use]
pub fn certificate_pem(certificate: &CertificateDer<'_>) -> String {
    files::pem("CERTIFICATE", certificate)
}

/// Key first: a certificate without its key would be used, a key without its certificate is only made again.
fn write_made(folder: &Path, name: &str, made: &authority::Made) -> Result<()> {
    files::write_pem(
        &folder.join(format!("{name}.key")),
        "PRIVATE KEY",
        made.key.serialized_der(),
    )?;
    files::write_pem(
        &folder.join(format!("{name}.pem")),
        "CERTIFICATE",
        &made.certificate,
    )
}

#[cfg(test)]
mod tests;
