//! Bytes that a relay, or whoever stands in its place, may send.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_proto::{AttachmentReceipt, DOWN_LEN_MAX, Envelope, Kind, Receipt, Refusal, RelayHello, Want};

fuzz_target!(|bytes: &[u8]| {
    let Ok(envelope) = Envelope::open(bytes, DOWN_LEN_MAX) else { return };
    assert!(envelope.verify_relay(&[7; 32]).is_err(), "no fuzzer forges a signature");
    match envelope.kind {
        Kind::RelayHello => drop(envelope.decode::<RelayHello>()),
        Kind::Receipt => drop(envelope.decode::<Receipt>()),
        Kind::Want => drop(envelope.decode::<Want>()),
        Kind::AttachmentReceipt => drop(envelope.decode::<AttachmentReceipt>()),
        _ => drop(envelope.decode::<Refusal>()),
    }
});
