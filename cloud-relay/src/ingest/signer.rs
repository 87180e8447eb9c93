//! The key that signs receipts.

use std::sync::Arc;

use ring::signature::Ed25519KeyPair;
use tillwire_proto::{SIGNATURE_LEN, Sign};

/// Signs what goes down to devices.
#[derive(Clone)]
pub struct ReceiptSigner(Arc<Ed25519KeyPair>);

impl ReceiptSigner {
    /// With the key from the relay's key folder.
    #[must_use]
    pub const fn new(key: Arc<Ed25519KeyPair>) -> Self {
        Self(key)
    }
}

impl std::fmt::Debug for ReceiptSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptSigner")
    }
}

impl Sign for ReceiptSigner {
    fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        let mut signature = [0; SIGNATURE_LEN];
        signature.copy_from_slice(self.0.sign(message).as_ref());
        signature
    }
}
