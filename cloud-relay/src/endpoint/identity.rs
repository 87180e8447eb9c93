//! Who is on the other end: read from the client certificate and from nothing else.
//!
//! A device certificate carries exactly one name, a URI of the form
//! `tillwire:tenant/{tenant}/device/{device}`. The scheme has no host part on purpose: such a certificate names no
//! machine and can never pass for a server. What a device says about itself in MQTT (client id, user name, topics)
//! decides nothing.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use rustls_pki_types::CertificateDer;
use tillwire_proto::{DeviceId, Digest, TenantId, Topic};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// One device of one tenant: the name that certificates, topics and the registry share.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceRef {
    /// The retailer.
    pub tenant: TenantId,
    /// The agent installation.
    pub device: DeviceId,
}

impl DeviceRef {
    /// The name as it stands in the certificate.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("tillwire:tenant/{}/device/{}", self.tenant, self.device)
    }

    /// Reads the certificate's form; anything but exactly that form is `None`.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        let (tenant, device) = uri.strip_prefix("tillwire:tenant/")?.split_once("/device/")?;
        Some(Self {
            tenant: TenantId::new(tenant).ok()?,
            device: DeviceId::new(device).ok()?,
        })
    }

    /// The one topic that the device may publish.
    #[must_use]
    pub fn up_topic(&self) -> String {
        Topic::up(self.tenant.clone(), self.device.clone()).to_string()
    }

    /// The one topic that the device may subscribe to.
    #[must_use]
    pub fn down_topic(&self) -> String {
        Topic::down(self.tenant.clone(), self.device.clone()).to_string()
    }
}

impl fmt::Display for DeviceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.device)
    }
}

/// A device as its certificate proves it, at the time of the TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceIdentity {
    /// The name in the certificate.
    pub device: DeviceRef,
    /// The certified public key as an uncompressed P-256 point (65 bytes): the key that signs batches.
    pub public_key: Arc<[u8]>,
    /// SHA-256 of the certified `SubjectPublicKeyInfo` (DER): what a person compared at enrolment.
    pub key_fingerprint: Digest,
    /// The certificate's serial number, lower-case hexadecimal.
    pub serial: String,
    /// When the certificate ends, in Unix seconds.
    pub not_after: i64,
}

impl DeviceIdentity {
    /// Reads the identity from a certificate whose chain TLS has already verified.
    ///
    /// # Errors
    /// When the certificate is not one of ours: another or a second name, or a key that is not a P-256 point.
    pub fn from_certificate(certificate: &CertificateDer<'_>) -> Result<Self> {
        let (rest, parsed) =
            X509Certificate::from_der(certificate).map_err(|error| anyhow!("not a certificate: {error}"))?;
        if !rest.is_empty() {
            bail!("found {} bytes after the certificate, wanted none", rest.len());
        }
        let names = parsed
            .subject_alternative_name()
            .context("the certificate's names cannot be read")?
            .context("the certificate names nobody, wanted one tillwire device")?;
        let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else {
            bail!(
                "found {} names in the certificate, wanted one URI",
                names.value.general_names.len()
            );
        };
        let device = DeviceRef::from_uri(uri).with_context(|| {
            format!("found the name {uri:?}, wanted tillwire:tenant/TENANT/device/DEVICE")
        })?;
        let point: &[u8] = parsed.public_key().subject_public_key.as_ref();
        if point.len() != 65 || point.first() != Some(&4) {
            bail!(
                "found a public key of {} bytes, wanted an uncompressed P-256 point",
                point.len()
            );
        }
        Ok(Self {
            device,
            public_key: Arc::from(point),
            key_fingerprint: Digest::of(parsed.public_key().raw),
            serial: data_encoding::HEXLOWER.encode(parsed.raw_serial()),
            not_after: parsed.validity().not_after.timestamp(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_name_survives_a_round_trip() {
        let device = DeviceRef {
            tenant: TenantId::new("acme").unwrap(),
            device: DeviceId::new("d-1").unwrap(),
        };
        assert_eq!(device.uri(), "tillwire:tenant/acme/device/d-1");
        assert_eq!(DeviceRef::from_uri(&device.uri()), Some(device));
    }

    #[test]
    fn names_of_any_other_form_are_refused() {
        for uri in [
            "tillwire:tenant/acme/device/",
            "tillwire:tenant//device/d",
            "tillwire:tenant/acme/device/d/device/e",
            "tillwire:tenant/ac me/device/d",
            "tillwire:tenant/acme/device/D",
            "tillwire:tenant/acme/device/d ",
            "Tillwire:tenant/acme/device/d",
            "https://tenant/acme/device/d",
            "tillwire:tenant/acme/store/d",
            "",
        ] {
            assert_eq!(DeviceRef::from_uri(uri), None, "{uri}");
        }
    }
}
