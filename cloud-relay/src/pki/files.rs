//! Files that hold keys: written whole or not at all, and readable by their owner only.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use data_encoding::BASE64;
use rcgen::KeyPair;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::private_file;

/// Makes the folder, for its owner only.
///
/// # Errors
/// Names the path.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .with_context(|| format!("cannot create {}", folder.display()))
}

/// `der` in PEM, RFC 7468.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in BASE64.encode(der).as_bytes().chunks(64) {
        text.extend(line.iter().map(|&byte| char::from(byte)));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// Writes `der` as PEM.
///
/// # Errors
/// As [`write`].
pub(super) fn write_pem(path: &Path, label: &str, der: &[u8]) -> Result<()> {
    private_file::write(path, pem(label, der).as_bytes())
}

/// Reads a certificate.
///
/// # Errors
/// As [`read`], and when the file holds none.
pub(super) fn read_certificate(path: &Path) -> Result<CertificateDer<'static>> {
    let text = read(path)?;
    CertificateDer::from_pem_slice(&text)
        .ok()
        .with_context(|| format!("found no certificate in {}", path.display()))
}

/// Reads the certificates whose file names begin with `prefix`.
///
/// # Errors
/// As [`read_certificate`].
pub(super) fn read_certificates(folder: &Path, prefix: &str) -> Result<Vec<CertificateDer<'static>>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry
            .with_context(|| format!("cannot list {}", folder.display()))?
            .path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with(prefix) && path.extension().is_some_and(|extension| extension == "pem") {
            found.push(read_certificate(&path)?);
        }
    }
    Ok(found)
}

/// Reads a chain of certificates, which anybody may read.
///
/// # Errors
/// Names the path and what was found.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .ok()
        .with_context(|| format!("found no certificates in {}", path.display()))?;
    anyhow::ensure!(!chain.is_empty(), "found no certificate in {}", path.display());
    Ok(chain)
}

/// Reads a private key (PKCS #8).
///
/// # Errors
/// As [`read`], and when the file holds none.
pub(super) fn read_key(path: &Path) -> Result<PrivatePkcs8KeyDer<'static>> {
    let text = read(path)?;
    PrivatePkcs8KeyDer::from_pem_slice(&text)
        .ok()
        .with_context(|| format!("found no key in {}", path.display()))
}

/// Reads a private key that signs certificates.
///
/// # Errors
/// As [`read_key`].
pub(super) fn read_key_pair(path: &Path) -> Result<KeyPair> {
    let key = read_key(path)?;
    KeyPair::try_from(key.secret_pkcs8_der())
        .with_context(|| format!("found no usable key in {}", path.display()))
}

/// Reads a file, refusing one that others than its owner may read.
///
/// # Errors
/// Names the path, what was found and how to mend it.
fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path)
        .with_context(|| format!("cannot read {}; `tillwire-relay init` makes it", path.display()))?;
    #[cfg(unix)]
    {
        let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            bail!(
                "found mode {mode:o} on {path}, wanted 600; use `chmod 600 {path}`",
                path = path.display()
            );
        }
    }
    Ok(bytes)
}
