//! The key with which the relay seals what it hears itself, as a device seals what it hears.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use tillwire_proto::{Digest, SIGNATURE_LEN, Sign};

use super::{Pki, files};

/// The key.
pub struct CloudKey {
    pair: EcdsaKeyPair,
    point: Vec<u8>,
    fingerprint: Digest,
    random: SystemRandom,
}

impl std::fmt::Debug for CloudKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CloudKey({})", self.fingerprint)
    }
}

impl CloudKey {
    /// Its public point, uncompressed (65 bytes).
    #[must_use]
    pub fn public_point(&self) -> Vec<u8> {
        self.point.clone()
    }

    /// SHA-256 of its `SubjectPublicKeyInfo`.
    #[must_use]
    pub const fn fingerprint(&self) -> Digest {
        self.fingerprint
    }
}

impl Sign for CloudKey {
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

impl Pki {
    /// The key, made where there is none yet.
    ///
    /// # Errors
    /// Names the file that cannot be read or written.
    pub fn cloud_key(&self) -> Result<Arc<CloudKey>> {
        let path = self.folder.join("cloud.key");
        if !path.exists() {
            let made = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot make a key")?;
            files::write_pem(&path, "PRIVATE KEY", &made.serialize_der())?;
        }
        let key = files::read_key_pair(&path)?;
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &random);
        Ok(Arc::new(CloudKey {
            pair: pair.map_err(|error| anyhow!("{} holds no P-256 key: {error}", path.display()))?,
            point: key.public_key_raw().to_vec(),
            fingerprint: Digest::of(&key.subject_public_key_info()),
            random,
        }))
    }
}
