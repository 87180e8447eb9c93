//! A batch without its envelope: limits hold before anything is allocated, and the chain is always checked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_proto::{Batch, RECORDS_MAX, UNPACKED_LEN_MAX};

fuzz_target!(|bytes: &[u8]| {
    let Ok(batch) = postcard::from_bytes::<Batch>(bytes) else { return };
    assert_eq!(batch.hashes(), batch.unpack().map(|run| run.hashes));
    let Ok(run) = batch.unpack() else { return };
    assert!(run.bodies.len() <= RECORDS_MAX);
    assert!(run.bodies.iter().map(Vec::len).sum::<usize>() <= UNPACKED_LEN_MAX);
    assert_eq!(run.hashes.last(), Some(&batch.last));
});
