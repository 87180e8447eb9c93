//! Bytes that a device may send: taken apart and decoded as every kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_proto::{AgentHello, AttachmentBundle, AttachmentChunk, Batch, Envelope, Kind, UP_LEN_MAX};

fuzz_target!(|bytes: &[u8]| {
    let Ok(envelope) = Envelope::open(bytes, UP_LEN_MAX) else { return };
    assert!(envelope.body.len() < bytes.len());
    match envelope.kind {
        Kind::Batch => drop(envelope.decode::<Batch>().map(|batch| batch.unpack())),
        Kind::AttachmentBundle => drop(envelope.decode::<AttachmentBundle>().map(|bundle| bundle.unpack())),
        Kind::Attachment => drop(envelope.decode::<AttachmentChunk>()),
        _ => drop(envelope.decode::<AgentHello>()),
    }
});
