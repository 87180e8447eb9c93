//! Certificates: what each kind may do, how long it lives, and nothing that the requester chose but its public key.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, SanType,
    SerialNumber, SigningKey,
};
use rustls_pki_types::CertificateDer;

use crate::endpoint::DeviceRef;

/// The root outlives every store computer that pins it.
const ROOT_LIFE: Duration = days(365 * 20);
/// Several device CAs may be trusted at once, so this one can be replaced long before its end.
const DEVICE_CA_LIFE: Duration = days(365 * 5);
/// Renewed by the relay itself ([`super::Pki::renew_server`]).
const SERVER_LIFE: Duration = days(397);
/// As long as a box usually stands in a store. What ends a device's access is its row at the relay, which the endpoint
/// asks at every connection and publish; a certificate that ran out by itself would only silence a store.
const DEVICE_LIFE: Duration = days(365 * 3);
/// Peers' clocks may be behind ours by this much.
const BACKDATE: Duration = days(1);

/// What a store's box verifies was valid before any agent was released. A box without a battery wakes up in 1970 and
/// takes its program's release date for the time: a certificate that begins later would keep it out until somebody
/// sets its clock.
const BEFORE_ANY_AGENT: i32 = 2026;

const fn days(count: u64) -> Duration {
    Duration::from_secs(24 * 60 * 60 * count)
}

/// A key with its certificate.
pub(super) struct Made {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: KeyPair,
}

/// The root, signed by itself. It signs the device CAs and the server certificate, never a device.
pub(super) fn make_root(now_ms: i64) -> Result<Made> {
    let key = KeyPair::generate()?;
    let mut params = params("Tillwire root CA", now_ms, ROOT_LIFE)?;
    params.not_before = rcgen::date_time_ymd(BEFORE_ANY_AGENT, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(Made {
        certificate: params.self_signed(&key)?.into(),
        key,
    })
}

/// A CA that can only make client certificates without host names or addresses: path length 0, extended key usage
/// and name constraints say so to every verifier that starts at the root.
pub(super) fn make_device_ca(root: &Issuer<'_, impl SigningKey>, now_ms: i64) -> Result<Made> {
    let key = KeyPair::generate()?;
    // tells two CAs apart during a rollover
    let name = format!("Tillwire device CA {}", now_ms / 1000);
    let mut params = params(&name, now_ms, DEVICE_CA_LIFE)?;
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

/// A server's certificate for the names and addresses that devices know it by: the relay's own, or a broker's.
pub(super) fn make_server(
    root: &Issuer<'_, impl SigningKey>,
    called: &str,
    names: &[String],
    now_ms: i64,
) -> Result<Made> {
    if names.is_empty() {
        bail!("found no name for the server, wanted at least one host name or address");
    }
    let key = KeyPair::generate()?;
    let mut params = params(called, now_ms, SERVER_LIFE)?;
    params.not_before = rcgen::date_time_ymd(BEFORE_ANY_AGENT, 1, 1);
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

/// The relay's certificate towards a broker: a client without a name that the endpoint would take for a device.
pub(super) fn make_client(root: &Issuer<'_, impl SigningKey>, called: &str, now_ms: i64) -> Result<Made> {
    let key = KeyPair::generate()?;
    let mut params = params(called, now_ms, SERVER_LIFE)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(Made {
        certificate: params.signed_by(&key, root)?.into(),
        key,
    })
}

/// A certificate for a device's public key. A broker reads its common name as the user's, which its rules turn into the
/// device's topics; we read the URI.
pub(super) fn make_device(
    issuer: &Issuer<'_, impl SigningKey>,
    device: &DeviceRef,
    key: &impl PublicKeyData,
    now_ms: i64,
) -> Result<CertificateDer<'static>> {
    let mut params = params(&device.to_string(), now_ms, DEVICE_LIFE)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![SanType::URI(device.uri().as_str().try_into()?)];
    Ok(params.signed_by(key, issuer)?.into())
}

fn params(name: &str, now_ms: i64, life: Duration) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(random_serial()?);
    params.use_authority_key_identifier_extension = true;
    let now = u64::try_from(now_ms).ok().map(Duration::from_millis);
    let now = now.filter(|&now| now >= BACKDATE);
    let now = now.with_context(|| format!("found the time {now_ms} ms, wanted one after 1970-01-01"))?;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + (now - BACKDATE);
    params.not_after = epoch + (now + life);
    Ok(params)
}

/// 127 random bits: unique without a counter, and it tells nobody how many certificates there are.
fn random_serial() -> Result<SerialNumber> {
    let mut bytes = crate::random::<16>()?;
    // positive, and never with a leading zero byte
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
