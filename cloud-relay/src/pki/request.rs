//! What a device asks a certificate with: the public key is taken, everything else it says about itself is not.

use anyhow::{Context, Result, bail};
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use tillwire_proto::Digest;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Largest certificate request, DER. Ours have some 250 bytes.
pub const REQUEST_LEN_MAX: usize = 4096;

/// A device's public key: an uncompressed P-256 point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    point: Vec<u8>,
    spki: Vec<u8>,
}

impl DeviceKey {
    /// Takes the key out of a PKCS #10 request (DER), after checking that the sender holds the private key.
    ///
    /// # Errors
    /// Says what is wrong with the request.
    pub fn from_request(request: &[u8]) -> Result<Self> {
        if request.len() > REQUEST_LEN_MAX {
            bail!(
                "found a certificate request of {} bytes, wanted at most {REQUEST_LEN_MAX}",
                request.len()
            );
        }
        let (rest, parsed) = X509CertificationRequest::from_der(request)
            .ok()
            .context("this is not a certificate request")?;
        if !rest.is_empty() {
            bail!(
                "found {} bytes after the certificate request, wanted none",
                rest.len()
            );
        }
        let key = Self::from_parsed(&parsed.certification_request_info.subject_pki)?;
        parsed
            .verify_signature()
            .ok()
            .context("the certificate request is not signed with its own key")?;
        Ok(key)
    }

    /// Takes a bare `SubjectPublicKeyInfo` (DER). Nothing proves here that its sender holds the private key: only for
    /// keys that were proved before, such as a renewal over a connection that the key opened.
    ///
    /// # Errors
    /// Says what is wrong with the key.
    pub fn from_public_key(spki: &[u8]) -> Result<Self> {
        let (rest, parsed) = SubjectPublicKeyInfo::from_der(spki)
            .ok()
            .context("this is not a public key")?;
        if !rest.is_empty() {
            bail!("found {} bytes after the public key, wanted none", rest.len());
        }
        Self::from_parsed(&parsed)
    }

    fn from_parsed(key: &SubjectPublicKeyInfo<'_>) -> Result<Self> {
        let curve = key
            .algorithm
            .parameters
            .as_ref()
            .and_then(|parameters| parameters.as_oid().ok());
        if key.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) {
            bail!("found a key of another kind, wanted an elliptic curve key on P-256");
        }
        let point: &[u8] = key.subject_public_key.as_ref();
        if point.len() != 65 || point.first() != Some(&4) {
            bail!(
                "found a public key of {} bytes, wanted an uncompressed point of 65",
                point.len()
            );
        }
        Ok(Self {
            point: point.to_vec(),
            spki: key.raw.to_vec(),
        })
    }

    /// The uncompressed point, 65 bytes.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        &self.point
    }

    /// The key as `SubjectPublicKeyInfo` (DER).
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of [`Self::spki`]: what two people compare.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.spki)
    }
}

impl PublicKeyData for DeviceKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}
