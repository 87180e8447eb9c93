//! Certificates: what each kind may do, how long it lives, and nothing that the requester chose but its public key.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, SanType,
    SerialNumber, SigningKey,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::CertificateDer;

use crate::endpoint::DeviceRef;

/// The root outlives every store computer that pins it.
const ROOT_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365 * 20);
/// Several device CAs may be trusted at once, so this one can be replaced long before its end.
const DEVICE_CA_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365 * 5);
/// Renewed by the relay itself ([`super::Pki::renew_server`]).
const SERVER_LIFE: SignedDuration = SignedDuration::from_hours(24 * 397);
/// Short, because revocation outside the relay is passive: a certificate that is not renewed ends.
pub(super) const DEVICE_LIFE: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Peers' clocks may be behind ours by this much.
const BACKDATE: SignedDuration = SignedDuration::from_hours(24);

/// A key with its certificate.
pub(super) struct Made {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: KeyPair,
}

/// The root, signed by itself. It signs the device CAs and the server certificate, never a device.
pub(super) fn make_root(now: Timestamp) -> Result<Made> {
    let key = KeyPair::generate()?;
    let mut params = params("Tillwire root CA", now, ROOT_LIFE)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(Made {
        certificate: params.self_signed(&key)?.into(),
        key,
    })
}

/// A CA that can only make client certificates without host names or addresses: path length 0, extended key usage
/// and name constraints say so to every verifier that starts at the root.
pub(super) fn make_device_ca(root: &Issuer<'_, impl SigningKey>, now: Timestamp) -> Result<Made> {
    let key = KeyPair::generate()?;
    // the year and month tell two CAs apart during a rollover
    let name = format!("Tillwire device CA {}", now.strftime("%Y-%m"));
    let mut params = params(&name, now, DEVICE_CA_LIFE)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![],
        excluded_subtrees: vec![
            GeneralSubtree::DnsName(String::new()),
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    });
    Ok(Made {
        certificate: params.signed_by(&key, root)?.into(),
        key,
    })
}

/// The relay's own certificate for the names and addresses that devices know it by.
pub(super) fn make_server(
    root: &Issuer<'_, impl SigningKey>,
    names: &[String],
    now: Timestamp,
) -> Result<Made> {
    if names.is_empty() {
        bail!("found no name for the relay, wanted at least one host name or address");
    }
    let key = KeyPair::generate()?;
    let mut params = params("Tillwire relay", now, SERVER_LIFE)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => {
                let host = name.as_str().try_into();
                SanType::DnsName(host.with_context(|| format!("found {name:?}, wanted a host name"))?)
            }
        });
    }
    Ok(Made {
        certificate: params.signed_by(&key, root)?.into(),
        key,
    })
}

/// A certificate for a device's public key.
pub(super) fn make_device(
    issuer: &Issuer<'_, impl SigningKey>,
    device: &DeviceRef,
    key: &impl PublicKeyData,
    now: Timestamp,
) -> Result<CertificateDer<'static>> {
    let mut params = params(device.device.as_str(), now, DEVICE_LIFE)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![SanType::URI(device.uri().as_str().try_into()?)];
    Ok(params.signed_by(key, issuer)?.into())
}

fn params(name: &str, now: Timestamp, life: SignedDuration) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(random_serial()?);
    params.use_authority_key_identifier_extension = true;
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_1970(now.checked_sub(BACKDATE)?)?;
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_1970(now.checked_add(life)?)?;
    Ok(params)
}

fn since_1970(time: Timestamp) -> Result<Duration> {
    let seconds = u64::try_from(time.as_second()).ok();
    seconds
        .map(Duration::from_secs)
        .with_context(|| format!("found the time {time}, wanted one after 1970"))
}

/// 127 random bits: unique without a counter, and it tells nobody how many certificates there are.
fn random_serial() -> Result<SerialNumber> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .ok()
        .context("the system gives no randomness")?;
    // positive, and never with a leading zero byte
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
