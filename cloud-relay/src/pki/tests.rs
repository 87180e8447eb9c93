//! What a certificate says, read back with another library than the one that wrote it.

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, PKCS_ED25519, SanType};
use tempfile::TempDir;

use super::*;

const NOW_MS: i64 = 1_790_000_000_000;
const DAY: i64 = 24 * 60 * 60;

fn fresh() -> (TempDir, Pki) {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "relay.example".to_owned(),
        "192.0.2.7".to_owned(),
        "::1".to_owned(),
    ];
    let pki = Pki::init(&folder.path().join("keys"), &names, NOW_MS).unwrap();
    (folder, pki)
}

fn device() -> DeviceRef {
    DeviceRef::from_uri("tillwire:tenant/acme/device/d1").unwrap()
}

fn parse(certificate: &CertificateDer<'static>) -> X509Certificate<'static> {
    let bytes: &'static [u8] = Box::leak(certificate.to_vec().into_boxed_slice());
    X509Certificate::from_der(bytes).unwrap().1
}

/// A request that asks for far more than a device gets.
fn greedy_request(key: &KeyPair) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::DnsName("relay.example".try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.serialize_request(key).unwrap().der().to_vec()
}

#[test]
fn a_device_gets_its_key_certified_and_nothing_it_asked_for() {
    let (_folder, pki) = fresh();
    let key = KeyPair::generate().unwrap();
    let asked = DeviceKey::from_request(&greedy_request(&key)).unwrap();
    let issued = pki.issue_device(&device(), &asked, NOW_MS).unwrap();
    let certificate = parse(&issued.chain[0]);

    assert_eq!(
        certificate.public_key().subject_public_key.as_ref(),
        key.public_key_raw()
    );
    let names = &certificate
        .subject_alternative_name()
        .unwrap()
        .unwrap()
        .value
        .general_names;
    assert_eq!(format!("{names:?}"), r#"[URI("tillwire:tenant/acme/device/d1")]"#);
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    assert!(!certificate.is_ca());
    assert_eq!(certificate.validity().not_before.timestamp(), NOW_MS / 1000 - DAY);
    assert_eq!(
        certificate.validity().not_after.timestamp(),
        NOW_MS / 1000 + 3 * 365 * DAY
    );
    assert_eq!(issued.not_after, NOW_MS / 1000 + 3 * 365 * DAY);
    certificate
        .verify_signature(Some(parse(&pki.device_ca).public_key()))
        .unwrap();

    let identity = crate::endpoint::DeviceIdentity::from_certificate(&issued.chain[0]).unwrap();
    assert_eq!(identity.device, device());
    assert_eq!(&identity.public_key[..], key.public_key_raw());
    assert_eq!(identity.key_fingerprint, asked.fingerprint());
    assert_eq!(
        (identity.serial, identity.not_after),
        (issued.serial, issued.not_after)
    );
}

#[test]
fn serial_numbers_are_long_and_never_the_same() {
    let (_folder, pki) = fresh();
    let key = DeviceKey::from_public_key(&spki(&KeyPair::generate().unwrap())).unwrap();
    let serial = || pki.issue_device(&device(), &key, NOW_MS).unwrap().serial;
    let (one, other) = (serial(), serial());
    assert_ne!(one, other);
    assert_eq!((one.len(), other.len()), (32, 32));
}

#[test]
fn the_device_ca_can_sign_neither_cas_nor_servers() {
    let (_folder, pki) = fresh();
    let ca = parse(&pki.device_ca);
    let basic = ca.basic_constraints().unwrap().unwrap().value;
    assert!(basic.ca);
    assert_eq!(basic.path_len_constraint, Some(0));
    let usage = ca.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    let constraints = ca.name_constraints().unwrap().unwrap().value;
    assert_eq!(constraints.excluded_subtrees.as_ref().unwrap().len(), 3);
    ca.verify_signature(Some(parse(&pki.root).public_key())).unwrap();
}

#[test]
fn the_server_certificate_carries_the_names_of_the_relay() {
    let (_folder, pki) = fresh();
    let server = parse(&pki.server);
    let names = &server
        .subject_alternative_name()
        .unwrap()
        .unwrap()
        .value
        .general_names;
    assert_eq!(names.len(), 3);
    let usage = server.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth);
}

#[test]
fn keys_are_sealed_and_an_open_one_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, _) = fresh();
    let keys = folder.path().join("keys");
    assert_eq!(
        std::fs::metadata(&keys).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let mut count = 0;
    for entry in std::fs::read_dir(&keys).unwrap() {
        assert_eq!(
            entry.unwrap().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        count += 1;
    }
    assert_eq!(count, 7);
    let key = keys.join("receipt.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = Pki::open(&keys).unwrap_err().to_string();
    assert!(
        error.contains("found mode 640") && error.contains("chmod 600"),
        "{error}"
    );
}

#[test]
fn a_second_init_leaves_the_keys_alone() {
    let (folder, pki) = fresh();
    let keys = folder.path().join("keys");
    let error = Pki::init(&keys, &["relay.example".to_owned()], NOW_MS)
        .unwrap_err()
        .to_string();
    assert!(error.contains("wanted an empty folder"), "{error}");
    let reopened = Pki::open(&keys).unwrap();
    assert_eq!(reopened.root(), pki.root());
    assert_eq!(reopened.receipt_public_key(), pki.receipt_public_key());
}

#[test]
fn a_half_finished_init_is_finished_by_the_next() {
    let (folder, _) = fresh();
    let keys = folder.path().join("keys");
    std::fs::remove_file(keys.join("root.pem")).unwrap();
    std::fs::write(keys.join("server.part"), "half").unwrap();
    Pki::open(&keys).unwrap_err();
    Pki::init(&keys, &["relay.example".to_owned()], NOW_MS)
        .unwrap()
        .server_config()
        .unwrap();
}

#[test]
fn the_server_certificate_is_renewed_at_two_thirds_of_its_life() {
    let (_folder, mut pki) = fresh();
    assert!(!pki.server_renewal_due(NOW_MS + 264 * DAY * 1000).unwrap());
    let later = NOW_MS + 266 * DAY * 1000;
    assert!(pki.server_renewal_due(later).unwrap());
    let root = pki.root().clone();
    pki.renew_server(&["relay.example".to_owned()], later).unwrap();
    assert!(!pki.server_renewal_due(later).unwrap());
    assert_eq!(pki.root(), &root);
    pki.server_config().unwrap();
}

#[test]
fn requests_that_are_not_ours_say_what_is_wrong() {
    let key = KeyPair::generate().unwrap();
    let good = greedy_request(&key);
    let other = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let cases = [
        (vec![], "not a certificate request"),
        (b"hello".to_vec(), "not a certificate request"),
        ([&good[..], b"x"].concat(), "1 bytes after"),
        (good[..good.len() - 1].to_vec(), "not a certificate request"),
        (greedy_request(&other), "wanted an elliptic curve key on P-256"),
        (vec![0x30; REQUEST_LEN_MAX + 1], "wanted at most 4096"),
    ];
    for (request, words) in cases {
        let error = DeviceKey::from_request(&request).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_changed_request_never_yields_another_key() {
    let key = KeyPair::generate().unwrap();
    let good = greedy_request(&key);
    // the signed part is the first element: header of three bytes, then its length (X.690; 128 to 255 bytes long)
    assert_eq!((good[4], good[5]), (0x30, 0x81));
    let signed = 4..7 + usize::from(good[6]);
    for (index, bit) in (0..good.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
        let mut flipped = good.clone();
        flipped[index] ^= 1 << bit;
        // outside the signed part the parser takes some other spellings of the same signature
        if let Ok(taken) = DeviceKey::from_request(&flipped) {
            assert!(!signed.contains(&index), "bit {bit} flipped at {index}");
            assert_eq!(taken.point(), key.public_key_raw());
        }
    }
}

fn spki(key: &KeyPair) -> Vec<u8> {
    rcgen::PublicKeyData::subject_public_key_info(key)
}

#[test]
fn a_broker_is_who_devices_trust_and_the_relay_towards_it_is_no_device() {
    let (folder, pki) = fresh();
    let names = ["mqtt.example".to_owned(), "192.0.2.8".to_owned()];
    let files = pki.broker_files(&names, NOW_MS).unwrap();
    assert_eq!(files.server.matches("BEGIN CERTIFICATE").count(), 2);
    assert_eq!(files.clients.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(files.server_key.contains("BEGIN PRIVATE KEY"));
    pki.broker_client_config(NOW_MS).unwrap();
    let path = folder.path().join("keys/broker-client.pem");
    let client = files::read_certificate(&path).unwrap();
    let parsed = parse(&client);
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    let error = crate::endpoint::DeviceIdentity::from_certificate(&client).unwrap_err();
    assert!(error.to_string().contains("names nobody"), "{error}");
}

#[test]
fn the_certificate_towards_a_broker_is_renewed_when_a_third_of_its_life_is_left() {
    let (folder, pki) = fresh();
    let path = folder.path().join("keys/broker-client.pem");
    let at = |days: i64| {
        pki.broker_client_config(NOW_MS + days * DAY * 1000).unwrap();
        files::read_certificate(&path).unwrap()
    };
    let first = at(0);
    assert_eq!(at(264), first);
    let second = at(266);
    assert_ne!(second, first);
    // without the root's key the one that is there goes on
    std::fs::remove_file(folder.path().join("keys/root.key")).unwrap();
    assert_eq!(at(266 + 300), second);
}
