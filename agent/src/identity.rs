//! Who this box is: its one P-256 key, and what the relay said at enrolment. Files of the state directory.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tillwire_proto::enrol::Enrolled;
use tillwire_proto::{Digest, SIGNATURE_LEN, Sign};

/// The box's key, for TLS and for signing batches. Made here, never leaves.
pub struct DeviceKey {
    pair: KeyPair,
}

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceKey({})", self.fingerprint())
    }
}

impl DeviceKey {
    /// Reads the key of a state directory.
    ///
    /// # Errors
    /// When there is none, others may read it, or it is no P-256 key.
    pub fn read(state_dir: &Path) -> anyhow::Result<Self> {
        let path = key_path(state_dir);
        let meta = std::fs::metadata(&path)
            .with_context(|| format!("cannot read the device key {}", path.display()))?;
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            bail!(
                "the device key {} has mode {mode:o}, wanted 600; others may have read it, enroll anew",
                path.display()
            );
        }
        let pem = std::fs::read_to_string(&path)?;
        let pair = KeyPair::from_pem(&pem).with_context(|| format!("{} is no key", path.display()))?;
        Ok(Self { pair })
    }

    /// Reads the key, or makes it where there is none.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn read_or_make(state_dir: &Path) -> anyhow::Result<Self> {
        if key_path(state_dir).exists() {
            return Self::read(state_dir);
        }
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot make a key")?;
        write_private(&key_path(state_dir), pair.serialize_pem().as_bytes())?;
        Ok(Self { pair })
    }

    /// SHA-256 of the public key as it stands in certificates (`SubjectPublicKeyInfo`).
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.pair.subject_public_key_info())
    }

    /// The public key as an uncompressed point (65 bytes, SEC 1): what signatures are checked with.
    #[must_use]
    pub fn public_point(&self) -> Vec<u8> {
        self.pair.public_key_raw().to_vec()
    }

    /// A certificate request (PKCS #10, DER), signed with the key.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn request(&self) -> anyhow::Result<Vec<u8>> {
        let request = CertificateParams::default()
            .serialize_request(&self.pair)
            .context("cannot sign a request")?;
        Ok(request.der().to_vec())
    }

    /// For TLS.
    #[must_use]
    pub fn tls(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pair.serialize_der()))
    }

    /// For signing batches.
    ///
    /// # Errors
    /// When it is not a P-256 key.
    pub fn signer(&self) -> anyhow::Result<Signer> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &self.pair.serialize_der(),
            &random,
        )
        .map_err(|e| anyhow!("the device key is not a P-256 key: {e}"))?;
        Ok(Signer { pair, random })
    }
}

/// Signs what goes up.
#[derive(Debug)]
pub struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Sign for Signer {
    fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        let signature = self
            .pair
            .sign(&self.random, message)
            .expect("the operating system gives random bytes");
        let mut out = [0; SIGNATURE_LEN];
        out.copy_from_slice(signature.as_ref());
        out
    }
}

/// Reads what the relay said at enrolment; `None` when the box is not enrolled.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub fn read(state_dir: &Path) -> anyhow::Result<Option<Enrolled>> {
    let path = identity_path(state_dir);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let wrong = || format!("{} is damaged; enroll this device again", path.display());
    serde_json::from_slice(&text).map(Some).with_context(wrong)
}

/// Keeps what the relay said at enrolment.
///
/// # Errors
/// When it cannot be written.
pub fn write(state_dir: &Path, enrolled: &Enrolled) -> anyhow::Result<()> {
    write_private(&identity_path(state_dir), &serde_json::to_vec_pretty(enrolled)?)
}

/// The certificates as TLS takes them: the device's chain and the root.
#[must_use]
pub fn certificates(enrolled: &Enrolled) -> (Vec<CertificateDer<'static>>, CertificateDer<'static>) {
    let chain = enrolled
        .chain
        .iter()
        .map(|der| CertificateDer::from(der.0.clone()))
        .collect();
    (chain, CertificateDer::from(enrolled.root.0.clone()))
}

/// Removes key and identity.
///
/// # Errors
/// When a file cannot be removed.
pub fn remove(state_dir: &Path) -> anyhow::Result<()> {
    for path in [identity_path(state_dir), key_path(state_dir)] {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn key_path(state_dir: &Path) -> PathBuf {
    state_dir.join("device.key")
}

fn identity_path(state_dir: &Path) -> PathBuf {
    state_dir.join("identity.json")
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    let written = (|| {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    })();
    written.with_context(|| format!("cannot write {}", path.display()))
}
